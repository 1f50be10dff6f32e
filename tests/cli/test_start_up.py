"""``coder --help`` opens at once because nothing is imported before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from coder.cli.main import VERBS

HEAVY = {
    "chromadb", "langchain", "langchain_core", "langchain_openai",
    "numpy", "onnxruntime", "openai", "pydantic", "rich", "scipy", "sklearn",
    "textual", "tiktoken", "tokenizers", "typst", "yaml",
}  # fmt: skip


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_imports_nothing_heavy(verb):
    arguments = [verb, "--help"] if verb else ["--help"]
    script = (
        "import json, sys; from coder.__main__ import run\n"
        f"code = run({arguments!r})\n"
        "print(json.dumps([code, sorted({m.split('.')[0] for m in sys.modules})]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stdout.split("\n")[-2])
    assert code == 0
    assert not HEAVY & set(modules)


def test_every_verb_has_a_line_of_help():
    done = subprocess.run(
        [sys.executable, "-m", "coder", "--help"], capture_output=True, text=True, check=True
    )
    for verb in VERBS:
        line = next(li for li in done.stdout.split("\n") if li.split()[:1] == [verb])
        assert len(line.split()) > 3 and not line.endswith("..."), line
