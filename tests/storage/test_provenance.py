"""The state of the code is noted without running anything that the checkout names."""

from __future__ import annotations

import subprocess

import pytest

from coder.storage.provenance import git_state


def git(folder, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)


@pytest.fixture
def checkout(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "file.txt").write_text("one\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_the_commit_and_whether_there_are_changes(checkout):
    clean = git_state(checkout)
    assert len(clean["commit"]) == 40 and clean["dirty"] is False
    git(checkout, "remote", "add", "origin", "https://example.com/x.git")
    (checkout / "file.txt").write_text("two\n")
    assert git_state(checkout) == {"commit": clean["commit"], "dirty": True}


def test_nothing_is_known_of_a_folder_that_is_no_checkout(tmp_path):
    assert git_state(tmp_path) == {}


@pytest.mark.parametrize(
    "settings",
    [
        {"core.fsmonitor": "touch CANARY"},
        {"filter.x.clean": "touch CANARY"},
        {"filter.x.process": "touch CANARY"},
        {"core.hooksPath": "hooks"},
        {"include.path": "more"},
    ],
    ids=str,
)
def test_no_program_runs_that_the_checkout_names(checkout, settings):
    canary = checkout / "CANARY"
    (checkout / ".gitattributes").write_text("*.txt filter=x\n")
    hook = checkout / "hooks" / "post-index-change"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
    hook.chmod(0o755)
    (checkout / ".git" / "more").write_text(f"[core]\nfsmonitor = touch {canary}\n")
    for name, value in settings.items():
        git(checkout, "config", name, value.replace("CANARY", str(canary)))
    (checkout / "file.txt").write_text("two\n")
    state = git_state(checkout)
    assert not canary.exists()
    assert len(state["commit"]) == 40 and "dirty" not in state
