"""Whether ``coder review --slips`` shows a rater's slips first.

    python benchmarks/label_errors.py DATA_FOLDER

``DATA_FOLDER`` holds ``hf_reuse_questions.jsonl`` and ``nlbse2024_train.csv.gz``. Of the questions:
how many of rater 1's labels, among those the classifier doubts most, were changed when the two
raters talked. Of NLBSE: 400 labels of which one in twenty is made wrong by chance, five times; how
many of the wrong ones come first. Intervals are Wilson's.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from choice import Kept, questions, rows
from nlbse import CODEBOOK, read

from coder.agreement.intervals import wilson
from coder.codebook import load as codebooks
from coder.proposers.embedded import EmbeddedProposer
from coder.records import Codebook, Example

LABELS, WRONG, TIMES = 400, 20, 5


def doubted(book: Codebook, examples: Sequence[Example], encoder: Kept) -> list[str]:
    """All labelled issues, the one farthest from the others with its code first."""
    margins = EmbeddedProposer.fit(book, examples, encoder=encoder).margins()
    return sorted(margins, key=lambda issue: (margins[issue], issue))


def told(what: str, order: Sequence[str], slips: Mapping[str, bool], firsts: Sequence[int]) -> None:
    known = [issue for issue in order if issue in slips]
    for n in (*firsts, len(known)):
        found = sum(slips[issue] for issue in known[:n])
        share = wilson(found, n)
        name = "all" if n == len(known) else f"first {n}"
        interval = f"[{share.low:.2f}, {share.high:.2f}]"
        print(f"| {what} | {name} | {found} of {n} | {found / n:.2f} {interval} |")


def main(data: Path) -> None:
    encoder = Kept()
    print("| labels | looked at | slips | share |\n|---|---|---|---|")
    book, issues, raters = questions(data)
    changed = {
        str(row["row"]): row["rater1"] != row["resolved"]
        for row in rows(data / "hf_reuse_questions.jsonl")
        if row["rater1"] and row["resolved"]
    }
    given = raters["rater1"]
    examples = [Example(issue=i, codes=given[i.id]) for i in issues if i.id in given]
    told("rater 1's, 160 questions", doubted(book, examples, encoder), changed, (10, 20, 40))

    book, train = codebooks.load(CODEBOOK), read(data / "nlbse2024_train.csv.gz")
    codes = sorted({e.codes[0] for e in train})
    ranks: dict[int, list[bool]] = {}
    for seed in range(TIMES):
        draw = random.Random(seed)
        some = draw.sample(train, LABELS)
        wrong = {e.issue.id for e in draw.sample(some, WRONG)}
        turned = [
            e.model_copy(update={"codes": (draw.choice([c for c in codes if c != e.codes[0]]),)})
            if e.issue.id in wrong
            else e
            for e in some
        ]
        for rank, issue in enumerate(doubted(book, turned, encoder)):
            ranks.setdefault(rank, []).append(issue in wrong)
    order = [f"{rank}.{time}" for rank in ranks for time in range(TIMES)]
    slips = {f"{rank}.{time}": ranks[rank][time] for rank in ranks for time in range(TIMES)}
    told(f"NLBSE, {TIMES} times", order, slips, (WRONG * TIMES, 2 * WRONG * TIMES))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
