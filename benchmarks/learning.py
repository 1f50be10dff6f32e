"""How much the embedded proposer learns from the first labels of a rater, and what that costs.

    python benchmarks/learning.py DATA_FOLDER

DATA_FOLDER holds nlbse2024_train.csv.gz (see nlbse.py) and hf_reuse_questions.jsonl (see
hf_reuse.py). Prints a Markdown table: issues in a random order, the model fitted to the first k
labels as a review does it, tried on the issues that come next; the mean over several orders, and
where all but the lowest and the highest twentieth of them lie. Then the seconds a fit takes in a
review, and the time from a key to the next issue while one is going on.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hf_reuse import BOOK, MAP, maps
from nlbse import CODEBOOK, read
from sklearn.metrics import cohen_kappa_score

from coder.codebook import load as codebooks
from coder.files.resources import find
from coder.proposers.embedded import EmbeddedProposer
from coder.records import (
    Action,
    Codebook,
    Decision,
    Example,
    Issue,
    Manifest,
    Proposal,
    ScoredCode,
    Status,
)
from coder.retrieval.embedders import Encoder, Vectors, open_embedder
from coder.retrieval.embedding_cache import FILE, remembered
from coder.review.learning import Learner
from coder.review.learning_worker import LearningWorker, propose
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.run import Run, data_hash

LABELS = (0, 10, 25, 50, 100, 200, 400)
NEXT = 50
"""Issues the model is tried on after k labels: those that come next."""
ANSWERED = (50, 200, 1000)
READING = 0.3
"""Seconds between two answers while latency is measured."""


class Whole:
    """Texts as vectors without their tokens, which evidence alone needs; nothing encoded twice."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.id = encoder.id

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._encoder.encode(texts)


# --- the learning curve -------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """How suggestions did on some issues; ``top`` is how often the code was among three."""

    accuracy: float
    kappa: float
    top: float


def told(proposals: Sequence[Proposal]) -> list[list[str]]:
    """Each proposal's codes, the likeliest first, also where it is not sure and only ranks them;
    the first of one that says that no code fits is none."""
    return [
        ["none"] * (p.status is Status.ABSTAINED) + [s.code for s in (*p.codes, *p.runners_up)]
        for p in proposals
    ]


def tried(ranked: Sequence[Sequence[str]], true: Sequence[str]) -> Tried:
    first = [codes[0] for codes in ranked]
    pairs = list(zip(ranked, true, strict=True))
    same = len({*first, *true}) == 1
    return Tried(
        float(np.mean([codes[0] == code for codes, code in pairs])),
        1.0 if same else float(cohen_kappa_score(first, true)),
        float(np.mean([code in codes[:3] for codes, code in pairs])),
    )


def curve(name: str, book: Codebook, data: list[Example], orders: int, encoder: Encoder) -> None:
    cold = EmbeddedProposer.fit(book, [], encoder=encoder)
    unaided: dict[str, list[str]] = {}
    found: dict[tuple[int, str], list[Tried]] = {}
    sizes: dict[int, int] = {}
    for seed in range(orders):
        order = random.Random(seed).sample(data, len(data))
        for k in LABELS:
            known, tested = order[:k], order[k : k + NEXT]
            if len(tested) < NEXT:
                continue
            true = [example.codes[0] for example in tested]
            for example in tested:
                if example.issue.id not in unaided:
                    (said,) = told(list(cold.propose([example.issue], lambda _: None)))
                    unaided[example.issue.id] = said
            often = [code for code, _ in Counter(e.codes[0] for e in known).most_common()]
            proposer = EmbeddedProposer.fit(book, known, encoder=encoder, quick=True)
            learnt = told(list(proposer.propose((e.issue for e in tested), lambda _: None)))
            sizes[k] = len(tested)
            found.setdefault((k, "learnt"), []).append(tried(learnt, true))
            said = [unaided[e.issue.id] for e in tested]
            found.setdefault((k, "cold"), []).append(tried(said, true))
            if often:
                majority = tried([often] * len(tested), true)
                found.setdefault((k, "majority"), []).append(majority)
            print(name, seed, k, found[k, "learnt"][-1], file=sys.stderr, flush=True)
    print(f"\n{name}: {len(data)} labels, {len(book.leaves)} codes, {orders} orders\n")
    print("| labels | accuracy | kappa | among three | cold | cold, kappa | cold, among three "
          "| majority | majority, among three |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for k in sizes:
        cells = [
            spread([getattr(t, what) for t in found.get((k, who), [])])
            for who, whats in (
                ("learnt", ("accuracy", "kappa", "top")),
                ("cold", ("accuracy", "kappa", "top")),
                ("majority", ("accuracy", "top")),
            )
            for what in whats
        ]
        print(f"| {k} | {' | '.join(cells)} |", flush=True)


def spread(values: list[float]) -> str:
    if not values:
        return "–"
    low, high = np.quantile(values, [0.05, 0.95])
    figures = (f"{x:.2f}".replace("0.", ".") for x in (np.mean(values), low, high))
    return "{} [{}, {}]".format(*figures)


def hf_questions(folder: Path, temporary: Path) -> list[Example]:
    """The questions that rater 1 coded, as the import makes them."""
    source = str((folder / "hf_reuse_questions.jsonl").resolve())
    made = temporary / "hf.jsonl"
    command = [sys.executable, "-m", "coder", "import", source, "-o", str(made), *maps(MAP)]
    subprocess.run(command, check=True, capture_output=True)
    resolve = codebooks.resolver(codebooks.load(BOOK))
    rows = [json.loads(line) for line in Path(source).read_text("utf-8").split("\n") if line]
    codes = {str(row["row"]): resolve(row["rater1"]) for row in rows if row["rater1"]}
    lines = made.read_text("utf-8").split("\n")
    issues = [Issue.model_validate_json(line) for line in lines if line]
    return [Example(issue=i, codes=(codes[i.id],)) for i in issues if i.id in codes]


# --- what a fit costs ---------------------------------------------------------------------------


def cost(issues: list[Issue], answered: int, temporary: Path) -> None:
    """A fit to so many answers, and how a review feels meanwhile."""
    path = find("codebook", "ptm-reuse", ".yaml", temporary)
    book = codebooks.load(path)
    leaves = [code.id for code in book.leaves]
    chance = random.Random(0)
    manifest = Manifest(
        name="cost",
        codebook_id=book.id,
        codebook_version=book.version,
        codebook_hash=book.hash,
        data_hash=data_hash(issues),
        issues=len(issues),
        model={"kind": "classifier", "name": "embedded"},
    )
    shutil.rmtree(temporary / "cost", ignore_errors=True)
    shutil.rmtree(temporary / ".cache", ignore_errors=True)
    run = Run.create_or_resume(temporary, manifest, issues, path.read_text("utf-8"))
    run.proposals.append(
        Proposal(
            id=f"p{number}",
            issue_id=issue.id,
            issue_hash=issue.hash,
            status=Status.OK,
            codes=(ScoredCode(code=chance.choice(leaves), confidence=0.3),),
        )
        for number, issue in enumerate(issues)
    )
    # Codes at random: harder to fit than a person's.
    run.decision_journal("a").append(
        Decision(
            id=f"d{number}",
            issue_id=issue.id,
            proposal_id=f"p{number}",
            rater="a",
            action=Action.CORRECT,
            codes=(chance.choice(leaves),),
            codebook_hash=book.hash,
        )
        for number, issue in enumerate(issues[:answered])
    )
    encoder = open_embedder("minilm")
    assert encoder is not None
    refitter = LearningWorker(run, "a", remembered(encoder, temporary / ".cache" / FILE))
    for vectors in ("none", "all"):
        started, cpu = time.perf_counter(), time.process_time()
        _, proposer = refitter.fit()
        next(propose(proposer, issues[-1:]))
        print(
            f"{answered} answers, {vectors} of their vectors kept: "
            f"{time.process_time() - cpu:.1f} s of a processor, "
            f"{time.perf_counter() - started:.1f} s by the clock"
        )
    keys(run, "b", None)
    with Learner(run, "a", embedder="minilm", cache=temporary / ".cache") as learner:
        keys(run, "a", learner)


def keys(run: Run, rater: str, learner: Learner | None) -> None:
    """The time from key to next issue, while a fit is going on or with nothing beside."""
    chance = random.Random(1)
    leaves = [code.id for code in run.codebook.leaves]
    session = ReviewSession(run, rater, Order.FILE, suggester=learner)
    seconds: list[float] = []
    while len(seconds) < 50 and (learner is None or learner.fitting):
        started = time.perf_counter()
        session.choose([chance.choice(leaves)])
        seconds.append(time.perf_counter() - started)
        time.sleep(READING)
    ms = 1000 * np.array(seconds)
    print(
        f"  key to next issue {'while a fit goes on' if learner else 'without'}: "
        f"median {np.median(ms):.1f} ms, 95th {np.quantile(ms, 0.95):.1f}, "
        f"worst {ms.max():.1f} (n {len(ms)})",
        flush=True,
    )


def main() -> None:
    csv.field_size_limit(2**31 - 1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--part", choices=("hf", "nlbse", "cost"), help="only this part")
    given = parser.parse_args()
    encoder = open_embedder("minilm")
    assert encoder is not None
    nlbse = read(given.folder / "nlbse2024_train.csv.gz")
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder)
        whole = Whole(remembered(encoder, temporary / "vectors.sqlite"))
        if given.part in (None, "hf"):
            questions = hf_questions(given.folder, temporary)
            curve("hf_reuse_questions", codebooks.load(BOOK), questions, given.orders, whole)
        if given.part in (None, "nlbse"):
            curve("nlbse2024", codebooks.load(CODEBOOK), nlbse, given.orders, whole)
        if given.part in (None, "cost"):
            issues = random.Random(0).sample([example.issue for example in nlbse], len(nlbse))
            for answered in ANSWERED:
                cost(issues, answered, temporary)


if __name__ == "__main__":
    main()
