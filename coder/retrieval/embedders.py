"""Opens the embedder a study is set to: the package's own, chromadb's, or any langchain's."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import chdir
from typing import Any

import numpy as np

from coder.errors import ModelError
from coder.resources import PACKAGE
from coder.retrieval.encoder import Encoder, MiniLM, Vectors, normalised

AWAY = chdir(PACKAGE)
"""While chromadb is imported, which takes a .env of the current folder for its own."""
_KNOWN = "minilm, chroma, langchain:package.module:Class or none"


def open_embedder(setting: str) -> Encoder | None:
    """The embedder ``retrieval.embedder`` asks for.

    ``None`` for "none", and for "minilm" where its files are not installed: retrieval is by words
    then. Raises ``ModelError`` when another one was asked for and is not there.
    """
    if setting == "none":
        return None
    if setting == "minilm":
        try:
            return MiniLM()
        except ModelError:
            return None
    if setting == "chroma":
        with AWAY:
            from coder.retrieval.chroma import DefaultEmbeddings

        return _Langchain("chroma:all-MiniLM-L6-v2", DefaultEmbeddings())
    if setting.startswith("langchain:"):
        return _open_langchain(setting)
    raise ModelError(f"no embedder is called {setting!r}", f"set retrieval.embedder to {_KNOWN}")


def check_embedder(setting: str) -> str:
    """The embedder in words. Raises ``ModelError`` when it cannot be used and why."""
    if setting == "none":
        return "none: similarity is by shared words"
    encoder: Encoder | None = MiniLM() if setting == "minilm" else open_embedder(setting)
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
    module_name, _, class_name = setting.removeprefix("langchain:").partition(":")
    try:
        embeddings = getattr(importlib.import_module(module_name), class_name)()
    except ImportError as error:
        raise ModelError(
            f"embedder {setting!r} needs the module {error.name or module_name}",
            f"pip install {module_name.partition('.')[0].replace('_', '-')}",
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
