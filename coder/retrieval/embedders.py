"""Opens the embedder a study is set to: the package's own, or any langchain's.

The last is code that a study names, and it may send the texts it is given elsewhere: it is imported
only after the user has allowed the study to, on this machine, or has named it in the environment.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coder.errors import ModelError
from coder.files.permissions import permitted
from coder.retrieval.encoder import THREADS, Encoder, MiniLM, Vectors, normalised

VARIABLE = "CODER_RETRIEVAL__EMBEDDER"
"""Whoever names an embedder in the environment has allowed it."""
_CODE = "langchain:"
_KNOWN = "minilm, langchain:package.module:Class or none"
_PACKAGES = {
    "langchain_aws", "langchain_cohere", "langchain_community", "langchain_fireworks",
    "langchain_google_genai", "langchain_google_vertexai", "langchain_huggingface",
    "langchain_mistralai", "langchain_nomic", "langchain_ollama", "langchain_openai",
    "langchain_together", "langchain_voyageai",
}  # fmt: skip
"""Packages that are suggested where they are missing; a name in a study may be anybody's."""


def is_code(setting: str) -> bool:
    """Whether ``retrieval.embedder`` names code of others."""
    return setting.startswith(_CODE)


def subject(setting: str, *, masked: bool) -> str:
    """What is allowed of an embedder that is code; see :mod:`coder.files.permissions`."""
    return f"run the embedder {setting} on {'masked' if masked else 'whole'} texts"


def is_allowed(setting: str, root: Path, *, masked: bool = False) -> bool:
    """Whether the study in ``root`` may use the embedder, on ``masked`` texts alone or on all."""
    if not is_code(setting) or os.environ.get(VARIABLE) == setting:
        return True
    # Who agreed to masked texts has not agreed to whole ones.
    asked = [subject(setting, masked=False)] + [subject(setting, masked=True)] * masked
    return any(permitted(root, one) for one in asked)


def open_embedder(
    setting: str, root: Path | None = None, *, masked: bool = False, threads: int = THREADS
) -> Encoder | None:
    """The embedder that ``retrieval.embedder`` of the study in ``root`` asks for; on ``masked``
    texts only, where it is to be given no others. ``threads`` are those of the package's own.

    ``None`` for "none", and for "minilm" where its files are not installed: retrieval is by words
    then. Raises ``ModelError`` when another one was asked for and is not there, or is code that
    the user has not allowed.
    """
    if is_code(setting) and (root is None or not is_allowed(setting, root, masked=masked)):
        raise ModelError(
            f"embedder {setting!r} is code that this study names, and nobody has allowed it on "
            "this machine",
            f"coder propose asks for it in a terminal; {VARIABLE} in the environment allows it, "
            "too",
        )
    if setting == "none":
        return None
    if setting == "minilm":
        try:
            return MiniLM(threads)
        except ModelError:
            return None
    if is_code(setting):
        return _open_langchain(setting)
    raise ModelError(f"no embedder is called {setting!r}", f"set retrieval.embedder to {_KNOWN}")


def check_embedder(setting: str, root: Path, *, masked: bool = False) -> str:
    """The embedder in words. Raises ``ModelError`` when it cannot be used and why."""
    if setting == "none":
        return "none: similarity is by shared words"
    if setting == "minilm":
        return MiniLM().id
    encoder = open_embedder(setting, root, masked=masked)
    assert encoder is not None
    return encoder.id


class _Langchain:
    """Any langchain ``Embeddings`` as an embedder; vectors are brought to length 1."""

    def __init__(self, name: str, embeddings: Any) -> None:
        self.id = name
        self._embeddings = embeddings

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See :class:`coder.retrieval.encoder.Encoder`."""
        rows = self._embeddings.embed_documents(list(texts))
        return normalised(np.asarray(rows, dtype=np.float32))


def _open_langchain(setting: str) -> Encoder:
    from langchain_core.embeddings import Embeddings

    module_name, _, class_name = setting.removeprefix(_CODE).partition(":")
    try:
        made = getattr(importlib.import_module(module_name), class_name)
        if not (isinstance(made, type) and issubclass(made, Embeddings)):
            raise ModelError(
                f"embedder {setting!r}: {class_name} is no class of langchain's Embeddings",
                "write langchain:package.module:Class",
            )
        embeddings = made()
    except ModelError:
        raise
    except ImportError as error:
        package = module_name.partition(".")[0]
        raise ModelError(
            f"embedder {setting!r} needs the module {error.name or module_name}",
            f"pip install {package.replace('_', '-')}"
            if package in _PACKAGES
            else f"no package is known by the name {package!r}: look whose it is before you "
            "install it",
        ) from None
    except AttributeError:
        raise ModelError(
            f"embedder {setting!r}: {module_name} has no {class_name!r}",
            "write langchain:package.module:Class",
        ) from None
    except Exception as error:
        raise ModelError(
            f"embedder {setting!r} cannot be set up: {str(error).splitlines()[0]}",
            "it is made without arguments: set what it needs in the environment",
        ) from None
    model = getattr(embeddings, "model", "") or getattr(embeddings, "model_name", "")
    return _Langchain(f"{setting}:{model}" if model else setting, embeddings)
