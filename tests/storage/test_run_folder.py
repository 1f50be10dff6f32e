"""A run folder keeps what it was made of, refuses other inputs, and keeps people's words apart."""

from __future__ import annotations

import pytest

from coder.errors import RunError, UsageError
from coder.records import Action, Decision, Example, Issue, Label, Manifest, Proposal, Status
from coder.storage.run import Run, data_hash, standing

BOOK = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats.}
  - {id: dog, name: Dog, definition: Dogs.}
"""
ISSUES = [
    Issue(id=f"i{n}", title=f"Issue {n}", body="line\u2028separator\u0085 next") for n in "123"
]


def manifest(**changes) -> Manifest:
    fields = {
        "name": "r", "codebook_id": "pets", "codebook_version": "1", "codebook_hash": "c1",
        "data_hash": data_hash(ISSUES), "issues": len(ISSUES), "model": {"kind": "classifier"},
    }  # fmt: skip
    return Manifest(**{**fields, **changes})


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create_or_resume(tmp_path, manifest(), ISSUES, BOOK)


def decision(issue: str, action: Action, **fields) -> Decision:
    fields = {"id": f"d{id(object())}", "codes": ("cat",), **fields}
    return Decision(issue_id=issue, proposal_id="p", rater="ann", action=action, **fields)


def test_a_run_gives_back_what_it_was_made_of(run, tmp_path):
    again = Run.open(tmp_path, "r")
    assert list(again.issues.values()) == ISSUES
    assert again.codebook.by_id["cat"].name == "Cat"
    assert again.manifest.data_hash == data_hash(ISSUES)
    assert again.raters() == []


def test_the_same_inputs_resume_and_other_inputs_are_refused(run, tmp_path):
    Run.create_or_resume(tmp_path, manifest(), ISSUES, BOOK)
    before = (run.path / "manifest.json").read_bytes()
    for change, words in (
        ({"codebook_hash": "c2"}, "another codebook"),
        ({"data_hash": "d2"}, "another set of issues"),
        ({"labels_hash": "l2"}, "another set of labels"),
        ({"model": {"kind": "llm"}}, "another model .*kind: 'classifier' then, 'llm' now"),
    ):
        with pytest.raises(RunError, match=words) as caught:
            Run.create_or_resume(tmp_path, manifest(**change), ISSUES, BOOK)
        assert "--run" in caught.value.hint
    assert (run.path / "manifest.json").read_bytes() == before


def test_a_missing_run_names_those_there_are(run, tmp_path):
    with pytest.raises(RunError) as caught:
        Run.open(tmp_path, "other")
    assert caught.value.hint == "runs here: r"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-x", "x" * 90, "a\n"])
def test_a_name_that_could_leave_the_folder_is_refused(name, run, tmp_path):
    with pytest.raises(UsageError):
        Run.open(tmp_path, name)
    with pytest.raises(UsageError):
        run.label_journal(name)


def test_no_person_is_called_model(run):
    for name in ("Model", "none"):
        with pytest.raises(UsageError, match="no rater can be called"):
            run.decision_journal(name)


def test_two_raters_never_share_a_file_by_the_case_of_their_names(run):
    run.add_labels("ann", [Label(issue_id="i1", rater="ann", codes=())])
    with pytest.raises(UsageError, match="'ann' already"):
        run.decision_journal("Ann")


def test_examples_travel_with_the_run(tmp_path):
    examples = [Example(issue=ISSUES[0], codes=("cat",)), Example(issue=ISSUES[1], codes=())]
    Run.create_or_resume(tmp_path, manifest(), ISSUES, BOOK, examples)
    assert list(Run.open(tmp_path, "r").examples) == examples


def test_the_latest_proposal_counts_and_the_order_is_the_issues(run):
    def proposal(id_, issue, status):
        return Proposal(id=id_, issue_id=issue, issue_hash="h", status=status)

    run.proposals.append([proposal("1", "i3", Status.FAILED), proposal("2", "i1", Status.OK)])
    run.proposals.append([proposal("3", "i3", Status.OK)])
    assert [p.id for p in run.latest_proposals().values()] == ["2", "3"]


def test_undo_takes_back_one_decision_and_the_one_before_stands_again():
    first = decision("i1", Action.ACCEPT, id="a")
    second = decision("i1", Action.CORRECT, id="b")
    memo = decision("i1", Action.MEMO, id="m")
    undo = decision("i1", Action.UNDO, id="u", undoes="b")
    assert standing([first, second, memo])["i1"] is second
    assert standing([first, second, memo, undo])["i1"] is first
    undo_all = decision("i1", Action.UNDO, id="v", undoes="a")
    assert standing([first, second, undo, undo_all]) == {}


def test_a_label_is_written_once_and_a_new_one_replaces_it_without_erasing(run):
    def label(code):
        return Label(issue_id="i1", rater="ann", codes=(code,))

    assert len(run.add_labels("ann", [label("cat")]).added) == 1
    assert len(run.add_labels("ann", [label("cat")]).unchanged) == 1
    assert run.add_labels("ann", [label("dog")]).changed == 1
    assert [entry.codes for entry in run.label_journal("ann")] == [("cat",), ("dog",)]
    assert run.labels("ann")["i1"].codes == ("dog",)


def test_who_has_seen_the_suggestion_gives_no_blind_label_any_more(run):
    run.decision_journal("ann").append([decision("i1", Action.ACCEPT)])
    outcome = run.add_labels("ann", [Label(issue_id="i1", rater="ann", codes=("dog",))])
    assert len(outcome.not_blind) == 1
    assert run.labels("ann") == {}
    # Another rater has not seen it.
    assert run.add_labels("bob", [Label(issue_id="i1", rater="bob", codes=("dog",))]).added


def test_a_label_can_only_be_blind():
    with pytest.raises(ValueError, match="blind"):
        Label(issue_id="i", rater="r", codes=(), blind=False)
