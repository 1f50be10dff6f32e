"""The study's name stands in every output, as text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.runs import FLAT, Maker, label

from coder.__main__ import run as command
from coder.study import Settings, Study

HOSTILE = "<b>Reuse</b> & | [x](javascript:y)"


@pytest.mark.parametrize(("settings", "name"), [("", "my-study"), (f"name = '{HOSTILE}'", HOSTILE)])
def test_the_name_is_as_set_or_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, name: str
) -> None:
    folder = tmp_path / "my-study"
    run = Maker(folder / "runs", FLAT).run({f"{n:02}": "abc"[n % 3] for n in range(12)})
    label(run, "ann", {f"{n:02}": "a" for n in range(12)})
    (folder / "study.toml").write_text(settings + "\n")
    monkeypatch.chdir(folder)
    assert command(["report", run.name]) == 0
    written = run.path / "report"
    assert json.loads((written / "report.json").read_text())["study"] == name
    page, paper = (written / "report.html").read_text(), (written / "report.md").read_text()
    head = page[page.index("<title>") : page.index("</title>")]
    assert "Reuse" in head + paper.split("\n")[0] if settings else name in head
    assert "<b>Reuse" not in page and "<b>Reuse" not in paper and "[x](" not in paper
    assert ("my-study" if not settings else "Reuse") in (written / "tables.tex").read_text()


def outputs(maker: Maker, monkeypatch: pytest.MonkeyPatch, more: str = "") -> dict[str, str]:
    """The text files that ``coder report`` writes, all of them."""
    run = maker.run({"1": "a", "2": "b"})
    label(run, "anna", {"1": "b", "2": "b"})
    study = run.path.parents[1]
    monkeypatch.chdir(study)
    monkeypatch.setenv("CODER_REPORT__DRAWS", "100")
    if more:
        (study / "study.toml").write_text(more, encoding="utf-8")
    assert command(["report", run.name, "--appendix"]) == 0
    return {file.name: file.read_text() for file in (run.path / "report").glob("*.*")}


def test_a_name_stays_in_its_line_of_every_output(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "Reuse </title><script>alert(1)</script>\n\\input{models}\u202e"
    found = outputs(maker, monkeypatch, f"name = {json.dumps(name)}")
    assert json.loads(found["report.json"])["study"] == name
    page = found["report.html"]
    assert "<script>alert" not in page and "\u202e" not in page
    kicker = page.split('<p class="kicker">')[1].split("</p>")[0]
    assert kicker.startswith("Agreement report · Reuse &lt;/title&gt;&lt;script&gt;")
    for file in ("report.md", "appendix.md"):
        first = found[file].splitlines()[0]
        assert " · Reuse &lt;/title&gt;" in first and "input{models}" in first, file
    for file in ("tables.tex", "appendix.tex"):
        first, second = found[file].splitlines()[:2]
        assert first.startswith("% ") and "of Reuse </title>" in first, file
        assert "input{models}" in first and second.startswith("% In the preamble"), file


def test_a_blank_name_is_none(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = outputs(maker, monkeypatch, 'name = "  "')
    assert json.loads(found["report.json"])["study"] == tmp_path.name


def test_a_folder_that_is_no_study_is_not_named(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = outputs(maker, monkeypatch)
    assert json.loads(found["report.json"])["study"] == ""
    assert [file for file, text in found.items() if tmp_path.name in text] == []


def test_a_study_opened_by_a_relative_path_has_its_folders_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert Study(Path(), Settings()).name == tmp_path.name
