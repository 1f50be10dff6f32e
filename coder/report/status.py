"""Who has done what in a run so far: counted from the journals alone, and no interval is drawn."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from coder.agreement import agree, agree_many
from coder.ratings.comparable import Codes, count_decisions, judged, raters
from coder.ratings.model import ExclusionReason
from coder.ratings.resolved import resolve
from coder.records import Action, Codebook, Decision, Estimate, Label, Mode, Record, Status
from coder.report.sentences import FEWEST_SHARED
from coder.review.queues import part_of, stale_issues
from coder.revision.migration import Versions
from coder.storage.intra_rater import people, person, same_person
from coder.storage.run import MANIFEST, Run, standing

PACE_OVER = 20
"""How many of the last answers the pace is the median of."""


class RaterStatus(Record):
    """What one rater has done. ``done`` issues have a blind label or a decision other than a skip,
    of those to be done; ``assisted`` are answers with the suggestion shown from the start,
    ``revised`` those after a blind label, kept or changed. ``assigned`` is ``None`` for who may
    review all. ``pace`` is in seconds an answer, ``None`` before there is any. ``changes`` are
    memos that ask for another codebook."""

    rater: str
    blind: int
    assisted: int
    revised: int
    flagged: int
    skipped: int
    memos: int
    changes: int
    stale: int
    assigned: int | None
    done: int
    left: int
    pace: float | None


class PairStatus(Record):
    """How two raters' blind labels agree so far, code by code."""

    left: str
    right: str
    intra_rater: bool
    n: int
    percent_agreement: Estimate
    cohen_kappa: Estimate
    krippendorff_alpha: Estimate

    @property
    def enough(self) -> bool:
        """Whether they have enough issues in common for a figure."""
        return self.n >= FEWEST_SHARED


class RunStatus(Record):
    """``met`` counts the issues anybody has answered, ``several`` those that two or more have, and
    ``several_blind`` those with blind labels by two or more. On ``unresolved`` ones these differ,
    and nothing usable has been adjudicated. ``alpha`` is over all raters' blind labels of their
    first pass, ``None`` for fewer than three people. Two passes of one person are one who
    answered. ``failed`` says why, for each issue that no answer of the model came for."""

    issues: int
    failed: tuple[str, ...]
    met: int
    several: int
    several_blind: int
    unresolved: int
    raters: tuple[RaterStatus, ...]
    pairs: tuple[PairStatus, ...]
    alpha: Estimate | None


class RunLine(Record):
    """A run of the study in a line: what it was made of, and what people have said in it."""

    name: str
    codebook: str
    model: str
    issues: int
    proposals: int
    labels: int
    decisions: int


def study_runs(folder: Path) -> list[RunLine]:
    """Every run in ``folder`` by when it was made; proposals are counted as lines, not read."""
    found = []
    for path in folder.glob(f"*/{MANIFEST}"):
        run = Run.open(folder, path.parent.name, damaged=True)
        made = run.manifest
        line = RunLine(
            name=run.name,
            codebook=f"{made.codebook_id} {made.codebook_version}".strip(),
            model=str(made.model.get("name", "")),
            issues=made.issues,
            proposals=_lines(run.path / "proposals.jsonl"),
            labels=sum(len(run.labels(rater)) for rater in run.raters()),
            decisions=sum(
                sum(count_decisions(run.decisions(rater).values()).answers.values())
                for rater in run.raters()
            ),
        )
        found.append((made.created_at, line))
    return [line for _, line in sorted(found, key=lambda pair: (pair[0], pair[1].name))]


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def run_status(run: Run) -> RunStatus:
    """Reads all that was proposed and done. Raises ``RunError`` naming a damaged line."""
    names = sorted({*run.raters(), *(assignment.rater for assignment in run.assignments)})
    book, versions = run.codebook, Versions(run)
    found: list[RaterStatus] = []
    blind: dict[str, dict[str, Codes]] = {}
    met: dict[str, set[str]] = {}
    for name in names:
        labels, log = run.labels(name), list(run.decision_journal(name))
        decisions = standing(log)
        answered = {i for i, d in decisions.items() if d.action is not Action.SKIP} | labels.keys()
        met.setdefault(person(name), set()).update(answered)
        blind[name] = _comparable(labels, versions)
        found.append(_rater(run, name, labels, log, decisions, answered))
    with_labels = [name for name in names if blind[name]]
    pairs = [_pair(ours, theirs, blind, book) for ours, theirs in combinations(with_labels, 2)]
    times = Counter(issue_id for theirs in met.values() for issue_id in theirs)
    first = people(with_labels, names)
    coded = Counter(issue_id for name in first for issue_id in blind[name])
    resolution = resolve(run, raters(run, {}))
    return RunStatus(
        issues=run.manifest.issues,
        failed=tuple(p.error for p in run.latest_proposals().values() if p.status is Status.FAILED),
        met=len(times),
        several=sum(count > 1 for count in times.values()),
        several_blind=sum(count > 1 for count in coded.values()),
        unresolved=sum(
            why is not ExclusionReason.ONE_LABEL for why in resolution.side.left_out.values()
        ),
        raters=tuple(found),
        pairs=tuple(pairs),
        alpha=_together({name: blind[name] for name in first}, book),
    )


def _rater(
    run: Run,
    name: str,
    labels: Mapping[str, Label],
    log: list[Decision],
    decisions: Mapping[str, Decision],
    answered: set[str],
) -> RaterStatus:
    decided = count_decisions(decisions.values())
    undone = {record.undoes for record in log}
    memos = [d for d in log if d.action is Action.MEMO and d.id not in undone]
    part = part_of(run, name)
    to_do = run.manifest.issues if part is None else len(part.issue_ids)
    done = len(answered if part is None else answered & part.issue_ids)
    return RaterStatus(
        rater=name,
        blind=len(labels),
        assisted=decided.answers.get(Mode.ASSISTED, 0),
        revised=decided.answers.get(Mode.BLIND_FIRST, 0),
        flagged=decided.flagged,
        skipped=decided.skipped,
        memos=sum(memo.change is None for memo in memos),
        changes=sum(memo.change is not None for memo in memos),
        stale=len(stale_issues(run, decisions, labels)),
        assigned=None if part is None else len(part.issue_ids),
        done=done,
        left=to_do - done,
        pace=_pace(labels, decisions),
    )


def _pace(labels: Mapping[str, Label], decisions: Mapping[str, Decision]) -> float | None:
    """The median seconds of the last answers; of an issue answered twice both count as one."""
    seconds = {i: (label.at, label.seconds) for i, label in labels.items() if label.seconds}
    for issue_id, decision in decisions.items():
        if decision.action is not Action.SKIP:
            _, before = seconds.get(issue_id, (None, 0.0))
            seconds[issue_id] = (decision.at, before + decision.seconds)
    last = [taken for _, taken in sorted(seconds.values())[-PACE_OVER:]]
    return statistics.median(last) if last else None


def _comparable(labels: Mapping[str, Label], versions: Versions) -> dict[str, Codes]:
    said = {issue_id: judged(label, label.codes, versions) for issue_id, label in labels.items()}
    return {
        issue_id: codes
        for issue_id, codes in said.items()
        if not isinstance(codes, ExclusionReason)
    }


def _pair(
    left: str, right: str, blind: Mapping[str, Mapping[str, Codes]], book: Codebook
) -> PairStatus:
    codes = [code.id for code in book.codes]
    found = agree(blind[left], blind[right], codes=codes, draws=0)
    return PairStatus(
        left=left,
        right=right,
        intra_rater=same_person(left, right),
        n=found.n,
        percent_agreement=found.percent_agreement,
        cohen_kappa=found.cohen_kappa,
        krippendorff_alpha=found.krippendorff_alpha,
    )


def _together(blind: Mapping[str, Mapping[str, Codes]], book: Codebook) -> Estimate | None:
    if len(blind) < 3:
        return None
    codes = [code.id for code in book.codes]
    return agree_many(blind, codes=codes, draws=0).krippendorff_alpha
