"""Label Studio and doccano both ways; what was coded with a suggestion in sight is never blind."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.runs import TREE, Maker, decide, issue, label

from coder.__main__ import run as coder
from coder.records import Action, Evidence, Issue, Proposal, ScoredCode, Status
from coder.storage.run import Run


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    issues = [issue("a/b#1", title="Too <slow>\u2028", body="It is slow."), issue("a/b#2")]
    run = Maker(tmp_path / "runs", book=TREE, issues=issues).run({"a/b#2": Status.ABSTAINED})
    at = issues[0].text.index("slow.")
    run.proposals.append(
        [Proposal(id="p1-a/b#1", issue_id="a/b#1", issue_hash="0", status=Status.OK, model="m",
                  codes=(ScoredCode(code="speed", confidence=0.8),),
                  evidence=(Evidence(quote="slow", start=at, end=at + 4, verified=True),))]
    )  # fmt: skip
    label(run, "ann", {"a/b#1": "error"})
    decide(run, "bea", {"a/b#1": Action.ACCEPT})
    return tmp_path


def annotated(tasks: list[dict], *given: tuple[int, str, list[str]]) -> list[dict]:
    """Tasks as Label Studio exports them once people have chosen."""
    for at, who, codes in given:
        result = {"type": "choices", "from_name": "code", "to_name": "text",
                  "value": {"choices": codes}}  # fmt: skip
        made = {"id": 7, "completed_by": {"email": who}, "was_cancelled": not codes}
        tasks[at].setdefault("annotations", []).append({**made, "result": [result]})
    return [
        {"id": n, **task, "annotations": task.get("annotations", [])}
        for n, task in enumerate(tasks)
    ]


def test_tasks_hold_suggestions_and_answers_apart(study, capsys):
    assert coder(["export", "demo", "-o", "tasks.json", "--to", "label-studio"]) == 0
    assert "no blind label" in " ".join(capsys.readouterr().out.split())
    one, two = json.loads((study / "tasks.json").read_text())
    text = Run.open(study / "runs", "demo").issues["a/b#1"].text
    assert one["data"]["text"] == text and one["data"]["issue_id"] == "a/b#1"
    choice, span = one["predictions"][0]["result"]
    assert choice["value"]["choices"] == ["speed"] and one["predictions"][0]["score"] == 0.8
    assert text[span["value"]["start"] : span["value"]["end"]] == "slow"
    said = {
        a["completed_by"]["email"]: a["result"][0]["value"]["choices"] for a in one["annotations"]
    }
    assert said == {"ann (blind)": ["error"], "bea (assisted)": ["speed"]}
    assert two["predictions"][0]["result"][0]["value"]["choices"] == ["none"]
    view = ElementTree.parse(study / "tasks.config.xml").getroot()
    choices = view.find("Choices")
    assert choices is not None and choices.get("choice") == "single"
    assert [c.get("value") for c in choices] == ["call", "set", "speed", "error", "none"]
    assert {e.get("toName") for e in view if e.tag != "Text"} == {"text"}


def test_blind_tasks_come_back_as_blind_labels(study, capsys):
    assert coder(["export", "demo", "-o", "tasks.json", "--to", "label-studio", "--blind"]) == 0
    tasks = json.loads((study / "tasks.json").read_text())
    assert all(task.keys() == {"data"} for task in tasks)
    given = annotated(
        tasks, (0, "cai", ["set"]), (1, "cai", ["none"]), (0, "dan", ["call"]), (1, "dan", [])
    )
    (study / "back.json").write_text(json.dumps(given))
    assert coder(["label", "import", "back.json", "--rater", "cai", "--run", "demo"]) == 0
    assert coder(["label", "import", "back.json", "--rater", "dan", "--run", "demo"]) == 0
    run = Run.open(study / "runs", "demo")
    assert {i: one.codes for i, one in run.labels("cai").items()} == {
        "a/b#1": ("set",),
        "a/b#2": (),
    }
    assert {i: one.codes for i, one in run.labels("dan").items()} == {"a/b#1": ("call",)}


def test_what_was_coded_beside_a_suggestion_is_refused(study, capsys):
    assert coder(["export", "demo", "-o", "tasks.json", "--to", "label-studio"]) == 0
    tasks = json.loads((study / "tasks.json").read_text())
    (study / "back.json").write_text(json.dumps(annotated(tasks, (0, "cai", ["set"]))))
    assert coder(["label", "import", "back.json", "--rater", "cai", "--run", "demo"]) == 3
    assert "not blind: a suggestion came with the task" in capsys.readouterr().err
    assert not Run.open(study / "runs", "demo").labels("cai")


def test_doccano_both_ways(study, capsys):
    assert coder(["export", "demo", "-o", "out.jsonl", "--to", "doccano"]) == 0
    lines = [json.loads(line) for line in (study / "out.jsonl").read_text().split("\n")[:-1]]
    assert [line["label"] for line in lines] == [["error"], ["none"]]
    assert coder(["export", "demo", "-o", "out.jsonl", "--to", "doccano", "--blind"]) == 0
    lines = [json.loads(line) for line in (study / "out.jsonl").read_text().split("\n")[:-1]]
    assert [line["label"] for line in lines] == [[], []]
    back = [{"id": 4, **lines[0], "label": ["set"]}, {"id": 5, **lines[1], "label": []}]
    (study / "back.jsonl").write_text("".join(json.dumps(line) + "\n" for line in back))
    assert coder(["label", "import", "back.jsonl", "--rater", "eve", "--run", "demo"]) == 0
    labels = Run.open(study / "runs", "demo").labels("eve")
    assert {i: one.codes for i, one in labels.items()} == {"a/b#1": ("set",)}


def test_tasks_can_be_imported_as_issues(study):
    tasks = annotated([{"data": {"issue_id": "x#1", "text": "Only text"}}])
    (study / "tasks.json").write_text(json.dumps(tasks))
    assert coder(["import", "tasks.json", "-o", "in.jsonl"]) == 0
    (line,) = (study / "in.jsonl").read_text().splitlines()
    one = Issue.model_validate_json(line)
    assert (one.id, one.body) == ("x#1", "Only text")


def test_json_min_and_doccano_lines_keep_the_mark_of_a_suggestion(study, capsys):
    """Both lose predictions; the mark is a field of the data, which they keep."""
    assert coder(["export", "demo", "-o", "tasks.json", "--to", "label-studio"]) == 0
    assert coder(["export", "demo", "-o", "lines.jsonl", "--to", "doccano"]) == 0
    tasks = json.loads((study / "tasks.json").read_text())
    rows = [{**one["data"], "id": 1, "code": "set", "annotator": "cai"} for one in tasks]
    (study / "min.json").write_text(json.dumps(rows))
    for file in ("min.json", "lines.jsonl"):
        assert coder(["label", "import", file, "--rater", "cai", "--run", "demo"]) == 3
        assert "not blind: a suggestion came with the task" in capsys.readouterr().err


def test_of_json_min_only_the_raters_own_rows_are_read(study):
    rows = [
        {"issue_id": "a/b#1", "text": "x", "id": 9, "code": code, "annotator": who}
        for code, who in (("set", "cai"), ("call", "dan"))
    ]
    (study / "min.json").write_text(json.dumps(rows))
    assert coder(["label", "import", "min.json", "--rater", "cai", "--run", "demo"]) == 0
    labels = Run.open(study / "runs", "demo").labels("cai")
    assert {i: one.codes for i, one in labels.items()} == {"a/b#1": ("set",)}


@pytest.mark.parametrize("trace", ["parent_prediction", "prediction"])
def test_an_annotation_made_from_a_prediction_is_not_blind(study, capsys, trace):
    given = annotated([{"data": {"issue_id": "a/b#1", "text": "x"}}], (0, "cai", ["set"]))
    given[0]["annotations"][0][trace] = {"id": 5} if trace == "prediction" else 5
    (study / "back.json").write_text(json.dumps(given))
    assert coder(["label", "import", "back.json", "--rater", "cai", "--run", "demo"]) == 3
    assert "not blind" in capsys.readouterr().err
