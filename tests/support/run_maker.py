"""Builds small runs on disk through the same store the program uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from coder.codebook import load as codebooks
from coder.records import (
    Action,
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
from coder.storage.run import Run, data_hash

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
        book, problems = codebooks.parse(self.book)
        assert book is not None, problems
        issues = self.issues or [issue(i) for i in model]
        manifest = Manifest(
            name=name,
            created_at=AT,
            codebook_id=book.id,
            codebook_version=book.version,
            codebook_hash=book.hash,
            data_hash=data_hash(issues),
            issues=len(issues),
            model=dict(self.model),
            sampled_from=self.sampled_from,
        )
        run = Run.create_or_resume(self.runs, manifest, issues, self.book, self.examples)
        run.proposals.append(
            proposal(i, answer, **more.get(i, {}))  # type: ignore[arg-type]
            for i, answer in model.items()
        )
        return run


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
