"""``coder audit log`` passes a run as it was made, and names what was done to one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coder.records import Action, Adjudication, Decision, Label, Proposal
from coder.storage.journal import Journal
from coder.storage.run import Run


def lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1]


def rewrite(path: Path, rows: list[str]) -> None:
    path.write_text("".join(row + "\n" for row in rows))


def decide(folder: Path, issue_id: str, proposal_id: str, **fields: str) -> None:
    decision = {"id": f"d-{issue_id}", "rater": "bea", "action": Action.ACCEPT, **fields}
    Run(folder).decision_journal("bea").append(
        [Decision(issue_id=issue_id, proposal_id=proposal_id, **decision)]
    )


def test_a_run_as_it_was_made_is_whole(classified, asked, printed):
    proposal = next(iter(Run(classified).proposals))
    decide(classified, proposal.issue_id, proposal.id)
    for name, journals in (("first", ("labels/ann", "decisions/bea")), ("chat", ("calls",))):
        code, output = printed("audit", "log", name)
        assert code == 0, output
        assert "The log is whole" in output
        for file in ("codebook.yaml", "issues.jsonl", "examples.jsonl", "proposals.jsonl"):
            assert file in output
        assert all(f"{journal}.jsonl" in output for journal in journals)
    assert "system.txt" in output


@pytest.mark.parametrize("file", ["proposals.jsonl", "labels/ann.jsonl"])
def test_a_changed_line_is_found_at_the_line_after_it(file, classified, printed):
    rows = lines(classified / file)
    rows[1] = rows[1].replace("dog", "cat").replace('"prev":"', '"prev":"', 1)
    assert rows != lines(classified / file)
    rewrite(classified / file, rows)
    code, output = printed("audit", "log", "first")
    assert code == 4
    assert f"{file}:3: does not follow from the line before it" in output
    assert f"broken, first at {file}:" in output


@pytest.mark.parametrize("gone", [0, 1])
def test_a_removed_line_is_found(gone, classified, printed):
    rows = lines(classified / "proposals.jsonl")
    del rows[gone]
    rewrite(classified / "proposals.jsonl", rows)
    code, output = printed("audit", "log", "first")
    assert code == 4
    assert f"proposals.jsonl:{gone + 1}: " in output


def test_a_line_that_is_no_record_is_named(classified, printed):
    rows = lines(classified / "labels/ann.jsonl")
    rows[2] = rows[2].replace('"blind":true', '"blind":false')
    rewrite(classified / "labels/ann.jsonl", rows)
    code, output = printed("audit", "log", "first")
    assert code == 4
    assert "labels/ann.jsonl:3: not a label record (blind" in output


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("codebook.yaml", "purr", "hiss"),
        ("issues.jsonl", "barks", "howls"),
        ("examples.jsonl", '"codes":["cat"]', '"codes":["dog"]'),
        ("system.txt", "careful", "careless"),
    ],
)
def test_an_input_that_was_swapped_is_named(file, before, after, asked, printed):
    text = (asked / file).read_text()
    assert before in text
    (asked / file).write_text(text.replace(before, after, 1))
    code, output = printed("audit", "log", "chat")
    assert code == 4
    assert f"{file}: is not what the manifest says" in output
    (asked / file).unlink()
    assert f"{file}: is missing" in printed("audit", "log", "chat")[1]


def test_a_codebook_that_is_no_codebook(classified, printed):
    (classified / "codebook.yaml").write_text("codes: [")
    code, output = printed("audit", "log", "first")
    assert code == 4
    assert "broken: codebook.yaml" in output


def test_an_unreadable_issue_is_named_once(classified, printed):
    rows = lines(classified / "issues.jsonl")
    rewrite(classified / "issues.jsonl", [rows[0], "{", *rows[2:]])
    code, output = printed("audit", "log", "first")
    assert code == 4
    assert "issues.jsonl:2: not a issue record" in output
    assert "not an issue of the run" not in output


def test_what_a_crash_left_is_named_and_is_no_fault(classified, printed):
    with (classified / "proposals.jsonl").open("a") as file:
        file.write('{"half a li')
    code, output = printed("audit", "log", "first")
    assert code == 0
    assert "its last line was cut off" in output
    run = Run(classified)
    run.proposals.append([next(iter(run.proposals))])
    code, output = printed("audit", "log", "first")
    assert code == 0
    assert "proposals.jsonl.torn" in output
    assert "set aside" in output


def test_records_that_speak_of_what_is_not_there(asked, printed):
    run = Run(asked)
    first, second, *_ = run.proposals
    for fields in (
        {"issue_id": "nowhere"},
        {"call_ids": ("c-none",)},
        {"call_ids": second.call_ids},
        {"issue_hash": "0" * 64},
        {"excluded": ("e-none",)},
    ):
        run.proposals.append([first.model_copy(update=fields)])
    decide(asked, "dog", "p-none")
    decide(asked, "nowhere", first.id)
    decide(asked, second.issue_id, second.id, rater="cy", undoes="d-none")
    Journal(asked / "labels" / "ann.jsonl", Label).append(
        [Label(issue_id="nowhere", rater="ann", codes=())]
    )
    code, output = printed("audit", "log", "chat")
    assert code == 4
    for line in (
        "proposals.jsonl:5: is about 'nowhere', which is not an issue of the run",
        "proposals.jsonl:6: names call 'c-none', which is not in the log",
        f"proposals.jsonl:7: names call {second.call_ids[0]!r}, which is about",
        "proposals.jsonl:8: is about another text",
        "proposals.jsonl:9: names 'e-none', which is not among the run's examples",
        "decisions/bea.jsonl:1: names proposal 'p-none'",
        "decisions/bea.jsonl:2: is about 'nowhere'",
        "decisions/bea.jsonl:3: names decision 'd-none'",
        "decisions/bea.jsonl:3: is by 'cy'",
        "labels/ann.jsonl:1: is about 'nowhere'",
    ):
        assert line in output


def test_many_problems_are_counted_and_hostile_names_are_shown_harmless(classified, printed):
    run = Run(classified)
    hostile = "\x1b]0;owned\x07[red]\u202e"
    first: Proposal = next(iter(run.proposals))
    run.proposals.append([first.model_copy(update={"issue_id": hostile})] * 30)
    code, output = printed("audit", "log", "first")
    assert code == 4
    assert "... and 10 more" in output
    assert not {"\x1b", "\x07", "\u202e"} & set(output)


def test_a_manifest_that_cannot_be_read(classified, printed):
    manifest = json.loads((classified / "manifest.json").read_text())
    (classified / "manifest.json").write_text(json.dumps({**manifest, "format": "x"}))
    code, output = printed("audit", "log", "first")
    assert code == 4
    assert "manifest.json cannot be read" in output


def test_adjudications_are_checked_and_another_copys_file_is_no_part(classified, printed):
    path = classified / "adjudications.jsonl"
    fields = {"by": "cy", "codes": ("cat",), "judged": {}, "blind": True}
    Journal(path, Adjudication).append(
        [Adjudication(issue_id=issue_id, **fields) for issue_id in ("own", "dog")]
    )
    (classified / "labels" / "ann.jsonl.from-1a2b3c4d").write_text("{}\n")
    code, text = printed("audit", "log", "first")
    assert code == 0, text
    assert "adjudications.jsonl" in text
    assert "of another copy" in text
    Journal(path, Adjudication).append([Adjudication(issue_id="gone", **fields)])
    rewrite(path, [line.replace('"own"', '"dog"') for line in lines(path)])
    code, text = printed("audit", "log", "first")
    assert code == 4
    assert "adjudications.jsonl:2: does not follow" in text
    assert "adjudications.jsonl:3: is about 'gone', which is not an issue" in text


@pytest.mark.parametrize("action", [Action.SHOW, Action.LEAVE])
def test_a_label_given_after_the_suggestion_was_seen_is_named(classified, printed, action):
    run = Run(classified)
    proposals = {proposal.issue_id: proposal.id for proposal in run.proposals}
    ann = {"rater": "ann", "issue_id": "own", "proposal_id": proposals["own"]}
    journal = run.decision_journal("ann")
    journal.append([Decision(id="d-1", action=Action.SKIP, seen=False, **ann)])
    assert printed("audit", "log", "first")[0] == 0, "what was skipped unseen is still blind"
    journal.append([Decision(id="d-2", action=action, **ann)])
    assert printed("audit", "log", "first")[0] == 0, "the label is older"
    labels = run.label_journal("ann")
    labels.append([Label(issue_id="own", rater="ann", codes=("dog",))])
    code, output = printed("audit", "log", "first")
    assert code == 4
    assert "labels/ann.jsonl:4: is not blind: 'ann' had seen the suggestion for 'own'" in output
    labels.append([Label(issue_id="own", rater="ann", codes=(), withdrawn=True)])
    assert printed("audit", "log", "first")[0] == 0, "it is counted no more"
