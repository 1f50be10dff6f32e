"""Merging copies of a run: nothing is lost, nothing is overwritten, every file stays whole."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.runs import make_issue, make_proposal, make_run

from coder.audit.log import check_log
from coder.errors import CoderError, RunError, UsageError
from coder.records import Action, Adjudication, Assignment, Decision, Label, Migration, Mode
from coder.revision.migration import carry, migrate, plan
from coder.storage.merge import Merged, What, merge
from coder.storage.run import Run

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def copies(folder: Path, issues: int = 4) -> tuple[Run, Run]:
    mine = make_run(folder / "mine", issues)
    shutil.copytree(mine.path, folder / "theirs" / mine.name)
    return mine, Run(folder / "theirs" / mine.name)


def go_on(run: Run, code: str) -> Migration:
    """The run goes on with a codebook that calls ``taste.sour`` ``code``."""
    path = run.path.parent / "later.yaml"
    text = (run.path / "codebook.yaml").read_text()
    text = text.replace("id: taste.sour,", f"id: {code}, replaces: [taste.sour],")
    path.write_text(text.replace("complaints", 'complaints\nversion: "2"', 1))
    planned, _ = plan(run, path)
    migrate(run, path, planned)
    return planned


def label(run: Run, rater: str, issue: str, *codes: str, at: int = 0, by: str = "") -> Label:
    when = T0 + timedelta(seconds=at)
    made = Label(issue_id=issue, rater=by or rater, codes=codes, at=when)
    run.label_journal(rater).append([made])
    return made


def decide(run: Run, rater: str, issue: str, *codes: str, at: int = 0, undo: str = "") -> Decision:
    made = Decision(
        id=f"{rater}-{issue}-{at}-{run.path.parent.name}",
        issue_id=issue,
        proposal_id=f"p-{issue}",
        rater=rater,
        action=Action.UNDO if undo else Action.CORRECT,
        codes=codes,
        undoes=undo,
        at=T0 + timedelta(seconds=at),
    )
    run.decision_journal(rater).append([made])
    return made


def resolve(run: Run, issue: str, *codes: str, at: int = 0, by: str = "cy") -> Adjudication:
    made = Adjudication(
        issue_id=issue, by=by, codes=codes, judged={}, blind=True, at=T0 + timedelta(seconds=at)
    )
    run.adjudications.append([made])
    return made


def whole(run: Run, *, unruly: bool = False) -> bool:
    """Whether the log is whole; the examples of these runs are not in their manifest. ``unruly``
    people label what they have seen, which a review would not let them."""
    problems = [problem for file in check_log(run) for problem in file.problems]
    if unruly:
        problems = [p for p in problems if "is not blind" not in p.message]
    assert [p for p in problems if p.file != "examples.jsonl"] == []
    return True


def found(merged: Merged) -> dict[str, What]:
    return {o.file: o.what for o in merged.outcomes if o.what is not What.SAME}


def contents(run: Run) -> dict[str, bytes]:
    files = (f for f in run.path.rglob("*") if f.is_file() and f.suffix != ".lock")
    return {f.relative_to(run.path).as_posix(): f.read_bytes() for f in files}


def test_another_raters_files_are_taken_and_longer_ones_replace_their_beginning(
    tmp_path: Path,
) -> None:
    mine, theirs = copies(tmp_path)
    label(mine, "ann", "i1", "looks")
    decide(theirs, "bea", "i1", "looks")
    first = merge(mine, theirs.path)
    assert found(first) == {"decisions/bea.jsonl": What.NEW}
    decide(theirs, "bea", "i2", "taste", at=1)
    again = merge(mine, theirs.path)
    assert found(again) == {"decisions/bea.jsonl": What.LONGER}
    assert sum(o.lines for o in again.outcomes) == 1
    there = theirs.decision_journal("bea").path.read_bytes()
    assert mine.decision_journal("bea").path.read_bytes() == there
    before = contents(mine)
    assert found(merge(mine, theirs.path)) == {}
    assert contents(mine) == before
    assert whole(mine)
    assert not theirs.label_journal("ann").path.exists()


def test_one_rater_in_two_copies_is_a_conflict_and_all_else_is_merged(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    label(mine, "ann", "i1", "looks")
    label(theirs, "ann", "i1", "taste", at=1)
    label(theirs, "ann", "i2", "taste", at=1)
    label(theirs, "bea", "i1", "taste")
    before = mine.label_journal("ann").path.read_bytes()
    merged = merge(mine, theirs.path)
    (conflict,) = merged.conflicts
    assert (conflict.file, conflict.about) == ("labels/ann.jsonl", ("i1",))
    assert conflict.kept is not None
    assert conflict.kept.read_bytes() == theirs.label_journal("ann").path.read_bytes()
    assert mine.label_journal("ann").path.read_bytes() == before
    assert mine.raters() == ["ann", "bea"]
    assert whole(mine)
    state = contents(mine)
    assert merge(mine, theirs.path).conflicts == merged.conflicts
    assert contents(mine) == state


def test_take_both_keeps_every_line_and_lets_the_later_answer_stand(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    decide(mine, "ann", "i4", "looks")
    shutil.copytree(mine.path / "decisions", theirs.path / "decisions")
    label(mine, "bea", "i1", "looks", at=9)
    label(mine, "bea", "i2", "looks", at=1)
    label(theirs, "bea", "i1", "taste", at=5)
    label(theirs, "bea", "i2", "taste", at=5)
    late = decide(mine, "ann", "i1", "looks", at=9)
    decide(mine, "ann", "i2", "looks", at=1)
    decide(theirs, "ann", "i1", "taste", at=5)
    newer = decide(theirs, "ann", "i2", "taste", at=5)
    kept = theirs.decision_journal("ann").path.read_bytes()
    merged = merge(mine, theirs.path, take_both=True)
    assert not merged.conflicts
    assert {i: d.codes for i, d in mine.labels("bea").items()} == {
        "i1": ("looks",),
        "i2": ("taste",),
    }
    standing = mine.decisions("ann")
    assert (standing["i1"].id, standing["i2"].id) == (late.id, newer.id)
    assert (mine.path / "decisions").glob("ann.jsonl.from-*").__next__().read_bytes() == kept
    assert whole(mine)
    merge(theirs, mine.path, take_both=True)
    assert {i: d.id for i, d in theirs.decisions("ann").items()} == {
        i: d.id for i, d in standing.items()
    }
    merge(mine, theirs.path, take_both=True)  # what they took back of what we had
    assert mine.decisions("ann") == standing
    assert found(merge(mine, theirs.path, take_both=True)) == {}


def test_adjudications_of_different_issues_are_joined_and_of_the_same_are_a_conflict(
    tmp_path: Path,
) -> None:
    mine, theirs = copies(tmp_path)
    resolve(mine, "i1", "looks", at=1)
    resolve(theirs, "i2", "taste", by="dan")
    assert found(merge(mine, theirs.path)) == {"adjudications.jsonl": What.JOINED}
    assert {i: r.by for i, r in mine.adjudicated().items()} == {"i1": "cy", "i2": "dan"}
    resolve(theirs, "i1", "taste", at=0, by="dan")
    (conflict,) = merge(mine, theirs.path).conflicts
    assert conflict.about == ("i1",)
    merge(mine, theirs.path, take_both=True)
    assert mine.adjudicated()["i1"].by == "cy"
    assert whole(mine)


def test_a_label_given_after_its_suggestion_was_seen_in_the_other_copy_is_withdrawn(
    tmp_path: Path,
) -> None:
    mine, theirs = copies(tmp_path)
    label(mine, "ann", "i1", "looks", at=5)
    label(mine, "ann", "i2", "looks", at=0)
    decide(theirs, "ann", "i1", "looks", at=1)
    decide(theirs, "ann", "i2", "looks", at=1)
    assert merge(mine, theirs.path).not_blind == (("ann", "i1"),)
    assert list(mine.labels("ann")) == ["i2"]
    assert len(list(mine.label_journal("ann"))) == 3
    assert merge(mine, theirs.path).not_blind == ()
    assert whole(mine)
    here, there = copies(tmp_path / "other")
    label(there, "ann", "i1", "looks", at=5)
    decide(here, "ann", "i1", "looks", at=1)
    assert merge(here, there.path).not_blind == (("ann", "i1"),)
    assert here.labels("ann") == {}
    assert whole(here)


def test_after_a_blind_first_label_in_the_other_copy_the_next_one_is_not_blind(
    tmp_path: Path,
) -> None:
    mine, theirs = copies(tmp_path)
    label(mine, "ann", "i1", "looks", at=5)
    first = label(theirs, "ann", "i2", "looks", at=1)
    blind_first = first.model_copy(update={"issue_id": "i1", "mode": Mode.BLIND_FIRST})
    theirs.label_journal("ann").append([blind_first])
    assert merge(mine, theirs.path, take_both=True).not_blind == (("ann", "i1"),)
    assert list(mine.labels("ann")) == ["i2"]
    merge(theirs, mine.path, take_both=True)
    assert list(theirs.labels("ann")) == ["i2"]


def test_a_name_in_other_letters_is_a_conflict(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    label(mine, "Ann", "i1", "looks")
    label(theirs, "ann", "i1", "taste")
    (conflict,) = merge(mine, theirs.path, take_both=True).conflicts
    assert "'Ann'" in conflict.why
    assert conflict.kept is not None
    assert conflict.kept.exists()
    assert mine.raters() == ["Ann"]


@pytest.mark.parametrize("side", ["mine", "theirs"])
def test_a_torn_last_line_is_left_out_and_not_lost(tmp_path: Path, side: str) -> None:
    mine, theirs = copies(tmp_path)
    label(mine, "ann", "i1", "looks")
    shutil.copytree(mine.path / "labels", theirs.path / "labels")
    label(theirs, "ann", "i2", "looks")
    torn = (mine if side == "mine" else theirs).label_journal("ann").path
    with torn.open("ab") as file:
        file.write(b'{"half')
    merged = merge(mine, theirs.path)
    assert [o.torn for o in merged.outcomes if o.file == "labels/ann.jsonl"] == [side == "theirs"]
    assert list(mine.labels("ann")) == ["i1", "i2"]
    assert whole(mine)
    assert (
        b'{"half' in torn.read_bytes() or b'{"half' in torn.with_suffix(".jsonl.torn").read_bytes()
    )


def test_a_damaged_copy_changes_nothing(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    label(theirs, "ann", "i1", "looks")
    label(theirs, "bea", "i1", "looks")
    label(theirs, "bea", "i2", "looks")
    path = theirs.label_journal("bea").path
    path.write_bytes(path.read_bytes().replace(b'"i1"', b'"i3"'))
    before = contents(mine)
    with pytest.raises(RunError, match=r"bea\.jsonl:2: does not follow"):
        merge(mine, theirs.path)
    assert contents(mine) == before


def test_what_is_no_copy_of_the_run_is_named(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    other = make_run(tmp_path / "other", 5, cardinality="multiple")
    with pytest.raises(UsageError, match="another codebook, another set of issues"):
        merge(mine, other.path)
    with pytest.raises(UsageError, match="itself"):
        merge(mine, mine.path)
    with pytest.raises(UsageError, match="not the folder of a run"):
        merge(mine, tmp_path)
    issue = make_issue(1)
    with theirs.proposing():
        theirs.proposals.append([make_proposal(issue, id="theirs")])
    merge(mine, theirs.path)
    assert len(list(mine.proposals)) == 5
    Run(mine.path).proposals.append([make_proposal(issue, id="mine")])
    with theirs.proposing():
        theirs.proposals.append([make_proposal(issue, id="again")])
    with pytest.raises(UsageError, match=r"proposals\.jsonl differs from line 6 on"):
        merge(mine, theirs.path)


def test_lines_of_somebody_else_and_unsafe_names_are_refused(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    label(theirs, "ann", "i1", "looks", by="bea")
    with pytest.raises(RunError, match="not by 'ann'"):
        merge(mine, theirs.path)
    path = theirs.label_journal("ann").path
    path.rename(path.with_name("model.jsonl"))
    with pytest.raises(CoderError, match="no rater can be called"):
        merge(mine, theirs.path)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    label(mine, "ann", "i1", "looks")
    label(theirs, "ann", "i1", "taste")
    label(theirs, "bea", "i1", "taste")
    before = contents(mine)
    dry = merge(mine, theirs.path, dry_run=True)
    assert contents(mine) == before
    assert merge(mine, theirs.path) == dry


def test_assignments_of_other_raters_come_in(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    mine.assignments.append([Assignment(rater="ann", issue_ids=("i1",), share=0.5)])
    theirs.assignments.append([Assignment(rater="bea", issue_ids=("i2",), share=0.5)])
    merge(mine, theirs.path)
    assert [a.rater for a in mine.assignments] == ["ann", "bea"]


def test_a_version_of_the_codebook_comes_with_its_file(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    label(mine, "ann", "i1", "taste.sour")
    go_on(theirs, "taste.acid")
    merge(mine, theirs.path)
    run = Run(mine.path)
    assert [step.file for step in run.history] == ["codebooks/1.yaml"]
    assert carry(run, run.labels("ann")["i1"]) == ("taste.acid",)
    check_log(run)


def test_two_who_go_on_to_one_version_are_merged_and_to_two_are_not(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    label(theirs, "ann", "i1", "taste.sour")
    go_on(mine, "taste.acid")
    go_on(theirs, "taste.acid")
    merge(mine, theirs.path)
    assert len(Run(mine.path).history) == 1
    assert Run(mine.path).labels("ann").keys() == {"i1"}
    mine, theirs = copies(tmp_path / "two")
    go_on(mine, "taste.acid")
    go_on(theirs, "taste.sharp")
    with pytest.raises(UsageError, match="another version of the codebook"):
        merge(mine, theirs.path)


@pytest.mark.parametrize("wrong", ["another", "../../outside.yaml"])
def test_a_version_that_is_not_what_its_record_says_is_refused(tmp_path: Path, wrong: str) -> None:
    mine, theirs = copies(tmp_path)
    label(theirs, "ann", "i1", "taste.sour")
    made = go_on(theirs, "taste.acid")
    if wrong == "another":
        text = (mine.path / "codebook.yaml").read_text()
        (theirs.path / "codebooks" / "1.yaml").write_text(text)
    else:
        theirs.migrations.path.unlink()
        Run(theirs.path).migrations.append([made.model_copy(update={"file": wrong})])
    before = contents(mine)
    with pytest.raises(RunError, match=r"is not what|not a migration record"):
        merge(mine, theirs.path)
    assert contents(mine) == before


def test_a_run_that_is_being_reviewed_is_left_alone(tmp_path: Path) -> None:
    mine, theirs = copies(tmp_path)
    decide(mine, "ann", "i1", "looks")
    decide(theirs, "ann", "i1", "looks")
    with (
        mine.decision_journal("ann").writing("coder review"),
        pytest.raises(RunError, match="is being written"),
    ):
        merge(mine, theirs.path)


def test_ended_at_any_write_every_file_is_whole_and_the_next_merge_finishes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = copies(tmp_path)
    for run, at in ((mine, 1), (theirs, 2)):
        label(run, "ann", "i1", "looks", at=at)
        label(run, "bea", "i2", "looks", at=3 - at)
        decide(run, "ann", "i2", "looks", at=3 - at)
        resolve(run, f"i{at}", "looks", at=at)
    label(mine, "cy", "i1", "looks", at=9)
    decide(theirs, "cy", "i1", "looks", at=1)
    label(theirs, "dan", "i1", "looks", at=9)
    decide(mine, "dan", "i1", "looks", at=1)
    label(theirs, "eve", "i1", "looks", at=1)
    clean = Run(tmp_path / "clean" / mine.name)
    shutil.copytree(mine.path, clean.path)
    merge(clean, theirs.path, take_both=True)
    assert sorted(clean.raters()) == ["ann", "bea", "cy", "dan", "eve"]
    assert (clean.labels("cy"), clean.labels("dan")) == ({}, {})
    writes = 0
    while True:
        writes += 1
        cut = Run(tmp_path / f"cut{writes}" / mine.name)
        shutil.copytree(mine.path, cut.path)
        if not ended_at(writes, monkeypatch, cut, theirs):
            break
        assert whole(cut)
        for file, content in contents(mine).items():
            assert contents(cut)[file].startswith(content)
        merge(cut, theirs.path, take_both=True)
        assert contents(cut) == contents(clean)
    assert writes > 8


def ended_at(write: int, monkeypatch: pytest.MonkeyPatch, run: Run, theirs: Run) -> bool:
    """Whether a merge was ended at its so manieth write, once the bytes were handed over."""
    left = [write]

    def fsync(_: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        try:
            merge(run, theirs.path, take_both=True)
        except KeyboardInterrupt:
            return True
    return False
