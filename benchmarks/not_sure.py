"""Of which issues the classifier is "not sure" without labels: right and wrong codes, off topic.

    python benchmarks/not_sure.py DATA_FOLDER

``DATA_FOLDER`` holds ``hf_reuse_questions.jsonl`` and ``inex_bug_343.jsonl``: questions about
models are coded by their own codebook, and issues of npm packages, which are about something else,
by the same one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from choice import causes, questions

from coder.agreement.intervals import wilson
from coder.proposers.embedded import EmbeddedProposer
from coder.retrieval.embedders import open_embedder


def main(folder: Path) -> None:
    book, asked, raters = questions(folder)
    _, others, _ = causes(folder)
    proposer = EmbeddedProposer.fit(book, [], encoder=open_embedder("minilm"))
    labels = raters["rater1"]
    right: list[bool] = []
    wrong: list[bool] = []
    for p in proposer.propose((i for i in asked if i.id in labels), lambda call: None):
        fits = tuple(scored.code for scored in p.codes) == labels[p.issue_id]
        (right if fits else wrong).append(not p.rationale.startswith("Not sure"))
    off = [
        not p.rationale.startswith("Not sure") for p in proposer.propose(others, lambda call: None)
    ]
    told("code right", right)
    told("code wrong", wrong)
    told("about something else", off)


def told(what: str, sure: Sequence[bool]) -> None:
    share = wilson(sum(sure), len(sure))
    print(f"{what:22} n {share.n}  sure of {share.value:.3f} [{share.low:.3f}, {share.high:.3f}]")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
