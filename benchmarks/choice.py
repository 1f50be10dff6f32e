"""What the choice learnt by cross-fitting is worth: the likeliest code against the adjusted choice.

    python benchmarks/choice.py DATA_FOLDER

``DATA_FOLDER`` holds ``hf_reuse_questions.jsonl`` and ``inex_bug_343.jsonl``. Every issue is coded
by the embedded classifier from labels of the other folds alone; so is the rule that chooses learnt.
Prints agreement with each rater under both rules and the change, with intervals by bootstrap over
repositories.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coder.agreement import kappa_change
from coder.codebook import load as codebooks
from coder.proposers.embedded import EmbeddedProposer, choice
from coder.records import Cardinality, Codebook, Comment, Example, Issue, Proposal
from coder.retrieval.embedders import open_embedder

BOOKS = Path(__file__).parent / "codebooks"
Coded = dict[str, tuple[str, ...]]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def questions(folder: Path) -> tuple[Codebook, list[Issue], dict[str, Coded]]:
    book = codebooks.load(BOOKS / "hf-model-card.yaml")
    ids = {
        "/".join(c.name for c in book.lineage(leaf.id)).casefold(): leaf.id for leaf in book.leaves
    }
    issues, raters = [], {"rater1": Coded(), "rater2": Coded()}
    for row in rows(folder / "hf_reuse_questions.jsonl"):
        about = row["discussion"]
        body = "\n\n".join(part for part in (about["title"], about["body"]) if part)
        said = tuple(Comment(body=c["body"]) for c in about["comments"] or ())
        issue = Issue(
            id=str(row["row"]), repo=about["repo_id"], title=row["question"] or "", body=body,
            comments=said,
        )  # fmt: skip
        issues.append(issue)
        for rater, coded in raters.items():
            if row[rater]:
                coded[issue.id] = (ids[row[rater].casefold()],)
    return book, issues, raters


def causes(folder: Path) -> tuple[Codebook, list[Issue], dict[str, Coded]]:
    book = codebooks.load(BOOKS / "inex-bug.yaml")
    ids = {code.name: code.id for code in book.codes}
    issues, coded = [], Coded()
    for row in rows(folder / "inex_bug_343.jsonl"):
        repo = f"{row['owner']}/{row['repo']}"
        said = tuple(Comment(body=c["body"] or "") for c in row["comments"])
        issue = Issue(
            id=f"{repo}#{row['number']}", repo=repo, title=row["title"] or "",
            body=row["body"] or "", comments=said,
        )  # fmt: skip
        issues.append(issue)
        coded[issue.id] = (ids[row["final_classification"]],)
    return book, issues, {"labels": coded}


class Kept:
    """An encoder that encodes each text once; both rules are asked about the same issues."""

    def __init__(self) -> None:
        self._encoder = open_embedder("minilm")
        self.id = self._encoder.id
        self._known: dict[str, Any] = {}

    def encode(self, texts: Sequence[str]) -> Any:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return np.array([self._known[text] for text in texts], dtype=np.float32)


def proposed(
    book: Codebook, issues: Sequence[Issue], labels: Mapping[str, tuple[str, ...]], encoder: Kept
) -> tuple[list[Proposal], list[Proposal]]:
    """Proposals by the likeliest code, then by the rule that is learnt; each issue's own label and
    those of its near-duplicates unseen."""
    examples = [Example(issue=i, codes=labels[i.id]) for i in issues if i.id in labels]
    asked = [example.issue for example in examples]
    found = []
    fewest = choice.FEWEST
    for least in (sys.maxsize, fewest):
        choice.FEWEST = least
        proposer = EmbeddedProposer.fit(book, examples, encoder=encoder)
        found.append(list(proposer.propose(asked, lambda call: None)))
    print(f"  rule for new issues: {proposer.measured()['choice']}")
    return found[0], found[1]


def answers(proposals: Sequence[Proposal]) -> Coded:
    return {p.issue_id: tuple(scored.code for scored in p.codes) for p in proposals}


def single(
    name: str, book: Codebook, issues: list[Issue], raters: dict[str, Coded], encoder: Kept
) -> None:
    print(name)
    taught = next(iter(raters.values()))
    plain, adjusted = map(answers, proposed(book, issues, taught, encoder))
    codes = tuple(code.id for code in book.leaves)
    groups = {issue.id: issue.repo for issue in issues}
    for rater, coded in raters.items():
        change = kappa_change(adjusted, plain, coded, codes=codes, groups=groups)
        for what, k in (
            ("adjusted", change.left), ("likeliest", change.right), ("change", change.difference)
        ):  # fmt: skip
            print(f"  {rater:8} {what:10} n {k.n}  {k.value:.3f} [{k.low:.3f}, {k.high:.3f}]")


def several(book: Codebook, issues: list[Issue], raters: dict[str, Coded], encoder: Kept) -> None:
    print("questions, all codes that either rater gave")
    one, two = raters.values()
    both = {i: tuple(sorted({*one[i], *two[i]})) for i in one if i in two}
    book = book.changed(cardinality=Cardinality.MULTIPLE)
    for what, proposals in zip(
        ("above .5", "learnt"), proposed(book, issues, both, encoder), strict=True
    ):
        given = {i: set(codes) for i, codes in answers(proposals).items()}
        shared = np.array([len(given[i] & {*both[i]}) / len(given[i] | {*both[i]}) for i in given])
        drawn = np.random.default_rng(0).integers(0, len(shared), (2000, len(shared)))
        low, high = np.quantile(shared[drawn].mean(axis=1), [0.025, 0.975])
        print(
            f"  {what:10} n {len(given)}  mean Jaccard {shared.mean():.3f} [{low:.3f}, {high:.3f}]"
            f"  several codes: {sum(len(c) > 1 for c in given.values())}"
            f" (raters: {sum(len(c) > 1 for c in both.values())})"
        )


def main(folder: Path) -> None:
    encoder = Kept()
    book, issues, raters = questions(folder)
    single("questions, learning from rater1", book, issues, raters, encoder)
    several(book, issues, raters, encoder)
    single("causes of bugs", *causes(folder), encoder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
