"""Merging copies with any history: all is there, whole, and the same stands."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.runs import make_run
from test_merge import T0, contents, decide, found, label, resolve, whole

from coder.records import Assignment
from coder.storage.merge import What, merge
from coder.storage.run import Run

Step = tuple[int, str, str, int, int]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(("ann", "bea", "cy")),
        st.sampled_from(("label", "decide", "undo", "resolve", "assign")),
        st.integers(1, 3),
        st.integers(0, 3),
    ),
    max_size=14,
)
WAYS = [(0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1)]
CODES = ("looks", "taste", "taste.sour", "looks.green")


def play(runs: Sequence[Run], steps: Sequence[Step], since: int = 0) -> None:
    """What people do in three copies, one step a second; each copy goes its own way."""
    for at, (copy, rater, what, number, code) in enumerate(steps, start=since + 1):
        run, issue = runs[copy], f"i{number}"
        if what == "label":
            label(run, rater, issue, CODES[code], at=at)
        elif what == "decide":
            decide(run, rater, issue, CODES[code], at=at)
        elif what == "undo" and issue in run.decisions(rater):
            decide(run, rater, issue, at=at, undo=run.decisions(rater)[issue].id)
        elif what == "resolve":
            resolve(run, issue, CODES[code], at=at, by=rater)
        elif what == "assign":
            when = T0 + timedelta(seconds=at)
            made = Assignment(rater=rater, issue_ids=(issue,), share=0.5, at=when)
            run.assignments.append([made])


def said(run: Run) -> set[str]:
    """Every record people left, in any file."""
    journals = [run.adjudications, run.assignments]
    journals += [run.label_journal(r) for r in run.raters()]  # type: ignore[misc]
    journals += [run.decision_journal(r) for r in run.raters()]  # type: ignore[misc]
    return {record.to_json() for journal in journals for record in journal}


def stands(run: Run) -> object:
    return (
        {r: run.labels(r) for r in run.raters()},
        {r: {i: d.id for i, d in run.decisions(r).items()} for r in run.raters()},
        run.adjudicated(),
        {a.rater: a for a in run.assignments},
    )


@settings(max_examples=30, deadline=None, phases=(Phase.generate,))
@given(
    before=STEPS,
    after=STEPS,
    order=st.permutations([(0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1)]),
)
def test_however_copies_are_merged_all_is_there_whole_and_the_same_stands(
    before: list[Step], after: list[Step], order: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first = make_run(Path(folder) / "a", 3)
        play([first] * 3, before)
        runs = [first]
        for name in ("b", "c"):
            shutil.copytree(first.path, Path(folder) / name / first.name)
            runs.append(Run(Path(folder) / name / first.name))
        play(runs, after, len(before))
        everything = set().union(*map(said, runs))
        for _ in range(3):
            for into, source in order:
                merge(runs[into], runs[source].path, take_both=True)
        for run in runs:
            assert everything <= said(run)
            assert whole(run, unruly=True)
            assert stands(run) == stands(runs[0])
        state = [contents(run) for run in runs]
        for into, source in order:
            assert found(merge(runs[into], runs[source].path, take_both=True)) == {}
        assert [contents(run) for run in runs] == state


@settings(max_examples=20, deadline=None)
@given(before=STEPS, after=STEPS)
def test_without_being_told_to_nothing_of_either_copy_is_overwritten(
    before: list[Step], after: list[Step]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        mine = make_run(Path(folder) / "a", 3)
        play([mine] * 3, before)
        shutil.copytree(mine.path, Path(folder) / "b" / mine.name)
        theirs = Run(Path(folder) / "b" / mine.name)
        play([mine, theirs, theirs], after, len(before))
        ours, others = contents(mine), contents(theirs)
        merged = merge(mine, theirs.path)
        now = contents(mine)
        assert contents(theirs) == others
        for file, content in ours.items():
            assert now[file].startswith(content)
        for conflict in merged.conflicts:
            assert conflict.kept is not None
            assert conflict.kept.read_bytes() == others[conflict.file]
        for record in said(theirs) - said(mine):
            assert any(record[1:30].encode() in others[c.file] for c in merged.conflicts)
        assert whole(mine, unruly=True)
        assert found(merge(mine, theirs.path)) == {c.file: What.CONFLICT for c in merged.conflicts}
