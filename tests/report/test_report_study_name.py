"""The study's name stands in every output, as text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from run_maker import FLAT, Maker, label

from coder.__main__ import run as command

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
