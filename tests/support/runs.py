"""Small runs on disk for tests: a codebook, issues, and proposals of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coder.codebook import load as codebooks
from coder.records import (
    Action,
    Comment,
    Decision,
    Evidence,
    Example,
    Issue,
    Manifest,
    Neighbour,
    Proposal,
    ScoredCode,
    Status,
)
from coder.storage.blinding import Exposure
from coder.storage.run import Run, data_hash, labels_hash

CODEBOOK = """\
id: fruit
name: Fruit complaints
cardinality: {cardinality}
allow_none: {allow_none}
codes:
  - id: taste
    name: Taste
    definition: How it tastes.
    children:
      - {{id: taste.sour, name: Too Sour, definition: Acid beyond what the reporter expects.,
         include: [lemons in the apple crate], exclude: [unripe fruit -> looks.green]}}
      - {{id: taste.bland, name: Too Bland, definition: No flavour at all.}}
  - id: looks
    name: Looks
    definition: How it looks.
    children:
      - {{id: looks.green, name: Still Green, definition: Unripe when it arrives.}}
      - {{id: looks.bruised, name: Bruised, definition: Brown spots from the transport.}}
"""


def make_issue(number: int, body: str | None = None, **fields: object) -> Issue:
    text = f"Crate {number} arrived.\n\nThe apples are sour beyond words.\n\n```\nlog {number}\n```"
    return Issue.model_validate(
        {
            "id": f"i{number}",
            "repo": "acme/fruit",
            "number": number,
            "url": f"https://example.org/acme/fruit/issues/{number}",
            "title": f"Apples of crate {number}",
            "body": text if body is None else body,
            "comments": (Comment(author="ann", body=f"Same here, crate {number}."),),
            **fields,
        }
    )


def make_proposal(issue: Issue, **fields: object) -> Proposal:
    """Too Sour, with Still Green and Too Bland as runners-up, unless ``fields`` say otherwise."""
    start = issue.text.find("The apples are sour")
    evidence = (
        (
            Evidence(
                quote=issue.text[start : start + 19], start=start, end=start + 19, verified=True
            ),
        )
        if start >= 0
        else ()
    )
    return Proposal.model_validate(
        {
            "id": f"p-{issue.id}",
            "issue_id": issue.id,
            "issue_hash": issue.hash,
            "status": Status.OK,
            "codes": (ScoredCode(code="taste.sour", confidence=0.72),),
            "runners_up": (
                ScoredCode(code="looks.green", confidence=0.2),
                ScoredCode(code="taste.bland", confidence=0.05),
            ),
            "rationale": "The reporter says that the apples are sour.",
            "evidence": evidence,
            "retrieved": (Neighbour(issue_id="e1", codes=("taste.sour",), score=0.81),),
            "model": "test",
            **fields,
        }
    )


def done(run: Run, rater: str = "ann") -> list[Decision]:
    """All that a rater did in a review, oldest first, without what was only shown to them."""
    return [d for d in run.decision_journal(rater) if d.action is not Action.SHOW]


def seen(run: Run, rater: str = "ann") -> set[str]:
    """The issues whose suggestion a rater was shown, by what is on record."""
    return {*run.exposures(rater).get(rater, Exposure()).looks}


def make_run(
    runs: Path,
    issues: Sequence[Issue] | int = 3,
    proposals: Sequence[Proposal] | None = None,
    *,
    name: str = "trial",
    cardinality: str = "single",
    allow_none: bool = True,
) -> Run:
    """A run of ``issues`` (or of so many made-up ones), each with a proposal."""
    if isinstance(issues, int):
        issues = [make_issue(number) for number in range(1, issues + 1)]
    text = CODEBOOK.format(cardinality=cardinality, allow_none=str(allow_none).lower())
    book, problems = codebooks.parse(text)
    assert book is not None, problems
    example = Example(issue=make_issue(99, id="e1"), codes=("taste.sour",))
    manifest = Manifest(
        name=name,
        codebook_id=book.id,
        codebook_version=book.version,
        codebook_hash=book.hash,
        data_hash=data_hash(issues),
        labels_hash=labels_hash([example]),
        issues=len(issues),
        model={"name": "test"},
    )
    run = Run.create_or_resume(runs, manifest, issues, text, [example])
    if proposals is None:
        proposals = [make_proposal(issue) for issue in issues]
    with run.proposing():
        run.proposals.append(proposals)
    return run
