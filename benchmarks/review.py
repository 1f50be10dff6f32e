"""Opening a review of 15,207 issues in every order, and the time from a key to the next issue.

    python benchmarks/review.py DATA_FOLDER [KEYS=40]

``DATA_FOLDER`` holds ``llm_app_issues_15207.jsonl.gz``. The issues are the real ones. The proposals
and the decisions of two raters on 3,000 issues each are made up, with the fields and sizes of real
ones: a quarter of an hour of embedding would add nothing to what is measured here. Each opening
runs in a process of its own and is measured without Python's start; figures are medians of three
openings and of all keys. A key is Enter, which accepts: from the call until the next issue is read
(session), and from the key until the screen has settled (Textual's test pilot, which draws into
memory).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coder.cli.screen.review import ReviewApp
from coder.codebook import load as codebooks
from coder.files import resources
from coder.records import (
    Action,
    Decision,
    Evidence,
    Issue,
    Manifest,
    Proposal,
    ScoredCode,
    Status,
)
from coder.review.queues import Only, Order, novelty_file
from coder.review.session import ReviewSession
from coder.storage.journal import Journal
from coder.storage.run import Run, data_hash

OPENINGS = 3
QUEUES: dict[str, tuple[Order, Only, str]] = {
    "random": (Order.RANDOM, Only(), "new"),
    "random, after 3,000 answers": (Order.RANDOM, Only(), "ann"),
    "--order uncertain": (Order.UNCERTAIN, Only(), "new"),
    "--order disagreement, raters": (Order.DISAGREEMENT, Only(), "new"),
    "--order disagreement --against b": (Order.DISAGREEMENT, Only(), "new"),
    "--order novel, the first time": (Order.NOVEL, Only(), "new"),
    "--order novel": (Order.NOVEL, Only(), "new"),
    "--order novel, after 3,000 answers": (Order.NOVEL, Only(), "ann"),
    "--order file": (Order.FILE, Only(), "new"),
    "--code model-usage": (Order.RANDOM, Only(code="model-usage"), "new"),
    "--repo infiniflow/ragflow": (Order.RANDOM, Only(repo="infiniflow/ragflow"), "new"),
    "--flagged anyone": (Order.RANDOM, Only(flagged="anyone"), "new"),
    "--stale": (Order.RANDOM, Only(stale=True), "bea"),
}


def open_queue(runs: Path, name: str) -> ReviewSession:
    order, only, rater = QUEUES[name]
    against = Run.open(runs, "b") if "against" in name else None
    return ReviewSession(Run.open(runs, "a"), rater, order, only, against)


def child(runs: Path, name: str, keys: int) -> None:
    """Seconds and seconds of processor to open a queue, and milliseconds a key, as JSON."""
    cpu, wall = time.process_time(), time.perf_counter()
    session = open_queue(runs, name)
    opened = [time.perf_counter() - wall, time.process_time() - cpu]
    taken = []
    for _ in range(keys):
        started = time.perf_counter()
        session.enter() if session.view.answerable else session.skip()
        taken.append(1000 * (time.perf_counter() - started))
    print(json.dumps([*opened, taken]))


async def on_screen(session: ReviewSession, keys: int) -> tuple[list[float], list[float], float]:
    """Milliseconds from each Enter until the screen has settled, by the clock and of the processor,
    and keys for each decision."""
    app = ReviewApp(session)
    taken: list[float] = []
    cpu: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        while len(taken) < keys:
            if not session.view.answerable:
                session.skip()
                continue
            started, cpu_started = time.perf_counter(), time.process_time()
            await pilot.press("enter")
            taken.append(1000 * (time.perf_counter() - started))
            cpu.append(1000 * (time.process_time() - cpu_started))
    return taken, cpu, keys / session.view.tally[Action.ACCEPT]


def measured(runs: Path, name: str, keys: int) -> list[list[float]]:
    """Of every opening its seconds, and of all keys their milliseconds."""
    found: list[list[float]] = [[], [], []]
    for _ in range(OPENINGS):
        if "first time" in name:
            novelty_file(Run.open(runs, "a")).unlink(missing_ok=True)
        command = [sys.executable, __file__, "--child", str(runs), name, str(keys)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        wall, cpu, taken = json.loads(done.stdout)
        found[0].append(wall)
        found[1].append(cpu)
        found[2] += taken
        Run.open(runs, "a").decision_journal("new").path.unlink(missing_ok=True)
    return found


def most(taken: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(taken, n=20)[-1]


def make_runs(runs: Path, issues: list[Issue]) -> Run:
    """Run ``a`` with three raters, and run ``b``, whose proposals differ on a third."""
    text = resources.find("codebook", "ptm-reuse", ".yaml", Path.cwd()).read_text(encoding="utf-8")
    book, problems = codebooks.parse(text)
    assert book is not None, problems
    leaves = [code.id for code in book.leaves]
    drawn = random.Random(1)
    made = []
    for name in ("a", "b"):
        manifest = Manifest(
            name=name, codebook_id=book.id, codebook_version=book.version,
            codebook_hash=book.hash, data_hash=data_hash(issues), issues=len(issues),
            model={"name": "made up"},
        )  # fmt: skip
        run = Run.create_or_resume(runs, manifest, issues, text)
        base = made[0].latest_proposals() if made else {}
        with run.proposing():
            run.proposals.append(propose(issue, leaves, drawn, base) for issue in issues)
        made.append(run)
    for rater, count, code_hash in (
        ("ann", 3000, book.hash), ("bea", 3000, "0" * 64), ("cem", 3000, book.hash),
    ):  # fmt: skip
        proposals = list(made[0].latest_proposals().values())[:count]
        journal = made[0].decision_journal(rater)
        journal.append(decide(p, rater, code_hash, leaves, drawn) for p in proposals)
    return made[0]


def propose(
    issue: Issue, leaves: list[str], drawn: random.Random, base: dict[str, Proposal]
) -> Proposal:
    """What the embedded proposer might have said: three codes, a reason, two quotes."""
    ranked = drawn.sample(leaves, 4)
    if issue.id in base and base[issue.id].codes and drawn.random() < 2 / 3:
        ranked[0] = base[issue.id].codes[0].code
    sure = sorted((drawn.betavariate(2, 3) for _ in ranked), reverse=True)
    status = drawn.choices([Status.OK, Status.ABSTAINED, Status.FAILED], [93, 5, 2])[0]
    quotes = []
    for _ in range(2):
        start = drawn.randrange(max(1, len(issue.text) - 90))
        quote = issue.text[start : start + 90]
        quotes.append(
            Evidence(quote=quote, start=start, end=start + len(quote), verified=True)
        )  # fmt: skip
    scored = [ScoredCode(code=c, confidence=p) for c, p in zip(ranked, sure, strict=True)]
    return Proposal(
        id=f"{drawn.getrandbits(128):032x}", issue_id=issue.id, issue_hash=issue.hash,
        status=status, codes=tuple(scored[:1]) if status is Status.OK else (),
        runners_up=tuple(scored[1:]), evidence=tuple(quotes), model="made up", seconds=0.06,
        rationale="These sentences are nearest in meaning to the definition of the code, which "
        "the issue resembles more than the definitions of all others.",
    )  # fmt: skip


def decide(
    proposal: Proposal, rater: str, code_hash: str, leaves: list[str], drawn: random.Random
) -> Decision:
    action = drawn.choices([Action.ACCEPT, Action.CORRECT, Action.FLAG], [70, 25, 5])[0]
    codes = {
        Action.ACCEPT: tuple(scored.code for scored in proposal.codes),
        Action.CORRECT: (drawn.choice(leaves),),
        Action.FLAG: (),
    }[action]
    return Decision(
        id=f"{drawn.getrandbits(128):032x}", issue_id=proposal.issue_id, proposal_id=proposal.id,
        rater=rater, action=action, codes=codes, seconds=12.5, queue="file",
        codebook_hash=code_hash,
    )  # fmt: skip


def command(*words: str) -> float:
    """Seconds of processor that a command takes, with the start of Python."""
    before = sum(os.times()[2:4])
    subprocess.run([sys.executable, "-m", "coder", *words], check=True, capture_output=True)
    return sum(os.times()[2:4]) - before


def main(data: Path, keys: int) -> None:
    source = data.resolve() / "llm_app_issues_15207.jsonl.gz"
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "coder", "init", folder], check=True)
        os.chdir(folder)
        command("import", str(source), "-o", "all.jsonl")
        runs = Path(folder) / "runs"
        run = make_runs(runs, list(Journal(Path("all.jsonl"), Issue)))
        print(
            "| queue | open, s | processor, s | a key, ms | 95% below, ms |\n|---|---|---|---|---|"
        )
        for name in QUEUES:
            wall, cpu, taken = measured(runs, name, keys)
            middle = [statistics.median(values) for values in (wall, cpu, taken)]
            print(
                f"| {name} | {middle[0]:.2f} | {middle[1]:.2f} | {middle[2]:.0f} "
                f"| {most(taken):.0f} |",
                flush=True,
            )
        for name in ("random", "--order novel"):
            taken, cpu, each = asyncio.run(on_screen(open_queue(runs, name), keys))
            print(
                f"on the screen, {name}: {statistics.median(taken):.0f} ms a key, of which the "
                f"processor {statistics.median(cpu):.0f} (95% below {most(cpu):.0f}); "
                f"{each:.2f} keys a decision where the suggestion is right"
            )
            run.decision_journal("new").path.unlink()
        print(f"coder status: {command('status', 'a'):.1f} s of processor")
        print(f"coder assign: {command('assign', 'a', '--raters', 'x,y,z'):.1f} s of processor")


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        child(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 40)
