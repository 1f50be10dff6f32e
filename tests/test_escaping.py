"""No file that people open holds what their program would obey, and no text is lost by that."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.runs import make_issue, make_proposal, make_run

from coder.__main__ import run
from coder.escaping import csv_cell, from_csv_cell, inert, json_text, no_formula
from coder.records import Label
from coder.sources.issues import load_issues
from coder.storage.run import Run

OBEYED = "\x7f\x80\x85\x9b\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\ufff9"
HOSTILE = f"a{OBEYED}z"
FORMULAS = ["=1", "+1", "-1", "@A1", "|=cmd", "|1", "%1", "＝1", "＋1", "－1", "＠1", "\t=1", " =1",
            "\n1", "\u3000=1", "'=1", "''=1"]  # fmt: skip


def held(text: str) -> set[str]:
    return set(re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", text))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose every text is hostile, with two raters who disagree."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text("[report]\ndraws = 100\n")
    issues = [
        make_issue(
            n, id=f"i{n}{HOSTILE}", title=HOSTILE, repo=HOSTILE, body=f"{HOSTILE}\n{n}",
            url=f"https://example.org/{HOSTILE}/{n}",
        )
        for n in range(1, 4)
    ]  # fmt: skip
    proposals = [make_proposal(issue, rationale=HOSTILE) for issue in issues]
    made = make_run(tmp_path / "runs", issues, proposals)
    for rater, code in (("ann", "taste.bland"), ("bea", "looks.green")):
        labels = [Label(issue_id=i.id, rater=rater, codes=(code,), memo=HOSTILE) for i in issues]
        made.add_labels(rater, labels)
    return made


def test_no_file_of_a_report_holds_what_a_reader_obeys(study: Run) -> None:
    assert run(["report", "trial", "--appendix"]) == 0
    files = [path for path in (study.path / "report").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".html", ".md", ".json", ".csv", ".tex"}
    for path in files:
        assert held(path.read_text(encoding="utf-8")) == set(), path.name


def test_an_address_with_a_control_character_is_no_link(study: Run) -> None:
    assert run(["report", "trial"]) == 0
    for name in ("report.md", "report.html"):
        assert "example.org" not in (study.path / "report" / name).read_text(encoding="utf-8")


def test_the_json_of_a_report_says_what_the_issues_say(study: Run) -> None:
    assert run(["report", "trial"]) == 0
    report = json.loads((study.path / "report" / "report.json").read_bytes())
    assert {case["title"] for case in report["cases"]} == {HOSTILE}


def test_no_file_of_a_run_holds_what_a_reader_obeys_nor_more_lines_than_records(study: Run) -> None:
    for path in study.path.rglob("*.jsonl"):
        text = path.read_text(encoding="utf-8")
        assert held(text) == set(), path.name
        assert len(text.splitlines()) == text.count("\n")
    assert [issue.title for issue in Run(study.path).issues.values()] == [HOSTILE] * 3


def test_half_a_character_can_be_written_and_read_again(study: Run) -> None:
    label = Label(issue_id=f"i1{HOSTILE}", rater="cat", codes=(), memo="bad \ud83d end")
    study.add_labels("cat", [label])
    assert [found.memo for found in Run(study.path).label_journal("cat")] == ["bad \ud83d end"]
    assert study.label_journal("cat").broken_line() is None
    assert run(["report", "trial"]) == 0


@given(st.text())
@example(HOSTILE)
def test_escaped_json_is_the_same_value(text: str) -> None:
    dumped = json.dumps({text: [text]}, ensure_ascii=False)
    assert json.loads(json_text(dumped)) == {text: [text]}
    assert held(json_text(dumped)) == set()
    json_text(dumped).encode("utf-8")


@pytest.mark.parametrize("text", FORMULAS)
def test_what_looks_like_a_formula_is_text(text: str) -> None:
    assert csv_cell(text).startswith("'")
    assert from_csv_cell(no_formula(text)) == text


@given(st.text())
def test_a_cell_gives_its_text_back(text: str) -> None:
    assert from_csv_cell(no_formula(text)) == text
    assert not csv_cell(text).lstrip()[:1] or csv_cell(text).lstrip()[0] not in "=+-@|%＝＋－＠"
    assert inert(csv_cell(text)) == csv_cell(text)


@pytest.mark.parametrize("text", FORMULAS)
def test_labels_that_look_like_formulas_come_back_as_they_were(study: Run, text: str) -> None:
    memo = f"={text}"
    labels = [Label(issue_id=i, rater="cat", codes=(), memo=memo) for i in study.issues]
    study.add_labels("cat", labels)
    assert run(["label", "export", "trial", "--rater", "cat", "-o", "out.csv"]) == 0
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        assert all(row["memo"].startswith("'") for row in csv.DictReader(file))


def test_an_import_writes_no_formula_and_its_labels_are_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"key": text.strip(), "title": f"t{n}", "v": "=cat"} for n, text in enumerate(FORMULAS)]
    unique = {row["key"]: row for row in rows}.values()
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in unique))
    command = ["import", "in.jsonl", "-o", "out.jsonl", "--map", "id=key", "--map", "code=v"]
    assert run(command) == 0
    with (tmp_path / "out.labels.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert all(row["id"].startswith("'") for row in cells if row["id"] != "1")
    assert {row["code"] for row in cells} == {"'=cat"}
    known = [issue.id for issue in load_issues(tmp_path / "out.jsonl")]
    assert [from_csv_cell(row["id"]) for row in cells] == known


def test_an_id_cannot_forge_a_line_of_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    forged = "x\nout.jsonl: 5,000 issues\n5,000 rows read: 5,000 kept, 0 duplicate, 0 set aside"
    rows = [{"id": forged, "title": "a"}, {"id": forged, "title": "b"}, {"id": "y", "title": "a"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["import", "in.jsonl", "-o", "out.jsonl"]) == 0
    shown = capsys.readouterr().out.split("\n")
    assert not any(line.startswith(("5,000", "out.jsonl: 5,000")) for line in shown)
    assert "3 rows read: 2 kept, 0 duplicate, 1 set aside" in shown


def test_an_id_cannot_forge_a_line_of_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text(json.dumps({"a\nhint: run evil": "x"}) + "\n")
    assert run(["import", "in.jsonl", "-o", "out.jsonl", "--map", "title=nothing"]) != 0
    error = capsys.readouterr().err.strip().split("\n")
    assert [line.partition(":")[0] for line in error] == ["error", "hint"]
    assert "run evil" in error[1] and not error[1].startswith("hint: run evil")
