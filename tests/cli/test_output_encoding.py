"""Every command prints what it can, whatever the encoding of its output, and never ends there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.runs import make_issue, make_proposal, make_run

from coder.records import Label

TITLE = "Äpfel — 林檎 🍎 “sour” κ"
ENCODINGS = {
    "ascii": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("études")
    issues = [make_issue(n, title=TITLE) for n in range(1, 5)]
    proposals = [make_proposal(issue, rationale=TITLE) for issue in issues]
    made = make_run(folder / "runs", issues, proposals)
    for rater, code in (("ann", "taste.sour"), ("bea", "looks.green")):
        labels = [Label(issue_id=i.id, rater=rater, codes=(code,), memo=TITLE) for i in issues]
        made.add_labels(rater, labels)
    book = made.path / "codebook.yaml"
    text = book.read_text(encoding="utf-8")
    (folder / "codebook").mkdir()
    (folder / "codebook" / "fruit.yaml").write_text(
        text.replace("How it tastes.", f'"{TITLE}"'), encoding="utf-8"
    )
    (folder / "prompts").mkdir()
    (folder / "prompts" / "own.jinja").write_text(f"{{# {TITLE} #}}\n", encoding="utf-8")
    (folder / "study.toml").write_text('codebook = "fruit"\n')
    (folder / "issues.csv").write_text(f"title\n{TITLE}\n", encoding="utf-8")
    return folder


COMMANDS = [
    "report trial", "status trial", "doctor", "codebook show", "codebook check",
    "codebook diff fruit runs/trial/codebook.yaml", "prompt render i1 --run trial",
    "prompt diff own propose.v1", "plan trial", "audit log trial",
    "audit figure trial kappa.model_vs_ann", "label export trial -o ä.csv",
    "import issues.csv -o ä.jsonl",
    "review trial --rater cat --plain", "adjudicate trial --by dan --plain",
]  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_ends_in_a_character(study: Path, command: str, encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "coder", *command.split()],
        cwd=study,
        env=os.environ | ENCODINGS[encoding],
        input="m caf\xe9 \u6797\n".encode(),
        capture_output=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert b"Traceback" not in printed, printed.decode("utf-8", "replace")
    assert done.returncode == 0, printed
    assert done.stdout or done.stderr


def test_what_the_encoding_lacks_is_printed_as_its_escape(study: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "coder", "codebook", "show"],
        cwd=study, env=os.environ | ENCODINGS["ascii"], capture_output=True, check=True,
    )  # fmt: skip
    assert r"\xc4pfel \u2014 \u6797\u6a8e" in " ".join(done.stdout.decode("ascii").split())


def test_a_memo_typed_in_another_encoding_is_kept(study: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "coder", "review", "trial", "--rater", "eve", "--plain"],
        cwd=study, input=b"m caf\xe9\n", capture_output=True, check=True,
    )  # fmt: skip
    assert b"Traceback" not in made.stderr
    assert r"caf\\xe9" in (study / "runs/trial/decisions/eve.jsonl").read_text()
