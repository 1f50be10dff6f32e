"""A study folder is complete when made, and settings come from where they should."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from coder.__main__ import run
from coder.files.resources import TEMPLATE, find, shipped, study_root
from coder.study import Settings, Study

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["study.toml", ".env.example"])
def test_a_clone_is_itself_a_study_folder(name):
    assert (ROOT / name).read_text() == (TEMPLATE / name.removeprefix(".")).read_text()


def test_the_settings_file_lists_every_setting_as_it_comes():
    text = re.sub(r"^# (\w+ = )", r"\1", (ROOT / "study.toml").read_text(), flags=re.M)
    listed = tomllib.loads(text.replace('base_url = "http://localhost:8080/v1"', 'base_url = ""'))
    assert listed == Settings().model_dump(exclude={"api_key"})


def test_init_makes_a_whole_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s" / "codebook").mkdir(parents=True)
    mine = tmp_path / "s" / "codebook" / "ptm-reuse.yaml"
    mine.write_text("mine")
    assert run(["init", "s"]) == 0
    assert "coder propose" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "s").iterdir()} == {
        "study.toml", "codebook", "prompts", "runs", ".env.example", ".gitignore",
    }  # fmt: skip
    assert mine.read_text() == "mine"
    assert list((tmp_path / "s" / "prompts").glob("*.jinja"))
    monkeypatch.chdir(tmp_path / "s" / "runs")
    assert Study.open().root == tmp_path / "s"
    assert Study.open().settings.model.name == "embedded"


def test_flags_beat_environment_beats_env_file_beats_toml(tmp_path, monkeypatch):
    (tmp_path / "study.toml").write_text('[model]\nname = "toml"\nbase_url = "toml"\ntimeout = 5\n')
    (tmp_path / ".env").write_text("CODER_MODEL__NAME=file\nCODER_MODEL__BASE_URL=file\nOTHER=x\n")
    monkeypatch.setenv("CODER_MODEL__NAME", "environment")
    model = Study.open(tmp_path, model={"name": None}).settings.model
    assert (model.name, model.base_url, model.timeout) == ("environment", "file", 5)
    assert Study.open(tmp_path, model={"name": "flag"}).settings.model.name == "flag"


def test_an_env_file_can_not_take_what_is_secret_from_the_environment(tmp_path, monkeypatch):
    """Who sends a study would else name an address that a key of the user's is part of."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    (tmp_path / ".env").write_text(
        "CODER_API_KEY=${OPENAI_API_KEY}\n"
        "CODER_MODEL__BASE_URL=http://a.example/${OPENAI_API_KEY}\nOTHER=${OPENAI_API_KEY}\n"
    )
    study = Study.open(tmp_path)
    assert study.settings.model.base_url == "http://a.example/${OPENAI_API_KEY}"
    key = study.settings.api_key
    assert key is not None and key.get_secret_value() == "${OPENAI_API_KEY}"
    assert study.variable("OTHER") == "${OPENAI_API_KEY}"


def test_keys_are_found_and_never_shown(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-secret\nCODER_API_KEY=sk-other\n")
    study = Study.open(tmp_path)
    key = study.key("OPENAI_API_KEY")
    assert key is not None
    assert key.get_secret_value() == "sk-secret"
    assert "secret" not in repr(key)
    assert "sk-other" not in repr(study.settings) + study.settings.model_dump_json()
    assert study.key("ANTHROPIC_API_KEY") is None


def test_a_study_s_own_file_comes_before_the_shipped_one(tmp_path):
    assert find("codebook", "ptm-reuse", ".yaml", tmp_path).parent == shipped("codebook")
    (tmp_path / "codebook").mkdir()
    mine = tmp_path / "codebook" / "ptm-reuse.yaml"
    mine.write_text("id: x")
    assert find("codebook", "ptm-reuse", ".yaml", tmp_path) == mine
    assert study_root(tmp_path) == tmp_path
