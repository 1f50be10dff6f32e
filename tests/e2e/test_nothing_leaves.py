"""With the embedded default nothing leaves the machine, seen from the kernel; nor is anything left
in the user's home."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.fault_server import FaultServer, completion
from support.network_guard import watch, why_not

from coder.storage.run import Run
from coder.telemetry import SWITCHES

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "coder" / "sample"

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"cannot watch: {why_not()}")

MACHINE = {
    # Whatever its owner has turned on for other programs.
    "ORT_DISABLE_TELEMETRY": "0",
    "LANGSMITH_TRACING": "true",
    "LANGSMITH_API_KEY": "lsv2-not-a-key",
    "LANGSMITH_ENDPOINT": "http://192.0.2.1",
    "LANGCHAIN_TRACING_V2": "true",
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Sample issues, some of them labelled, and the run ``r`` of them."""
    root = tmp_path_factory.mktemp("study")
    issues = (SAMPLE / "issues.jsonl").read_text(encoding="utf-8").splitlines()[:16]
    (root / "issues.jsonl").write_text("\n".join(issues) + "\n", encoding="utf-8")
    ids = {json.loads(line)["id"] for line in issues}
    head, *labels = (SAMPLE / "labels.csv").read_text(encoding="utf-8").splitlines()
    kept = [head, *(label for label in labels if label.split(",")[0] in ids)]
    (root / "labels.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    (root / "study.toml").write_text('codebook = "ptm-reuse"\n', encoding="utf-8")
    return root


def run(study: Path, tmp_path: Path, *arguments: str, stdin: str = "") -> str:
    """Output of a command that contacted nobody and left nothing at home."""
    home = tmp_path / "home"
    home.mkdir()
    where = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    where |= {"PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(tmp_path / "fonts")}
    done, contacted = watch([*arguments], study, tmp_path / "trace", stdin, MACHINE | where)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contacted == []
    assert [path for path in home.rglob("*") if path.is_file()] == []
    return done.stdout


def coder(study: Path, tmp_path: Path, *arguments: str, stdin: str = "") -> str:
    return run(study, tmp_path, "-m", "coder", *arguments, stdin=stdin)


def test_the_guard_sees_a_lookup_and_a_connection(tmp_path):
    look = "import socket\ntry: socket.getaddrinfo('telemetry.example.com', 443)\nexcept OSError: 0"
    assert watch(["-c", look], tmp_path, tmp_path / "trace")[1] != []
    call = "import socket\nsocket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.7', 99))"
    assert watch(["-c", call], tmp_path, tmp_path / "trace")[1] == ["192.0.2.7 port 99"]


def test_propose(study, tmp_path):
    said = coder(study, tmp_path, "propose", "issues.jsonl", "--run", "r", "--labels", "labels.csv")
    assert "16 issues proposed" in said


def test_review_and_the_suggestions_that_learn_from_it(study, tmp_path):
    no_code_fits = "n\n" * 12
    said = coder(
        study, tmp_path, "review", "r", "--rater", "ann", "--plain", stdin=no_code_fits + "q\n"
    )
    assert "12 of 16 reviewed" in said


def test_refit(study, tmp_path):
    made = Run.open(study / "runs", "r")
    setting = {"run": str(made.path), "rater": "ann", "embedder": "minilm",
               "cache": str(tmp_path / "cache")}  # fmt: skip
    # It ends with its input, so it is asked by somebody who waits for what comes.
    script = (
        "import subprocess, sys\n"
        "asked = sys.stdin.read()\n"
        "run = [sys.executable, '-m', 'coder.review.learning_worker']\n"
        "p = subprocess.Popen(run, stdin=-1, stdout=-1)\n"
        "p.stdin.write(asked.encode()); p.stdin.flush()\n"
        "print(p.stdout.readline().decode()[:6], p.stdout.readline().decode()[:9])\n"
        "p.stdin.close(); p.wait()"
    )
    asked = json.dumps(setting) + "\n" + json.dumps(list(made.issues)[-2:]) + "\n"
    assert "refit  proposal" in run(study, tmp_path, "-c", script, stdin=asked)


@pytest.mark.parametrize(
    "arguments",
    ["report r", "codebook suggest r", "status r", "audit log r", "doctor"],
)
def test_what_reads_a_run(study, tmp_path, arguments):
    assert coder(study, tmp_path, *arguments.split())


def test_a_chat_model_on_this_machine_is_all_that_is_contacted(study, tmp_path):
    """With labels, so that the vector database is used; its settings are nobody else's."""
    answer = {"codes": [{"code": "usage", "confidence": 1}], "rationale": "r", "sentences": [1]}
    (study / ".env").write_text(
        "CHROMA_API_IMPL=chromadb.api.fastapi.FastAPI\nCHROMA_SERVER_HOST=192.0.2.2\n"
    )
    server = FaultServer(lambda *_: completion(answer))
    try:
        with server.running():
            coder(
                study, tmp_path, "propose", "issues.jsonl", "--run", "chat",
                "--labels", "labels.csv", "--model", "openai:any", "--base-url", server.base_url,
            )  # fmt: skip
    finally:
        (study / ".env").unlink()
    assert len(server.requests) >= 16


def test_switches_are_set_before_anything_is_imported_and_for_other_processes():
    code = (
        "import os, sys, coder\n"
        "print(sorted(m for m in sys.modules if m in ('onnxruntime', 'chromadb', 'pydantic')))\n"
        "import subprocess\n"
        "subprocess.run([sys.executable, '-c', 'import os; print(dict(os.environ))'])"
    )
    done = subprocess.run(
        [sys.executable, "-u", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **MACHINE},
    )
    imported, inherited = done.stdout.splitlines()
    assert imported == "[]"
    assert SWITCHES.items() <= ast.literal_eval(inherited).items()
