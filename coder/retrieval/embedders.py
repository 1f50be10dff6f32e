"""Opens the embedder a study is set to: the one in the package, chromadb's own, or any langchain's."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coder.errors import ModelError

_KNOWN = "minilm, chroma, langchain:package.module:Class or none"


class Embedder(Protocol):
    """Turns texts into vectors. ``id`` names the model and version, ``setting`` how to open it."""

    @property
    def id(self) -> str: ...

    @property
    def setting(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 (Euclidean) for each text: (n, d)."""
        ...


def open_embedder(setting: str) -> Embedder | None:
    """The embedder ``retrieval.embedder`` asks for.

    ``None`` for "none", and for "minilm" where its files are not installed: retrieval is by words
    then. Raises ``ModelError`` when another one was asked for and is not there.
    """
    if setting == "none":
        return None
    if setting == "minilm":
        try:
            return _open_minilm()
        except ModelError:
            return None
    if setting == "chroma":
        from coder.retrieval.chroma import DefaultEmbeddings

        return _Langchain(setting, "chroma:all-MiniLM-L6-v2", DefaultEmbeddings())
    if setting.startswith("langchain:"):
        return _open_langchain(setting)
    raise ModelError(f"no embedder is called {setting!r}", f"set retrieval.embedder to {_KNOWN}")


def check_embedder(setting: str) -> str:
    """The embedder in words. Raises ``ModelError`` when it cannot be used and why."""
    if setting == "none":
        return "none: similarity is by shared words"
    embedder = _open_minilm() if setting == "minilm" else open_embedder(setting)
    assert embedder is not None
    return embedder.id


def _open_minilm() -> Embedder:
    from coder.retrieval.encoder import Encoder

    return Encoder.open()


class _Langchain:
    """Any langchain ``Embeddings`` as an embedder; vectors are brought to length 1."""

    def __init__(self, setting: str, name: str, embeddings: Any) -> None:
        self.setting = setting
        self.id = name
        self._embeddings = embeddings

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.asarray(self._embeddings.embed_documents(list(texts)), dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.maximum(lengths, np.float32(1e-12))


def _open_langchain(setting: str) -> Embedder:
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
    return _Langchain(setting, f"{setting}:{model}" if model else setting, embeddings)
