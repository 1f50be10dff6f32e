"""Small runs on disk for tests, made through the same store the program uses.

:func:`make_run` makes one of fruit complaints, with proposals of every kind, to be reviewed;
:class:`Maker` one from a table of answers, to be counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from coder.codebook import load as codebooks
from coder.records import (
    Action,
    Comment,
    Decision,
    Evidence,
    Example,
    Expression,
    Issue,
    Label,
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
    example = Example(issue=make_issue(99, id="e1"), codes=("taste.sour",))
    if proposals is None:
        proposals = [make_proposal(issue) for issue in issues]
    more = {"labels_hash": labels_hash([example]), "model": {"name": "test"}}
    return _on_disk(runs, name, text, issues, [example], proposals, **more)


def _on_disk(
    runs: Path,
    name: str,
    codebook: str,
    issues: Sequence[Issue],
    examples: Sequence[Example],
    proposals: Iterable[Proposal],
    **of_manifest: object,
) -> Run:
    book, problems = codebooks.parse(codebook)
    assert book is not None, problems
    manifest = Manifest.model_validate(
        {
            "name": name,
            "codebook_id": book.id,
            "codebook_version": book.version,
            "codebook_hash": book.hash,
            "data_hash": data_hash(issues),
            "issues": len(issues),
            **of_manifest,
        }
    )
    run = Run.create_or_resume(runs, manifest, issues, codebook, examples)
    with run.proposing():
        run.proposals.append(proposals)
    return run


AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

TREE = """
id: tree
name: Tree
codes:
  - id: use
    name: Usage
    definition: How it is used.
    children:
      - {id: call, name: Calls, definition: Which call to make.}
      - {id: set, name: Settings, definition: Which setting to choose.}
  - id: perf
    name: Performance
    definition: How well it does.
    children:
      - {id: speed, name: Speed, definition: How fast.}
      - {id: error, name: Accuracy, definition: How right.}
"""
FLAT = """
id: flat
name: Flat
codes:
  - {id: a, name: Alpha, definition: The first.}
  - {id: b, name: Beta, definition: The second.}
  - {id: c, name: Gamma, definition: The third.}
"""
MULTIPLE = FLAT.replace("name: Flat", "name: Flat\ncardinality: multiple")

Answers = Mapping[str, str | Sequence[str] | Status]


@dataclass
class Maker:
    """Makes a run; an answer is a code, several codes, or the status the model ended with."""

    runs: Path
    book: str = FLAT
    issues: list[Issue] = field(default_factory=list)
    examples: tuple[Example, ...] = ()
    sampled_from: int | None = None
    model: Mapping[str, object] = field(
        default_factory=lambda: {"kind": "classifier", "name": "embedded"}
    )

    def run(self, model: Answers, name: str = "demo", **more: Mapping[str, object]) -> Run:
        issues = self.issues or [issue(i) for i in model]
        hashes = {one.id: one.hash for one in issues}
        proposals = (
            proposal(i, answer, **more.get(i, {})).model_copy(  # type: ignore[arg-type]
                update={"issue_hash": hashes.get(i, "0")}
            )
            for i, answer in model.items()
        )
        return _on_disk(
            self.runs,
            name,
            self.book,
            issues,
            self.examples,
            proposals,
            created_at=AT,
            model=dict(self.model),
            sampled_from=self.sampled_from,
        )


def issue(issue_id: str, **fields: object) -> Issue:
    repo = f"owner/{issue_id[0]}"
    defaults = {"title": f"Title of {issue_id}", "body": "Some body text.", "repo": repo}
    return Issue.model_validate({"id": issue_id, **defaults, **fields})


def proposal(
    issue_id: str,
    answer: str | Sequence[str] | Status,
    confidence: float | None = 0.9,
    shown: Sequence[str] = (),
    excluded: Sequence[str] = (),
    rationale: str = "Because of the words.",
    expression: Expression = "",
    quotes: Sequence[str] = (),
    number: int = 1,
) -> Proposal:
    status = answer if isinstance(answer, Status) else Status.OK
    codes = () if isinstance(answer, Status) else codes_of(answer)
    return Proposal(
        id=f"p{number}-{issue_id}",
        issue_id=issue_id,
        issue_hash="0",
        status=status,
        codes=tuple(ScoredCode(code=c, confidence=confidence) for c in codes),
        rationale=rationale,
        expression=expression,
        evidence=tuple(Evidence(quote=q) for q in quotes),
        retrieved=tuple(Neighbour(issue_id=i, codes=("a",), score=0.5) for i in shown),
        excluded=tuple(excluded),
        at=AT,
    )


def label(run: Run, rater: str, codes: Mapping[str, str | Sequence[str]], **fields: str) -> None:
    """Blind labels; an empty sequence of codes is "no code fits"."""
    run.label_journal(rater).append(
        Label(issue_id=i, rater=rater, codes=codes_of(c), at=AT, **fields)  # type: ignore[arg-type]
        for i, c in codes.items()
    )


def decide(run: Run, rater: str, actions: Mapping[str, tuple[Action, str] | Action]) -> None:
    """Assisted decisions: an action, or a correction with its code."""
    run.decision_journal(rater).append(
        Decision(
            id=f"d-{rater}-{i}",
            issue_id=i,
            proposal_id=f"p1-{i}",
            rater=rater,
            action=action[0] if isinstance(action, tuple) else action,
            codes=(action[1],) if isinstance(action, tuple) else (),
            at=AT,
        )
        for i, action in actions.items()
    )


def codes_of(answer: str | Sequence[str]) -> tuple[str, ...]:
    return (answer,) if isinstance(answer, str) else tuple(answer)
