"""Time and memory of the report, beside the same figures from the usual packages in a loop.

    python benchmarks/report.py [ISSUES ...] [--draws 2000]

Makes runs of synthetic issues (the shipped codebook, 200 repositories, a proposal with confidence
and the labels of two raters for every issue) and reports each in a process of its own. The loop
computes Cohen's kappa (scikit-learn) and Krippendorff's alpha (krippendorff) of the same three
pairs at both levels; it runs a few draws and the time is scaled to all of them. Seconds are wall
clock, CPU seconds in brackets. Memory is the process's peak, Python and imports included.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (10_000, 50_000, 100_000)
LOOP_DRAWS = 3
REPOSITORIES = 200
RATERS = ("ann", "bea")


def make(runs: Path, issues: int) -> Path:
    """A run on disk in which the model is right in 60% of issues and each rater in 80%."""
    from coder.codebook import load as codebooks
    from coder.files.resources import shipped
    from coder.records import Issue, Label, Manifest, Proposal, ScoredCode, Status
    from coder.storage.run import Run, data_hash

    draw = random.Random(issues)
    source = shipped("codebook") / "ptm-reuse.yaml"
    book = codebooks.load(source)
    leaves = [code.id for code in book.leaves]
    words = [
        "".join(draw.choices("abcdefghijklmnoprstuvw", k=draw.randint(2, 9))) for _ in range(5_000)
    ]
    texts = [
        Issue(
            id=f"i{n}",
            repo=f"owner/{draw.randrange(REPOSITORIES)}",
            title=" ".join(draw.choices(words, k=8)),
            body=" ".join(draw.choices(words, k=150)),
        )
        for n in range(issues)
    ]
    truth = {issue.id: draw.choice(leaves) for issue in texts}
    run = Run.create_or_resume(
        runs,
        Manifest(
            name=f"n{issues}", codebook_id=book.id, codebook_version=book.version,
            codebook_hash=book.hash, data_hash=data_hash(texts), issues=issues,
            model={"kind": "synthetic"},
        ),
        texts,
        source.read_text(encoding="utf-8"),
    )  # fmt: skip

    def said(issue_id: str, right: float) -> str:
        return truth[issue_id] if draw.random() < right else draw.choice(leaves)

    run.proposals.append(
        Proposal(
            id=f"p{issue.id}", issue_id=issue.id, issue_hash=issue.hash, status=Status.OK,
            codes=(ScoredCode(code=said(issue.id, 0.6), confidence=round(draw.random(), 3)),),
            rationale=" ".join(draw.choices(words, k=15)),
        )
        for issue in texts
    )  # fmt: skip
    for rater in RATERS:
        run.label_journal(rater).append(
            Label(issue_id=issue.id, rater=rater, codes=(said(issue.id, 0.8),)) for issue in texts
        )
    return run.path


def measure(path: Path, draws: int) -> None:
    from coder.report import build_report
    from coder.storage.run import Run

    started, cpu = time.perf_counter(), time.process_time()
    report = build_report(Run(path), draws=draws)
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert all(pair.n == report.coverage.issues for pair in report.pairs)
    print(f"{wall:.1f} s ({used:.1f}) | {peak:,.0f} MB", end="")


def loop(path: Path, draws: int) -> None:
    """The kappas and alphas of the report, each draw computed anew, with plain arrays at hand."""
    import krippendorff
    import numpy as np
    from sklearn.metrics import cohen_kappa_score

    from coder.storage.run import Run

    run = Run(path)
    leaves = [code.id for code in run.codebook.leaves]
    number = {code: i for i, code in enumerate(leaves)}
    ids = list(run.issues)
    said = {p.issue_id: p.codes[0].code for p in run.proposals}
    answers = [[number[said[i]] for i in ids]]
    for rater in RATERS:
        labels = run.labels(rater)
        answers.append([number[labels[i].codes[0]] for i in ids])
    code = np.array(answers)
    tops = [run.codebook.category(leaf) for leaf in leaves]
    category = np.array([sorted(set(tops)).index(top) for top in tops])[code]
    names = [run.issues[i].repo for i in ids]
    members: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        members.setdefault(name, []).append(at)
    groups = [np.array(at) for at in members.values()]
    rng = np.random.default_rng(0)
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(LOOP_DRAWS):
        drawn = np.concatenate([groups[g] for g in rng.integers(len(groups), size=len(groups))])
        for level in (category, code):
            for left, right in ((0, 1), (0, 2), (1, 2)):
                pair = level[[left, right]][:, drawn]
                cohen_kappa_score(*pair)
                krippendorff.alpha(pair, level_of_measurement="nominal")
    each = draws / LOOP_DRAWS
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    print(f"{wall * each:,.0f} s ({used * each:,.0f})", end="")


def main(sizes: list[int], draws: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"| issues | report, {draws:,} draws | peak | kappa and alpha alone, in a loop |")
        print("|---|---|---|---|")
        for issues in sizes:
            path = make(Path(folder), issues)
            print(f"| {issues:,} | ", end="", flush=True)
            for what in ("--measure", "--loop"):
                command = [sys.executable, __file__, what, str(path), "--draws", str(draws)]
                subprocess.run(command, check=True)
                print(" | " if what == "--measure" else " |\n", end="", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("issues", nargs="*", type=int)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--loop", type=Path)
    given = parser.parse_args()
    if given.measure or given.loop:
        (measure if given.measure else loop)(given.measure or given.loop, given.draws)
    else:
        main(given.issues or list(SIZES), given.draws)
