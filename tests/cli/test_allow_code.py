"""An embedder that a study names is run once its user has said so, which is remembered."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from coder.cli.main import cli

EMBEDDER = """\
from pathlib import Path
from langchain_core.embeddings import DeterministicFakeEmbedding
Path("imported").touch()
class Mine(DeterministicFakeEmbedding):
    size: int = 8
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        "coder.cli.asking.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    )
    (tmp_path / "allowed_embedder.py").write_text(EMBEDDER)
    (tmp_path / "study.toml").write_text(
        'codebook = "ptm-screening"\n[retrieval]\nembedder = "langchain:allowed_embedder:Mine"\n'
    )
    row = {"id": "i1", "title": "It breaks", "body": "The model cannot be loaded."}
    (tmp_path / "issues.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def propose(run, answer):
    return CliRunner().invoke(cli, ["propose", "issues.jsonl", "--run", run], input=answer)


def test_the_user_is_asked_once_and_no_means_no(study):
    refused = propose("a", "n\n")
    assert refused.exit_code != 0 and not (study / "imported").exists()
    assert "Mine of allowed_embedder" in refused.output and "1 issue" in refused.output
    allowed = propose("a", "y\n")
    assert allowed.exit_code == 0, (allowed.output, allowed.exception)
    assert (study / "imported").exists()
    again = propose("b", "")
    assert again.exit_code == 0 and "Run it?" not in again.output
