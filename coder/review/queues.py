"""Which issues come before a rater and in what order, read without parsing a run's every issue."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import from_json

from coder.codebook.changes import Stale
from coder.errors import RunError, UsageError
from coder.files.reading import LineTooLong, lines
from coder.ratings.comparable import Confidence, calibrated, calibrations
from coder.records import (
    NONE_CODE,
    Action,
    Codebook,
    Decision,
    Issue,
    Label,
    Proposal,
    ScoredCode,
    Status,
)
from coder.revision.migration import Versions, carry, stale
from coder.storage import sampling
from coder.storage.intra_rater import people, same_person
from coder.storage.journal import Journal
from coder.storage.run import Run
from coder.storage.sampling import Draw

if TYPE_CHECKING:
    from coder.retrieval.novelty import Novelty


class Order(StrEnum):
    """How a queue is sorted. The first three draw at random, so that the issues not reviewed
    can be estimated (:mod:`coder.storage.sampling`); the others draw nothing."""

    RANDOM = "random"
    UNCERTAIN = "uncertain"
    BY_CODE = "by-code"
    DISAGREEMENT = "disagreement"
    NOVEL = "novel"
    FILE = "file"


@dataclass(frozen=True)
class Only:
    """What a queue is limited to; nothing by default.

    ``code`` is a proposed code, a category with all its subcategories, or ``NONE_CODE``;
    ``answered`` the same of the rater's own answers; ``issue`` one issue's id. Issues that are
    ``flagged``, ``stale``, ``answered``, named or ``slips`` (:mod:`coder.review.label_errors`, in
    order) come again although the rater has answered them.
    """

    code: str = ""
    repo: str = ""
    flagged: Literal["", "me", "anyone"] = ""
    stale: bool = False
    answered: str = ""
    issue: str = ""
    slips: tuple[str, ...] = ()

    @property
    def again(self) -> bool:
        """Whether issues come that the rater has answered."""
        return bool(self.flagged or self.stale or self.chosen)

    @property
    def chosen(self) -> bool:
        """Whether the issues were chosen for the rater's answers, so that nothing was drawn."""
        return bool(self.answered or self.issue or self.slips)


EVERYTHING = Only()


@dataclass(frozen=True)
class Part:
    """The issues assigned to a rater, the probability with which any was, and the how-manieth
    assignment of this rater it is."""

    issue_ids: frozenset[str]
    share: float
    number: int


@dataclass(frozen=True)
class Entry:
    """One issue with a proposal: where both lie in their files (byte offsets), and what a queue
    asks of them."""

    issue_id: str
    repo: str
    row: int
    """Its place among the run's issues, from 0."""
    issue_at: int
    proposal_at: int
    confidence: float
    """The least sure proposed code's, 0 when the model said nothing usable."""
    codes: tuple[str, ...] | None
    """What was proposed, in the codebook of now; ``None`` when that is nothing usable."""


class ReviewPool:
    """Every issue of a run that has a proposal, in the run's order; each is parsed when shown."""

    def __init__(self, run: Run) -> None:
        self._issues = run.path / "issues.jsonl"
        self._proposals = run.proposals.path
        confidence, versions = calibrated(run), Versions(run)

        def place(at: int, fields: dict[str, Any]) -> tuple[int, float, tuple[str, ...] | None]:
            codes = _codes(fields, versions)
            return at, _confidence(fields, confidence) if codes else 0.0, codes

        proposals = {
            str(fields["issue_id"]): place(at, fields)
            for at, fields in _scan(self._proposals, Proposal)
        }
        self.entries = tuple(
            Entry(issue, str(fields.get("repo", "")), row, at, *proposals[issue])
            for row, (at, fields) in enumerate(_scan(self._issues, Issue))
            if (issue := str(fields["id"])) in proposals
        )
        if not self.entries:
            hint = "make them with: coder propose"
            raise RunError(f"run {run.name!r} has no proposals yet", hint)

    def read(self, entry: Entry) -> tuple[Issue, Proposal]:
        issue = Issue.model_validate(_fields(self._issues, entry.issue_at))
        return issue, Proposal.model_validate(_fields(self._proposals, entry.proposal_at))


class Queue:
    """What comes before one rater: which issues, in what order, and how each was drawn.

    ``met`` is how each issue came before the rater so far, in the order they met them. A queue
    draws from the issues that no other queue has put before the rater; the others it shows, too,
    where they wait for an answer. Raises ``UsageError`` when it has nothing to show.
    """

    def __init__(
        self,
        run: Run,
        rater: str,
        pile: ReviewPool,
        met: Mapping[str, Draw],
        order: Order,
        only: Only,
        against: Run | None,
    ) -> None:
        if against is not None and order is not Order.DISAGREEMENT:
            raise UsageError("--against is for another order", "add --order disagreement")
        if only.chosen and order is not Order.FILE:
            raise UsageError(
                f"--order {order} is for issues that nobody chose",
                "leave it out, or the option that chose them",
            )
        part = part_of(run, rater)
        self.name = name_of(run, order, only, part, against)
        self.again = only.again
        self.reveals_answers = bool(only.code) or against is not None
        """Whether the rater knows of the model's answer to an issue by its being here."""
        self._run, self._order = run, order
        self._novelty: Novelty | None = None
        entries = [e for e in pile.entries if part is None or e.issue_id in part.issue_ids]
        entries = _limited(run, rater, entries, only)
        if not entries:
            raise UsageError(
                f"no issue of run {run.name!r} is in the queue {self.name!r}",
                f"coder status {run.name} shows who has what",
            )
        earlier = sampling.stints(met.items())
        if earlier and earlier[-1][0] == self.name:
            earlier.pop()  # its stint goes on
        salt, seed = sampling.salt(self.name, earlier), run.manifest.seed
        self._weights: dict[str, float] = {}
        self._times: dict[str, float] = {}
        if order is Order.UNCERTAIN:
            self._weights = {e.issue_id: sampling.weight_of(e.confidence) for e in entries}
        elif order is Order.BY_CODE:
            self._weights = _even_weights(run.codebook, entries)
        if self._weights:
            self._times = sampling.clocks(self._weights, seed, salt)
            entries.sort(key=lambda entry: self._times[entry.issue_id])
        elif order is not Order.FILE:
            by_id = {entry.issue_id: entry for entry in entries}
            entries = [by_id[issue_id] for issue_id in sampling.shuffled(by_id, seed, salt)]
        if order is Order.DISAGREEMENT:
            apart = _runs_apart(run, pile, against) if against else _raters_apart(run, rater)
            entries.sort(key=lambda entry: -apart.get(entry.issue_id, 0))
        self.entries = tuple(entries)
        elsewhere = {issue_id for _, stint in earlier for issue_id in stint}
        self._drawn = [e.issue_id for e in entries if e.issue_id not in elsewhere]
        self._places = {issue_id: at for at, issue_id in enumerate(self._drawn, start=1)}

    def draw(self, issue_id: str) -> Draw:
        """How the queue comes to an issue that the rater has not met."""
        kind, place = sampling.kind_of(self.name), self._places[issue_id]
        if kind is None:
            return Draw(self.name)
        if self._order is Order.RANDOM:
            return sampling.random_draw(self.name, place, len(self._drawn), kind.share)
        later = self._drawn[place : place + 1]
        until = self._times[later[0]] if later else math.inf
        return sampling.clock_draw(self.name, until, self._weights[issue_id], kind.share)

    def following(self, waits: Callable[[str], bool]) -> Entry | None:
        """The next issue among those that wait for an answer; ``None`` at the end."""
        if self._order is Order.NOVEL:
            if self._novelty is None:
                self._novelty = self._novelty_of(waits)
            while (at := self._novelty.least_like_seen()) is not None:
                if waits(self.entries[at].issue_id):
                    return self.entries[at]
                self._novelty.see([at])
        return next((entry for entry in self.entries if waits(entry.issue_id)), None)

    def _novelty_of(self, waits: Callable[[str], bool]) -> Novelty:
        """The queue's issues, those that do not wait for an answer being seen already."""
        from coder.retrieval.novelty import Novelty, vectors_at

        vectors = vectors_at(novelty_file(self._run), lambda: _texts(self._run))
        novelty = Novelty(vectors[[entry.row for entry in self.entries]])
        novelty.see([at for at, e in enumerate(self.entries) if not waits(e.issue_id)])
        return novelty


def name_of(
    run: Run, order: Order, only: Only, part: Part | None = None, against: Run | None = None
) -> str:
    """What a decision says of its queue. A name that draws stands for one set of issues and one
    set of weights: with another part, calibration or codebook it is another name."""
    words: list[str] = [order]
    if order is Order.UNCERTAIN and calibrations(run):
        words.append(f"calibration={sum(1 for _ in run.calibrations)}")
    if run.history and (order in (Order.UNCERTAIN, Order.BY_CODE) or only.code):
        words.append(f"codebook={len(run.history) + 1}")
    if against is not None:
        words.append(f"against={against.name}")
    if only.flagged:
        words.append(f"flagged={only.flagged}")
    words += ["stale"] * only.stale
    if only.issue:
        words.append(f"issue={only.issue}")
    words += ["slips"] * bool(only.slips)
    if only.answered:
        words.append(f"answered={only.answered}")
    if part is not None:
        words.append(f"part={part.share:g}" + (f"#{part.number}" if part.number > 1 else ""))
    if only.code:
        words.append(f"code={only.code}")
    if only.repo:
        words.append(f"repo={only.repo}")
    return " ".join(words)


def part_of(run: Run, rater: str) -> Part | None:
    """The rater's last assignment; ``None`` for a rater with none, who may review everything."""
    known = list(run.assignments)
    theirs = [assignment for assignment in known if assignment.rater == rater]
    if not theirs:
        for other in known:
            if other.rater.casefold() == rater.casefold():
                raise UsageError(
                    f"issues are assigned to {other.rater!r}", "spell the name that way"
                )
        return None
    return Part(frozenset(theirs[-1].issue_ids), theirs[-1].share, len(theirs))


def stale_issues(
    run: Run, decisions: Mapping[str, Decision], labels: Mapping[str, Label]
) -> set[str]:
    """The issues whose answer is stale, of a rater's standing decisions and labels: the decision,
    or the label where there is no decision."""
    answered = {i: d for i, d in decisions.items() if d.action is not Action.SKIP}
    found = {i for i, decision in answered.items() if stale(run, decision)}
    return found | {i for i, la in labels.items() if i not in answered and stale(run, la)}


def issue_ids(run: Run) -> list[str]:
    """The ids of a run's issues, in order."""
    return [str(fields["id"]) for _, fields in _scan(run.path / "issues.jsonl", Issue)]


def novelty_file(run: Run) -> Path:
    """Where the vectors of a run's issues are kept that ``novel`` compares."""
    return run.path.parent / ".cache" / f"novelty-{run.manifest.data_hash[:40]}.npy"


# --- inside -------------------------------------------------------------------------------------

_ANSWERED = {status.value for status in Status if status.answered}


def _limited(run: Run, rater: str, entries: list[Entry], only: Only) -> list[Entry]:
    if only.issue:
        return _one(run, entries, only.issue)
    if only.repo:
        known = sorted({entry.repo for entry in entries if entry.repo})
        entries = [entry for entry in entries if entry.repo == only.repo]
        if not entries:
            hint = f"there are: {', '.join(known[:8])}{' ...' if len(known) > 8 else ''}"
            raise UsageError(f"no issue to review is of the repository {only.repo!r}", hint)
    if only.code:
        wanted = _with_subcodes(run.codebook, only.code)
        entries = [e for e in entries if e.codes is not None and _is_of(e.codes, wanted)]
    if only.answered:
        wanted = _with_subcodes(run.codebook, only.answered)
        own = _own_answers(run, rater)
        entries = [e for e in entries if e.issue_id in own and _is_of(own[e.issue_id], wanted)]
    if only.slips:
        by_id = {e.issue_id: e for e in entries}
        entries = [by_id[i] for i in only.slips if i in by_id]
    if only.flagged:
        flagged = _flagged(run, rater, only.flagged)
        entries = [entry for entry in entries if entry.issue_id in flagged]
    if only.stale:
        old = stale_issues(run, run.decisions(rater), run.labels(rater))
        return [entry for entry in entries if entry.issue_id in old]
    return entries


def _one(run: Run, entries: Iterable[Entry], issue_id: str) -> list[Entry]:
    """The issue that was named."""
    found = [entry for entry in entries if entry.issue_id == issue_id]
    if not found:
        raise UsageError(
            f"issue {issue_id!r} has no proposal in run {run.name!r}, or is assigned to others",
            "give another issue to --issue",
        )
    return found


def _with_subcodes(book: Codebook, code: str) -> set[str]:
    return {c.id for c in book.codes if code in (c.id, book.category(c.id))} or {code}


def _own_answers(run: Run, rater: str) -> dict[str, tuple[str, ...]]:
    """The codes that a rater's standing answers have in the codebook of now; the decision, or the
    label where there is no decision."""
    coded = (Action.ACCEPT, Action.CORRECT, Action.REJECT)
    standing: dict[str, Decision | Label] = dict(run.labels(rater))
    standing |= {i: d for i, d in run.decisions(rater).items() if d.action in coded}
    carried = {i: carry(run, answer) for i, answer in standing.items()}
    return {i: codes for i, codes in carried.items() if isinstance(codes, tuple)}


def _even_weights(book: Codebook, entries: Iterable[Entry]) -> dict[str, float]:
    """By the rarest category that the model gives an issue; those it gives none usable are one."""
    found = {
        e.issue_id: ("",) if e.codes is None else tuple(map(book.category, e.codes or (NONE_CODE,)))
        for e in entries
    }
    sizes = Counter(category for categories in found.values() for category in {*categories})
    return sampling.even_weights(
        {i: min(categories, key=lambda c: (sizes[c], c)) for i, categories in found.items()}
    )


def _is_of(codes: tuple[str, ...], wanted: set[str]) -> bool:
    return not wanted.isdisjoint(codes or (NONE_CODE,))


def _flagged(run: Run, rater: str, who: Literal["me", "anyone"]) -> set[str]:
    """The issues flagged and not answered by this rater since, with a suggestion or without."""
    own: dict[str, Decision | Label] = {}
    labels = run.labels(rater)
    own |= {i: d for i, d in run.decisions(rater).items() if d.action is not Action.SKIP}
    own |= {i: label for i, label in labels.items() if i not in own or own[i].at < label.at}
    found = {i for i, d in own.items() if isinstance(d, Decision) and d.action is Action.FLAG}
    if who == "anyone":
        for other in set(run.raters()) - {rater}:
            found |= {
                i
                for i, decision in run.decisions(other).items()
                if decision.action is Action.FLAG and (i not in own or own[i].at <= decision.at)
            }
    return found


def _raters_apart(run: Run, rater: str) -> dict[str, int]:
    """How far the answers of the others are apart, by issue."""
    said: dict[str, list[tuple[str, ...]]] = {}
    for other in people(run.raters()):
        if same_person(other, rater):
            continue
        answers = {i: carry(run, decision) for i, decision in run.decisions(other).items()}
        answers |= {i: carry(run, label) for i, label in run.labels(other).items()}
        for issue_id, codes in answers.items():
            if isinstance(codes, tuple):
                said.setdefault(issue_id, []).append(codes)
    shared = {issue_id: answers for issue_id, answers in said.items() if len(answers) > 1}
    if not shared:
        raise UsageError(
            f"no two other raters have answered the same issue of run {run.name!r}",
            "compare with the proposals of another run: --against RUN",
        )
    book = run.codebook
    return {
        issue_id: max(_distance(book, left, right) for left, right in combinations(answers, 2))
        for issue_id, answers in shared.items()
    }


def _runs_apart(run: Run, pile: ReviewPool, against: Run) -> dict[str, int]:
    """How far the proposals of two runs are apart, by issue."""
    versions = Versions(against)
    there = {
        str(fields["issue_id"]): _codes(fields, versions)
        for _, fields in _scan(against.proposals.path, Proposal)
    }
    here = {entry.issue_id: entry.codes for entry in pile.entries}
    if here.keys().isdisjoint(there):
        raise UsageError(
            f"runs {run.name!r} and {against.name!r} have no proposals for the same issue",
            "name a run on the same issues",
        )
    return {
        issue_id: _distance(run.codebook, codes, other)
        for issue_id, codes in here.items()
        if codes is not None and (other := there.get(issue_id)) is not None
    }


def _distance(book: Codebook, left: Iterable[str], right: Iterable[str]) -> int:
    """0: the same codes; 1: others of the same categories; 2: other categories."""

    def categories(codes: set[str]) -> set[str]:
        return {book.category(code) if code in book.by_id else code for code in codes}

    ours, theirs = set(left) - {NONE_CODE}, set(right) - {NONE_CODE}
    if ours == theirs:
        return 0
    return 1 if categories(ours) == categories(theirs) else 2


def _texts(run: Run) -> Iterator[str]:
    for _, fields in _scan(run.path / "issues.jsonl", Issue):
        yield f"{fields.get('title', '')}\n\n{fields.get('body', '')}"


def _confidence(fields: dict[str, Any], of: Confidence) -> float:
    if fields["status"] != Status.OK:
        return 0.0
    codes = map(ScoredCode.model_validate, fields["codes"])
    return min((of(code) or 0.0 for code in codes), default=0.0)


def _codes(fields: dict[str, Any], versions: Versions) -> tuple[str, ...] | None:
    if fields["status"] not in _ANSWERED:
        return None
    carried = versions.carry(tuple(str(scored["code"]) for scored in fields["codes"]))
    return None if isinstance(carried, Stale) else carried


def _scan(path: Path, kind: type[Issue] | type[Proposal]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every whole line's offset and fields; ``RunError`` names a damaged line."""
    try:
        at = 0
        with path.open("rb") as file:
            for line in lines(file):
                if line.endswith(b"\n"):
                    yield at, _from_json(line)
                at += len(line)
    except FileNotFoundError:
        return
    except (ValueError, RecursionError, LineTooLong):
        for _ in Journal(path, kind):  # reads the same lines again to name the bad one
            pass
        raise


def _fields(path: Path, at: int) -> dict[str, Any]:
    with path.open("rb") as file:
        file.seek(at)
        fields = _from_json(file.readline())
    fields.pop("prev", None)
    return fields


def _from_json(line: bytes) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = from_json(line)
    except ValueError:
        fields = json.loads(line)  # which takes half a character, as a journal does
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    return fields
