"""A study with a classifier's run and a chat model's, both made by the real command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fault_server import FaultServer, completion

from coder.__main__ import run as coder

BOOK = """\
id: pets
name: Pets
codes:
- {id: cat, name: Cat, definition: Cats meow and purr.}
- {id: dog, name: Dog, definition: Dogs bark and fetch sticks.}
"""
STORY = "My old cat purrs all night long and wakes the whole house up before five in the morning."
ISSUES = {
    "own": ("The cat purrs", STORY),
    "twin": ("The cat purrs", STORY + " Help!"),
    "dog": ("My dog barks", "It barks at sticks. It never fetches any of them."),
    "short": ("The dog barks at me", ""),
}
EXAMPLES = {**ISSUES, "other": ("A puppy", "The dog barks at me and at every cat it can see.")}


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(BOOK)
    (tmp_path / "study.toml").write_text('codebook = "pets"\n[retrieval]\nembedder = "none"\n')
    for file, texts in (("issues", ISSUES), ("examples", EXAMPLES)):
        rows = [{"id": i, "title": title, "body": body} for i, (title, body) in texts.items()]
        (tmp_path / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    codes = "own,cat\ndog,dog\nshort,dog\nother,dog\n"
    (tmp_path / "labels.csv").write_text("id,code\n" + codes)
    return tmp_path


PROPOSE = ["propose", "issues.jsonl", "--labels", "labels.csv"]
PROPOSE += ["--labelled-issues", "examples.jsonl", "--run"]


@pytest.fixture
def classified(study, capsys) -> Path:
    """The folder of a classifier's run with a rater's labels and another's decisions."""
    assert coder([*PROPOSE, "first"]) == 0
    (study / "blind.csv").write_text("id,code\nown,cat\ndog,dog\nshort,dog\n")
    assert coder(["label", "import", "blind.csv", "--rater", "ann", "--run", "first"]) == 0
    capsys.readouterr()
    return study / "runs" / "first"


@pytest.fixture
def asked(study, monkeypatch, capsys) -> Path:
    """The folder of a chat model's run; its server and its key are gone."""
    server = FaultServer(lambda *_: completion())
    with server.running():
        arguments = ["--model", "openai:m", "--base-url", server.base_url]
        assert coder([*PROPOSE, "chat", *arguments]) == 0
    capsys.readouterr()
    return study / "runs" / "chat"


@pytest.fixture
def printed(capsys) -> Callable[..., tuple[int, str]]:
    """Run a command; its exit code and all it printed."""

    def command(*arguments: str) -> tuple[int, str]:
        code = coder(list(arguments))
        output = capsys.readouterr()
        assert "Traceback" not in output.err
        return code, output.out + output.err

    return command
