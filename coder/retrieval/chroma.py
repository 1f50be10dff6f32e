"""One embedder in two roles: chromadb's embedding function, and langchain's embeddings."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

from chromadb.api.types import Embeddable, EmbeddingFunction, Space
from chromadb.api.types import Embeddings as Rows
from chromadb.config import Settings
from chromadb.utils.embedding_functions import (
    DefaultEmbeddingFunction,
    register_embedding_function,
)
from langchain_core.embeddings import Embeddings

from coder.errors import ModelError
from coder.retrieval.embedders import open_embedder
from coder.retrieval.encoder import Encoder

# The .env of the current folder is the study's, and says nothing to chromadb.
Settings.model_config["env_file"] = None


@register_embedding_function
class CoderEmbeddings(EmbeddingFunction[Embeddable], Embeddings):
    """Registered under a name, so that chromadb can open a collection made with it again."""

    def __init__(self, setting: str, encoder: Encoder | None = None) -> None:
        """``encoder`` is opened by ``setting`` once it is needed, where it is not given: chromadb
        makes one of these each time it looks at what a collection is set to. A database may be
        anybody's: code that it names is not opened."""
        self._setting = setting
        self._given = encoder

    @cached_property
    def _encoder(self) -> Encoder:
        encoder = self._given or open_embedder(self._setting)
        if encoder is None:
            raise ModelError(
                "the index was made with an embedder that is not here any more",
                "delete runs/.cache: it is made again",
            )
        return encoder

    def __call__(self, input: Embeddable) -> Rows:  # noqa: A002  chromadb checks the name
        return cast(Rows, list(self._encoder.encode([str(text) for text in input])))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(x) for x in row] for row in self._encoder.encode(texts)]

    def embed_query(self, input: Any) -> Any:  # noqa: A002
        """langchain gives one text and wants its vector; chromadb gives and wants a list."""
        if isinstance(input, str):
            return self.embed_documents([input])[0]
        return self(input)

    @staticmethod
    def name() -> str:
        return "issue-coder"

    def default_space(self) -> Space:
        return "cosine"

    def get_config(self) -> dict[str, Any]:
        return {"setting": self._setting}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> CoderEmbeddings:
        return CoderEmbeddings(config["setting"])


class DefaultEmbeddings:
    """chromadb's own embedder, with langchain's method; downloads its model when first used."""

    def __init__(self) -> None:
        self._function = DefaultEmbeddingFunction()

    def embed_documents(self, texts: list[str]) -> Any:
        try:
            return self._function(texts)
        except Exception as error:
            raise ModelError(
                f"chromadb's embedder cannot be used: {str(error).splitlines()[0]}",
                "it downloads its model once; or set retrieval.embedder to minilm",
            ) from None
