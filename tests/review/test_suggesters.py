"""A review that is given other suggestions: what it shows and says of them, and which teach."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from support.runs import done, make_issue, make_proposal, make_run
from textual.widgets import Static

from coder.cli.screen.review import ReviewApp
from coder.codebook.changes import Codes, Stale
from coder.records import (
    Action,
    Decision,
    Label,
    Neighbour,
    Proposal,
    ScoredCode,
)
from coder.retrieval.embedding_cache import remembered
from coder.review.learning import answers, due
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.blinding import Shares


class Taught:
    """Suggests Still Green for some issues, as if it were learnt from seven answers."""

    def __init__(self, *issue_ids: str) -> None:
        self.issue_ids = issue_ids
        self.told: list[tuple[str, Action | None]] = []
        self.labels: list[tuple[str, bool]] = []
        self.ahead: list[str] = []

    def suggestion_for(self, issue_id: str, ahead: Iterator[str]) -> Proposal | None:
        self.ahead = list(ahead)
        if issue_id not in self.issue_ids:
            return None
        issue = make_issue(int(issue_id[1:]))
        codes = (ScoredCode(code="looks.green", confidence=0.6),)
        near = (Neighbour(issue_id="i1", codes=("looks.green",), score=0.9),)
        return make_proposal(issue, id=f"s-{issue_id}", codes=codes, retrieved=near, model="own")

    def prepare(self, issue_id: str, ahead: Iterator[str]) -> None:
        self.ahead = list(ahead)

    def labelled(self, issue_id: str, stands: bool) -> None:
        self.labels.append((issue_id, stands))

    def answered(self, issue_id: str, action: Action | None) -> None:
        self.told.append((issue_id, action))

    def answers(self, proposal: Proposal) -> int:
        return 7 if proposal.model == "own" else 0


def test_a_session_shows_what_it_is_given_and_the_decision_names_it(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    suggester = Taught("i2")
    session = ReviewSession(run, "ann", Order.FILE, suggester=suggester)
    assert session.item is not None and session.view.taught == 0
    assert session.enter().proposal_id == "p-i1"
    assert (session.item.suggested, session.view.taught) == (("looks.green",), 7)
    assert suggester.ahead == ["i2", "i3"]
    ((example, score),) = session.view.neighbours()
    assert (example.issue.title, score) == ("Apples of crate 1", 0.9)
    decision = session.enter()
    assert (decision.action, decision.proposal_id) == (Action.ACCEPT, "s-i2")
    assert decision.codes == ("looks.green",)
    assert session.view.taught == 0


def test_the_screen_says_whose_judgement_it_repeats(tmp_path: Path) -> None:
    session = ReviewSession(make_run(tmp_path), "ann", Order.FILE, suggester=Taught("i2"))
    app = ReviewApp(session)

    async def look() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert "learnt from" not in str(app.query_one("#suggestion", Static).content)
            await pilot.press("enter")
            shown = str(app.query_one("#suggestion", Static).content)
            assert "learnt from your 7 answers" in shown
            assert "Looks > Still Green" in shown

    asyncio.run(look())


def test_a_suggester_is_told_what_stands(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    suggester = Taught()
    session = ReviewSession(run, "ann", Order.FILE, suggester=suggester)
    session.enter()
    session.memo("a note is no answer")
    session.skip()
    session.undo()
    session.undo()
    session.undo()
    assert [told for told, _ in groupby(suggester.told)] == [
        ("i1", Action.ACCEPT), ("i2", Action.SKIP), ("i2", None), ("i1", None)
    ]  # fmt: skip
    session.enter()
    later = Taught()
    ReviewSession(run, "ann", Order.FILE, suggester=later)
    assert later.told == [("i1", Action.ACCEPT)]


def test_what_was_learnt_stays_hidden_until_the_own_label_and_for_ever_if_held_out(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path)
    suggester = Taught("i1", "i2", "i3")
    shares = Shares(blind=1)
    session = ReviewSession(run, "ann", Order.FILE, suggester=suggester, shares=shares)
    assert session.item is not None
    assert (session.item.proposal, session.view.taught, list(session.view.neighbours())) == (
        None,
        0,
        [],
    )
    session.memo("odd")
    session.choose(("taste.sour",))
    assert (session.item.suggested, session.view.taught) == (("looks.green",), 7)
    assert session.enter().proposal_id == "s-i1"
    assert [d.proposal_id for d in done(run)] == ["p-i1", "s-i1"]
    assert suggester.labels == [("i1", True)]
    shares = Shares(holdout=1)
    session = ReviewSession(run, "ann", Order.FILE, suggester=suggester, shares=shares)
    assert session.item is not None
    assert (session.item.proposal, session.view.taught, suggester.ahead) == (None, 0, [])
    session.choose(("taste.sour",))
    assert session.item.proposal is None
    session.undo()
    assert suggester.labels[1:] == [("i2", True), ("i2", False)]


def test_the_runs_calibration_is_not_for_what_was_learnt(tmp_path: Path) -> None:
    from coder.records import Calibration

    run = make_run(tmp_path)
    flat = {"slope": (0.0,), "intercept": (0.0,)}
    made = Calibration(
        source="model", rater="b", labels_hash="", proposals=3, method="platt", parameters=flat
    )
    run.calibrations.append([made])
    session = ReviewSession(run, "ann", Order.FILE, suggester=Taught("i2"))
    assert session.item is not None and session.view.calibrated
    assert session.view.confidence(session.item.proposal.codes[0]) == pytest.approx(0.5)
    session.enter()
    assert not session.view.calibrated
    assert session.view.confidence(session.item.proposal.codes[0]) == 0.6


# --- what is learnt from, and when ---------------------------------------------------------------


def decided(issue_id: str, action: Action, *codes: str, **fields: object) -> Decision:
    fields = {"id": f"{issue_id}-{action}", "proposal_id": "p", "rater": "ann"} | fields
    return Decision.model_validate(
        {"issue_id": issue_id, "action": action, "codes": codes, **fields}
    )


def test_what_stands_teaches() -> None:
    labels = [
        Label(issue_id="a", rater="ann", codes=("cat",)),
        Label(issue_id="b", rater="ann", codes=("cat",)),
        Label(issue_id="b", rater="ann", codes=(), withdrawn=True),
        Label(issue_id="c", rater="ann", codes=("none",)),
        Label(issue_id="d", rater="ann", codes=("cat",), codebook_hash="an old one"),
        Label(issue_id="e", rater="ann", codes=("dog",), codebook_hash="now"),
    ]
    decisions = [
        decided("a", Action.CORRECT, "dog"),
        decided("e", Action.FLAG),
        decided("f", Action.ACCEPT, "cat"),
        decided("f", Action.UNDO, undoes="f-accept"),
        decided("g", Action.SKIP),
        decided("h", Action.REJECT),
        decided("i", Action.ACCEPT, "cat"),
        decided("i", Action.MEMO, memo="purrs"),
    ]

    def carry(codes: Codes, under: str) -> Codes | Stale:
        return codes if under in ("", "now") else Stale()

    assert answers(labels, decisions, carry) == {
        "a": ("dog",), "c": (), "e": ("dog",), "h": (), "i": ("cat",)
    }  # fmt: skip


def test_fits_are_further_apart_the_more_answers_there_are() -> None:
    fits, learnt = [], 0
    for answered in range(1, 200):
        if due(answered, learnt):
            learnt = answered
            fits.append(answered)
    assert fits == [10, 20, 30, 40, 50, 60, 72, 86, 103, 123, 147, 176]


def test_no_text_is_encoded_twice(tmp_path: Path) -> None:
    class Counting:
        def __init__(self, name: str) -> None:
            self.id = name
            self.seen: list[str] = []

        def encode(self, texts: list[str]) -> np.ndarray:
            self.seen += texts
            return np.array([[len(text), len(self.id)] for text in texts], dtype=np.float32)

    first, again, other = Counting("one"), Counting("one"), Counting("other")
    path = tmp_path / "vectors.sqlite"
    made = remembered(first, path).encode(["a", "bb", "a"])
    assert remembered(again, path).encode(["bb", "ccc"]).tolist() == [[2, 3], [3, 3]]
    assert remembered(other, path).encode(["a"]).tolist() == [[1, 5]]
    assert made.tolist() == [[1, 3], [2, 3], [1, 3]]
    assert (again.seen, other.seen) == (["ccc"], ["a"])
