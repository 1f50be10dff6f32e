"""A study folder and its settings: flags beat the environment, which beats .env, then study.toml.

Keys are ``SecretStr``: they never show in a repr, a log, a manifest or an error.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from coder.errors import InputError
from coder.reading import read_text, read_toml
from coder.resources import STUDY_FILE, require_own, study_root


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(_Section):
    """Which model proposes codes, and how it is asked."""

    name: str = "embedded"
    base_url: str = ""
    temperature: float = Field(default=0.0, ge=0, le=2)
    max_output_tokens: int = Field(default=800, ge=16)
    context_tokens: int = Field(default=8000, ge=512)
    timeout: float = Field(default=120.0, gt=0)
    concurrency: int = Field(default=4, ge=1, le=512)
    retries: int = Field(default=5, ge=0)
    prompt: str = "propose.v1"
    strategy: Literal["flat", "cascade", "each"] = "flat"
    evidence: Literal["sentences", "quotes"] = "sentences"
    decode: Literal["json", "score"] = "json"
    batch: int = Field(default=32, ge=0)
    samples: int = Field(default=1, ge=1, le=100)
    sample_temperature: float = Field(default=0.7, gt=0, le=2)
    logprobs: bool = False
    redact: bool = False
    requests_per_minute: int = Field(default=0, ge=0)
    tokens_per_minute: int = Field(default=0, ge=0)
    cache: bool = True

    @property
    def template(self) -> str:
        """``prompt``, or what stands in for it where it is left as it comes."""
        usual = type(self).model_fields["prompt"].default
        return "score.v1" if self.decode == "score" and self.prompt == usual else self.prompt


class RetrievalSettings(_Section):
    """How similar labelled issues are found, and which of them a chat model is shown."""

    embedder: str = "minilm"
    neighbours: int = Field(default=4, ge=0, le=50)
    definitions: int = Field(default=8, ge=0)
    diversity: float = Field(default=0.05, ge=0, le=1)
    """How much a labelled issue counts for less when its code is already shown; 0: not at all."""
    per_repository: int = Field(default=0, ge=0)
    """The most labelled issues shown of one repository; 0: no limit."""


class ReportSettings(_Section):
    draws: int = Field(default=2000, ge=100)


class ReviewSettings(_Section):
    blind_share: float = Field(default=0.0, ge=0, le=1)
    """The share of issues, drawn for each rater, that are coded before the suggestion is shown."""
    holdout: float = Field(default=0.0, ge=0, le=1)
    """The share that is coded without ever seeing it."""
    learn: bool = True
    """Whether the built-in classifier's suggestions improve with the rater's answers."""


class Settings(BaseSettings):
    """Everything a study can set. The environment spells a key ``CODER_MODEL__BASE_URL``."""

    model_config = SettingsConfigDict(
        env_prefix="CODER_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    codebook: str = "ptm-reuse"
    seed: int = 0
    api_key: SecretStr | None = None
    model: ModelSettings = ModelSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    review: ReviewSettings = ReviewSettings()
    report: ReportSettings = ReportSettings()
    keys: dict[str, str] = {}
    """Keys of the review that are not as they come; see :mod:`coder.keymap`."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The study folder is only known at run time, so Study.open builds the sources itself.
        return (init_settings,)


class Study:
    """A study folder: where its runs, codebooks and prompts are, and what it is set to."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        cache: Path | None = None,
        shuffle: int | None = None,
    ) -> None:
        self.root = root
        self.settings = settings
        self.cache = cache or self.runs / ".cache"
        """Derived files; may be deleted at any time."""
        self.shuffle = shuffle
        """Seeds the order of what is retrieved for a prompt; ``None`` is the nearest first."""

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def with_cache(self, folder: Path) -> Study:
        """The same study with its derived files elsewhere."""
        return Study(self.root, self.settings, folder, self.shuffle)

    def key(self, name: str) -> SecretStr | None:
        """The secret called ``name`` from the environment, else from the study's .env."""
        env_file = io.StringIO(_read_env(self.root / ".env"))
        value = os.environ.get(name) or dotenv_values(stream=env_file).get(name)
        return SecretStr(value) if value else None

    @classmethod
    def open(cls, start: Path | None = None, **flags: Any) -> Study:
        """The study at or above ``start``. ``flags`` are the command line's settings, by section.

        Raises ``InputError`` naming the setting that is wrong and where it can be set, or a link in
        its runs that leads out of the study.
        """
        root = study_root(start)
        require_own(root, root / "runs")
        toml = read_toml(root / STUDY_FILE)
        env_file = root / ".env"
        _read_env(env_file)  # which names what is wrong with it; the library's reader does not
        try:
            sources = (
                InitSettingsSource(Settings, _prune(flags)),
                EnvSettingsSource(Settings),
                _DotEnv(Settings, env_file=env_file, env_file_encoding="utf-8-sig"),
                InitSettingsSource(Settings, toml),
            )
            merged: dict[str, Any] = {}
            for source in reversed(sources):
                merged = _merge(merged, source())
            settings = Settings(**merged)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"setting {key!r}: {first['msg']}",
                f"correct it in {root / STUDY_FILE}, .env, the environment or the command line",
            ) from None
        return cls(root, settings)


class _DotEnv(DotEnvSettingsSource):
    """.env also holds the vendors' own keys (OPENAI_API_KEY, ...): not ours to reject."""

    def __call__(self) -> dict[str, Any]:
        known = set(Settings.model_fields)
        return {key: value for key, value in super().__call__().items() if key in known}


def _read_env(path: Path) -> str:
    return read_text(path) if path.is_file() else ""


def _prune(values: dict[str, Any]) -> dict[str, Any]:
    """Flags that were not given are ``None`` and must not hide what is set elsewhere."""
    pruned = {k: _prune(v) if isinstance(v, dict) else v for k, v in values.items()}
    return {key: value for key, value in pruned.items() if value is not None and value != {}}


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged
