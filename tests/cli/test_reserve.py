"""``coder propose --reserve`` keeps labels from every model, and they can be compared with it."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fault_server import FaultServer, completion

from coder.__main__ import run as coder
from coder.proposers.run_loop import reserve
from coder.records import Example, Issue
from coder.storage.run import Run

WORDS = ["amber", "brook", "cedar", "dune", "ember", "fjord", "grove", "heath", "inlet", "knoll"]
BOOK = """\
id: pets
name: Pets
codes:
- {id: cat, name: Cat, definition: Cats meow and purr.}
- {id: dog, name: Dog, definition: Dogs bark and fetch sticks.}
"""
PROPOSE = ["propose", "issues.jsonl", "--labels", "labels.csv", "--run"]


def text(number: int) -> str:
    return " ".join(random.Random(number).choices(WORDS, k=12)) + f" number {number}"


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(BOOK)
    (tmp_path / "study.toml").write_text('codebook = "pets"\n[retrieval]\nembedder = "none"\n')
    rows = [{"id": f"i{n}", "title": text(n)} for n in range(30)]
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "code"), *((f"i{n}", "cat") for n in range(29))])
        csv.writer(file).writerow(("i29", "none"))
    return tmp_path


def propose(name: str, *more: str) -> Run:
    assert coder([*PROPOSE, name, *more]) == 0
    return Run(Path("runs") / name)


def test_no_model_is_shown_a_reserved_label_and_the_audit_says_so(study, capsys):
    server = FaultServer(lambda *_: completion())
    with server.running():
        run = propose(
            "chat", "--reserve", "0.4", "--model", "openai:m", "--base-url", server.base_url
        )
    output = capsys.readouterr().out
    reserved = {label.id for label in run.reserved}
    assert 4 < len(reserved) < 20
    assert f"Reserved for evaluation: {len(reserved)} of 30 labels." in output
    assert {example.issue.id for example in run.examples} == {f"i{n}" for n in range(30)} - reserved
    for body in server.requests:
        asked = body["messages"][1]["content"]
        assert sum(text(int(i[1:])) in asked for i in reserved) <= 1
    assert coder(["audit", "log", "chat"]) == 0
    assert coder(["audit", "leakage", "chat"]) == 0
    assert f"labels reserved for evaluation            {len(reserved)}" in capsys.readouterr().out


def test_the_reserved_labels_are_a_label_file(study, capsys):
    run = propose("first", "--reserve", "1")
    assert not run.examples and len(run.reserved) == 30
    assert run.manifest.model["labels"] == 0
    line = capsys.readouterr().out.split("\n")[2]
    assert line.startswith("The reserved labels, as those of a rater: ")
    command = line.partition("coder ")[2].replace("NAME", "ann").split()
    assert coder(command) == 0
    labels = run.labels("ann")
    assert (labels["i0"].codes, labels["i29"].codes) == (("cat",), ())
    assert len(labels) == 30 and coder(["report", "first"]) == 0


def test_a_run_goes_on_only_with_the_same_reserve(study, capsys):
    run = propose("first", "--reserve", "0.4")
    propose("first", "--reserve", "0.4")
    capsys.readouterr()
    for other in ([], ["--reserve", "0.5"]):
        assert coder([*PROPOSE, "first", *other]) == 4
        assert "was made with another set of labels" in capsys.readouterr().err
    reserved = run.reserved[0].id
    file = study / "labels.csv"
    file.write_text(file.read_text().replace(f"{reserved},cat", f"{reserved},dog"))
    assert coder([*PROPOSE, "first", "--reserve", "0.4"]) == 4
    assert "was made with another set of reserved labels" in capsys.readouterr().err


def test_nothing_to_reserve_from(study, capsys):
    assert coder(["propose", "issues.jsonl", "--run", "first", "--reserve", "0.4"]) == 2
    assert "add --labels" in capsys.readouterr().err
    assert coder([*PROPOSE, "first", "--reserve", "1.4"]) == 2


def test_a_dry_run_keeps_them_away_too(study, capsys):
    propose("first", "--reserve", "0.4")
    assert coder([*PROPOSE, "first", "--reserve", "0.4", "--dry-run"]) == 0
    assert "Issues pending: 0." in capsys.readouterr().out


# --- what the audit finds -----------------------------------------------------------------------


def test_the_audit_names_a_request_that_shows_one_and_a_file_that_was_changed(study, capsys):
    server = FaultServer(lambda *_: completion())
    with server.running():
        run = propose(
            "chat", "--reserve", "0.4", "--model", "openai:m", "--base-url", server.base_url
        )
    kept = run.reserved[0].id
    call = next(call for call in run.calls if call.issue_id != kept)
    system, user = call.request["messages"]
    content = f'Similar:\n"{text(int(kept[1:]))}"\nCoded as: cat\n{user["content"]}'
    forged = {**call.request, "messages": [system, {**user, "content": content}]}
    run.calls.append([call.model_copy(update={"id": "forged", "request": forged})])
    capsys.readouterr()
    assert coder(["audit", "leakage", "chat"]) == 4
    found = capsys.readouterr().out
    assert f"{call.issue_id} <- {kept}: its text is in the request of call forged" in found
    path = run.path / "reserved.jsonl"
    path.write_text(path.read_text().replace("cat", "dog", 1))
    assert coder(["audit", "log", "chat"]) == 4
    assert "reserved.jsonl: is not what the manifest says" in capsys.readouterr().out


def test_the_audit_names_a_reserved_label_that_was_learnt_from(study, capsys):
    """As a run would be whose program did not keep them apart."""
    from coder.proposers.run_loop import propose as drive
    from coder.proposers.run_loop import start
    from coder.records import Reserved
    from coder.study import Study

    issues = [Issue(id=f"i{n}", title=text(n)) for n in range(3)]
    examples = [Example(issue=issues[0], codes=("cat",))]
    both = (Reserved(id="i0", code=("cat",)),)
    book = study / "codebook" / "pets.yaml"
    run, proposer = start(Study.open(), "bad", book, issues, examples, reserved=both)
    drive(run, proposer, lambda _: None)
    assert coder(["audit", "leakage", "bad"]) == 4
    assert "i0 <- i0: it is reserved for evaluation, and yet" in capsys.readouterr().out


# --- which are drawn ----------------------------------------------------------------------------

IDS = st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=40)


@given(IDS, IDS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 9), st.randoms())
def test_the_draw_depends_on_seed_and_id_alone(
    labelled: list[str], coded: list[str], one: float, other: float, seed: int, order: random.Random
) -> None:
    examples = [Example(issue=Issue(id=i), codes=()) for i in labelled]
    issues = [Issue(id=i) for i in {*coded, *labelled[::2]}]
    kept, reserved = reserve(examples, issues, one, seed)
    drawn = {r.id for r in reserved}
    assert drawn <= {issue.id for issue in issues}
    assert drawn.isdisjoint(e.issue.id for e in kept) and len(kept) + len(drawn) == len(labelled)
    order.shuffle(examples)
    fewer = reserve(examples[::2], issues, one, seed)[1]
    assert {r.id for r in fewer} == drawn & {e.issue.id for e in examples[::2]}
    more = {r.id for r in reserve(examples, issues, max(one, other), seed)[1]}
    assert drawn <= more
    assert reserve(examples, issues, 0, seed)[1] == []


def test_the_share_is_about_what_was_asked_for_and_changes_with_the_seed():
    issues = [Issue(id=str(n)) for n in range(2000)]
    examples = [Example(issue=issue, codes=()) for issue in issues]
    first, second = ({r.id for r in reserve(examples, issues, 0.3, seed)[1]} for seed in (1, 2))
    assert 540 < len(first) < 660 and 540 < len(second) < 660
    assert 120 < len(first & second) < 240
