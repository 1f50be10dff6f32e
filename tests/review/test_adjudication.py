"""Resolving disagreements: what is one, what each answer writes, and what stands afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support.runs import make_run

from coder.errors import UsageError
from coder.ratings.comparable import raters
from coder.ratings.resolved import resolve
from coder.records import Action, Decision, Label
from coder.review.adjudication import AdjudicationSession
from coder.revision.migration import migrate, plan
from coder.storage.run import Run


def label(run: Run, rater: str, codes: Mapping[str, Sequence[str]], **fields: object) -> None:
    run.label_journal(rater).append(
        Label.model_validate({"issue_id": i, "rater": rater, "codes": c, **fields})
        for i, c in codes.items()
    )


def disputed(tmp_path: Path, **options: object) -> Run:
    """i1 and i3 are in dispute between ann and bea, i2 is not, i4 has one label."""
    run = make_run(tmp_path, 4, **options)  # type: ignore[arg-type]
    label(run, "ann", {"i1": ["taste.sour"], "i2": ["looks"], "i3": [], "i4": ["looks"]}, memo="A!")
    label(run, "bea", {"i1": ["taste.bland"], "i2": ["looks"], "i3": ["looks"]}, memo="B!")
    return run


def open_session(run: Run, by: str = "cy", **options: bool) -> AdjudicationSession:
    return AdjudicationSession(Run.open(run.path.parent, run.name), by, **options)


def shown(session: AdjudicationSession) -> str:
    assert session.dispute is not None
    return session.dispute.issue.id


def test_only_differing_blind_labels_are_walked_and_each_answer_is_one_record(
    tmp_path: Path,
) -> None:
    run = disputed(tmp_path)
    session = open_session(run)
    assert shown(session) == "i1"
    assert session.dispute is not None
    assert [(a.rater, a.codes, a.memo) for a in session.dispute.answers] == [
        ("ann", ("taste.sour",), "A!"),
        ("bea", ("taste.bland",), "B!"),
    ]
    first = session.resolve(session.answer(2), " the log says so ")
    assert shown(session) == "i3"
    second = session.resolve(())
    assert session.dispute is None
    assert list(run.adjudications) == [first, second]
    assert (first.codes, first.reason, first.by, first.blind) == (
        ("taste.bland",),
        "the log says so",
        "cy",
        True,
    )
    assert first.judged == {"ann": ("taste.sour",), "bea": ("taste.bland",)}
    assert first.codebook_hash == run.codebook.hash
    assert second.codes == ()
    assert open_session(run).dispute is None


def test_a_resolution_holds_in_a_later_codebook_where_its_codes_are_carried_over(
    tmp_path: Path,
) -> None:
    run = disputed(tmp_path)
    open_session(run).resolve(["taste.sour"])
    path = tmp_path / "later.yaml"
    text = (
        (run.path / "codebook.yaml").read_text().replace("complaints", 'complaints\nversion: "2"')
    )
    path.write_text(text.replace("id: taste.sour,", "id: taste.acid, replaces: [taste.sour],"))
    later = migrate(run, path, plan(run, path)[0])
    session = open_session(later)
    assert (shown(session), session.progress.done) == ("i3", 1)
    found = resolve(later, raters(later, {}))
    assert found.side.answers["i1"] == ("taste.acid",)
    assert list(found.adjudicated) == ["i1"]
    path.write_text(
        path.read_text().replace('"2"', '"3"').replace("No flavour at all.", "Less than water.")
    )
    last = migrate(later, path, plan(later, path)[0])
    # bea's answer to i1 is stale, so there is no dispute left to hold a resolution of.
    assert "i1" not in resolve(last, raters(last, {})).adjudicated


def test_undo_is_a_record_reaches_back_and_takes_only_ones_own(tmp_path: Path) -> None:
    run = disputed(tmp_path)
    session = open_session(run)
    session.resolve(["looks"])
    session.resolve(["looks"])
    again = open_session(run)
    record = again.undo()
    assert record is not None
    assert record.withdrawn
    assert shown(again) == "i3"
    again.undo()
    assert shown(again) == "i1"
    assert again.undo() is None
    assert len(list(run.adjudications)) == 4
    assert run.adjudicated() == {}
    again.resolve(["looks"])
    assert open_session(run, "dan").undo() is None
    assert list(run.adjudicated()) == ["i1"]


def test_a_skipped_one_comes_back_once_and_again_in_the_next_session(tmp_path: Path) -> None:
    run = disputed(tmp_path)
    session = open_session(run)
    session.skip()
    assert shown(session) == "i3"
    session.skip()
    assert shown(session) == "i1"
    session.skip()
    session.skip()
    assert session.dispute is None
    assert session.progress.postponed == 2
    assert not run.adjudications.path.exists()
    assert shown(open_session(run)) == "i1"


def test_names_are_hidden_in_an_order_that_says_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path, 40)
    label(run, "ann", {f"i{n}": ["taste.sour"] for n in range(1, 41)})
    label(run, "bea", {f"i{n}": ["taste.bland"] for n in range(1, 41)})
    session = open_session(run, anonymous=True)
    orders = []
    while session.dispute is not None:
        names = [session.name(a) for a in session.dispute.answers]
        assert names == ["rater A", "rater B"]
        orders.append(tuple(a.rater for a in session.dispute.answers))
        session.resolve(session.answer(1))
    assert 8 < orders.count(("ann", "bea")) < 32
    taken = [r.codes == ("taste.sour",) for r in run.adjudications]
    assert taken == [order[0] == "ann" for order in orders]
    again = open_session(run, anonymous=True)
    again.undo()
    assert again.dispute is not None
    assert tuple(a.rater for a in again.dispute.answers) == orders[-1]


def test_more_raters_several_codes_and_withdrawn_labels(tmp_path: Path) -> None:
    run = make_run(tmp_path, 3, cardinality="multiple")
    label(run, "ann", {"i1": ["taste.sour", "looks"], "i2": ["looks"], "i3": ["looks"]})
    label(run, "bea", {"i1": ["looks", "taste.sour"], "i2": ["looks"], "i3": []})
    label(run, "cy", {"i1": ["looks"], "i2": ["none"]})
    label(run, "bea", {"i3": []}, withdrawn=True)
    session = open_session(run)
    assert session.progress.total == 2
    assert shown(session) == "i1"
    assert session.selected == ("looks",)
    session.mark("taste.bland")
    session.mark("looks.bruised")
    session.mark("looks.bruised")
    session.resolve(session.selected)
    assert shown(session) == "i2"
    session.resolve(session.answer(3))
    assert [r.codes for r in run.adjudications] == [("taste.bland", "looks"), ()]


@pytest.mark.parametrize("codes", [["no.such"], ["looks", "taste"]])
def test_impossible_codes_change_nothing(tmp_path: Path, codes: list[str]) -> None:
    run = disputed(tmp_path)
    session = open_session(run)
    with pytest.raises(UsageError):
        session.resolve(codes)
    with pytest.raises(UsageError):
        session.answer(3)
    assert shown(session) == "i1"
    assert not run.adjudications.path.exists()


def test_none_is_refused_where_the_codebook_does_not_allow_it(tmp_path: Path) -> None:
    session = open_session(disputed(tmp_path, allow_none=False))
    with pytest.raises(UsageError, match="none fits"):
        session.resolve(())


def test_labels_of_another_codebook_are_set_aside_and_named(tmp_path: Path) -> None:
    run = disputed(tmp_path)
    label(run, "bea", {"i1": ["taste.bland"]}, codebook_hash="another")
    label(run, "bea", {"i2": ["gone"]})
    session = open_session(run)
    assert shown(session) == "i3"
    assert session.progress.total == 1
    assert [(a.rater, a.why.value, a.issue_ids) for a in session.set_aside] == [
        ("bea", "stale", ("i1",)),
        ("bea", "unknown_code", ("i2",)),
    ]


def test_assisted_answers_only_on_request_and_never_as_blind(tmp_path: Path) -> None:
    run = disputed(tmp_path)
    run.decision_journal("cy").append(
        Decision(
            id=f"d{issue}", issue_id=issue, proposal_id=f"p-{issue}", rater="cy", action=action,
            codes=codes, memo="seen", codebook_hash=run.codebook.hash,
        )
        for issue, action, codes in (
            ("i2", Action.ACCEPT, ("taste.sour",)),
            ("i1", Action.FLAG, ()),
            ("i3", Action.ACCEPT, ("taste.sour",)),
        )
    )  # fmt: skip
    assert open_session(run).progress.total == 2
    session = open_session(run, assisted=True)
    assert session.progress.total == 3
    assert session.set_aside == ()
    session.resolve(["looks"])
    record = session.resolve(["looks"])
    assert (record.issue_id, record.blind) == ("i2", False)
    assert set(record.judged) == {"ann", "bea", "cy"}
    assert not session.resolve(["looks"]).blind
    assert session.dispute is None
    assert shown(open_session(run)) == "i3"


def test_a_changed_answer_brings_the_issue_up_again_and_a_new_rater_does_not(
    tmp_path: Path,
) -> None:
    run = disputed(tmp_path)
    open_session(run).resolve(["looks"])
    label(run, "dan", {"i1": ["looks.green"]})
    assert open_session(run).progress.done == 1
    label(run, "ann", {"i1": ["looks.bruised"]})
    assert open_session(run).progress.done == 0
    assert shown(open_session(run)) == "i1"


def test_one_rater_cannot_disagree(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    label(run, "ann", {"i1": ["looks"]})
    with pytest.raises(UsageError, match="1 of its raters has blind labels"):
        open_session(run)
    with pytest.raises(UsageError, match="no rater can be called"):
        open_session(run, "Resolved")
    label(run, "bea", {"i1": ["looks"]})
    assert open_session(run).progress.total == 0
