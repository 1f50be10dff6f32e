"""Of which issues the classifier is "not sure" without labels, and how right it is of the others.

    python benchmarks/not_sure.py DATA_FOLDER

``DATA_FOLDER`` holds ``hf_reuse_questions.jsonl``, ``inex_bug_343.jsonl`` and
``llm_app_issues_15207.jsonl.gz``. Questions about models are coded by their own codebook, issues
of npm packages, which are about something else, by the same one. Of random issues of LLM
applications, coded by ``ptm-reuse``, one person read what was proposed and said whether it is
plausible: ``plausible.csv`` has the verdicts. Intervals are Wilson's.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from choice import causes, questions

from coder.agreement import cohen_kappa
from coder.agreement.intervals import wilson
from coder.codebook import load as codebooks
from coder.proposers.embedded import EmbeddedProposer
from coder.records import Codebook, Issue, Proposal, Status
from coder.retrieval.embedders import open_embedder

VERDICTS = Path(__file__).with_name("plausible.csv")
SEED, HOW_MANY = 31, 800
MADE_ON, SO_MANY = 27, 1200
"""Seed and number of the issues that were looked at while the rule was made; they are left out."""


def proposed(book: Codebook, issues: Iterable[Issue]) -> list[Proposal]:
    proposer = EmbeddedProposer.fit(book, [], encoder=open_embedder("minilm"))
    return list(proposer.propose(issues, lambda call: None))


def applications(folder: Path) -> list[Issue]:
    with gzip.open(folder / "llm_app_issues_15207.jsonl.gz", "rt", "utf-8", newline="") as file:
        rows = [json.loads(line) for line in file.read().split("\n") if line]
    earlier, drawn = list(rows), list(rows)
    random.Random(MADE_ON).shuffle(earlier)
    random.Random(SEED).shuffle(drawn)
    known = {(row["repo"], row["number"]) for row in earlier[:SO_MANY]}
    drawn = [row for row in drawn if (row["repo"], row["number"]) not in known]
    return [
        Issue(
            id=f"{row['repo']}#{row['number']}", repo=row["repo"], title=row["title"] or "",
            body=(row["body"] or "").replace("\r\n", "\n"),
        )
        for row in drawn[:HOW_MANY]
    ]  # fmt: skip


def told(what: str, found: Sequence[bool]) -> None:
    share = wilson(sum(found), len(found))
    if share.value is None:
        print(f"{what:48} none")
    else:
        interval = f"[{share.low:.2f}, {share.high:.2f}]"
        print(f"{what:48} {sum(found):4} of {len(found):4} {share.value:.2f} {interval}")


def kappa(pairs: Sequence[tuple[str, str]]) -> float:
    import numpy as np

    codes = sorted({code for pair in pairs for code in pair})
    table = np.zeros((len(codes), len(codes)))
    for one, other in pairs:
        table[codes.index(one), codes.index(other)] += 1
    return float(cohen_kappa(table))


def main(folder: Path) -> None:
    book, asked, raters = questions(folder)
    answers = {p.issue_id: p for p in proposed(book, asked)}
    for rater, labels in raters.items():
        nearest = {
            i: (*answers[i].codes, *answers[i].runners_up)[0].code for i in labels if i in answers
        }
        sure = {i for i in nearest if answers[i].status is Status.OK}
        told(f"questions, {rater}: sure of", [i in sure for i in nearest])
        for name, some in (("sure", sure), ("not sure", nearest.keys() - sure), ("all", nearest)):
            told(f"  nearest code right, {name}", [(nearest[i],) == labels[i] for i in some])
            print(f"  kappa {kappa([(nearest[i], labels[i][0]) for i in some]):.3f}")
    _, others, _ = causes(folder)
    told("issues of npm packages: sure of",
         [p.status is Status.OK for p in proposed(book, others)])  # fmt: skip

    with VERDICTS.open(encoding="utf-8", newline="") as file:
        read = {(row["id"], row["code"]): row["plausible"] == "yes" for row in csv.DictReader(file)}
    shipped = codebooks.load(Path(__file__).parents[1] / "codebook" / "ptm-reuse.yaml")
    of_applications = proposed(shipped, applications(folder))
    said = [p for p in of_applications if p.status is Status.OK]
    told("issues of LLM applications: sure of", [p in said for p in of_applications])
    known = [(p.issue_id, p.codes[0].code) for p in said]
    told("  plausible, of those read", [read[one] for one in known if one in read])
    print("  not read:", [one for one in known if one not in read])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
