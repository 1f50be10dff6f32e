"""What is allowed on this machine is remembered outside the study, for one study and subject."""

from __future__ import annotations

import shutil
import sys

import pytest

from coder.errors import StorageError
from coder.files.permissions import config_dir, permit, permitted


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def test_what_is_allowed_is_known_again_and_nothing_else_is(tmp_path, config):
    study, other = tmp_path / "study", tmp_path / "other"
    given = permit(study, "texts to https://a.example/v1")
    assert permitted(study, "texts to https://a.example/v1") == given
    assert permitted(study, "texts to https://b.example/v1") is None
    assert permitted(other, "texts to https://a.example/v1") is None


def test_a_copy_of_a_study_elsewhere_has_no_permission(tmp_path, config):
    study = tmp_path / "study"
    study.mkdir()
    permit(study, "x")
    assert not list(study.iterdir())
    shutil.copytree(study, tmp_path / "copy")
    assert permitted(tmp_path / "copy", "x") is None


def test_one_study_by_two_names_is_one(tmp_path, config):
    (tmp_path / "study").mkdir()
    (tmp_path / "link").symlink_to("study")
    permit(tmp_path / "link", "x")
    assert permitted(tmp_path / "study", "x")


def test_a_note_that_was_deleted_damaged_or_put_under_another_name_allows_nothing(tmp_path, config):
    permit(tmp_path, "x")
    permit(tmp_path, "y")
    (x,) = [note for note in config.rglob("*.json") if '"x"' in note.read_text()]
    (y,) = [note for note in config.rglob("*.json") if '"y"' in note.read_text()]
    x.replace(y)
    assert permitted(tmp_path, "x") is None and permitted(tmp_path, "y") is None
    y.write_bytes(b"\xff{")
    assert permitted(tmp_path, "y") is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_the_users_configuration_is_where_the_desktop_says(tmp_path, monkeypatch):
    monkeypatch.delenv("CODER_CONFIG_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_dir() == tmp_path / "issue-coder"


def test_a_folder_that_cannot_be_written_is_one_line_with_a_way_out(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CODER_CONFIG_DIR", str(tmp_path / "file" / "config"))
    with pytest.raises(StorageError, match="cannot write") as caught:
        permit(tmp_path, "x")
    assert "CODER_CONFIG_DIR" in caught.value.hint
