"""``coder --verbose`` says what is opened, asked and answered, on stderr and on one line each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fault_server import FaultServer, completion
from support.runs import make_run

from coder.__main__ import run as command

BOOK = "id: pets\nname: Pets\ncodes:\n- {id: cat, name: Cat, definition: Meows.}\n"
BOOK += "- {id: dog, name: Dog, definition: Barks.}\n"
KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    yield
    log = logging.getLogger("coder")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)
    log.propagate = True


def test_a_run_that_is_opened_is_told_on_stderr_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert command(["status", "trial"]) == 0
    quiet = capsys.readouterr()
    assert command(["-v", "status", "trial"]) == 0
    told = capsys.readouterr()
    assert quiet.err == "" and told.out == quiet.out
    assert "coder.storage.run: opened run" in told.err and "3 issues" in told.err


def test_requests_are_told_with_their_issue_and_no_secret_and_no_escape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODER_API_KEY", KEY)
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(BOOK)
    (tmp_path / "issues.jsonl").write_text('{"id": "a\\u001b[31m\\nb", "title": "It meows"}\n')
    server = FaultServer(lambda _body, _number: completion())
    with server.running():
        done = command(
            ["-v", "propose", "issues.jsonl", "--run", "r", "--codebook", "pets",
             "--model", "openai:m", "--base-url", server.base_url]
        )  # fmt: skip
    told = capsys.readouterr().err
    assert done == 0 and "answered after" in told
    assert KEY not in told and "\x1b" not in told
    (line,) = [line for line in told.splitlines() if "answered after" in line]
    assert "coder.proposers.chat.client: a" in line
