"""A study folder and its settings: flags beat the environment, which beats .env, then study.toml.

Keys are ``SecretStr``: they never show in a repr, a log, a manifest or an error.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from coder.errors import InputError
from coder.files.reading import read_text, read_toml
from coder.files.resources import STUDY_FILE, require_inside, require_own, study_root

_SECRET = re.compile(r"(?i)key|token|secret|passw")
_SHORTEST_SECRET = 8
"""Shorter values are words like ``none``, which stand everywhere."""

LOG = logging.getLogger(__name__)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(_Section):
    """Which model proposes codes, and how it is asked."""

    name: str = "embedded"
    base_url: str = ""
    temperature: float = Field(default=0.0, ge=0, le=2)
    max_output_tokens: int = Field(default=800, ge=16)
    context_tokens: int = Field(default=16000, ge=512)
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
    project_labels: bool = True
    """Whether a template that tells what is known of an issue tells the labels of its project."""
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
    """Of a codebook whose rules are not all sent, those of so many codes near to the issue; 0: the
    rules are all sent, however long they are."""
    rules_tokens: int = Field(default=4500, ge=0)
    """Rules that are no longer than this are all sent, in the message that is the same for every
    issue: nothing is looked up for them, and providers cache it. Of templates that use ``whole``.
    """
    diversity: float = Field(default=0.05, ge=0, le=1)
    """How much a labelled issue counts for less when its code is already shown; 0: not at all."""
    per_repository: int = Field(default=0, ge=0)
    """The most labelled issues shown of one repository; 0: no limit."""


class ReportSettings(_Section):
    draws: int = Field(default=2000, ge=100)
    alt_test_epsilon: float = Field(default=0.2, ge=0, lt=1)
    """What a rater's answer costs more than the model's: .2 for experts, .15 for skilled raters, .1
    for a crowd (arXiv 2501.10970)."""
    certificate_epsilon: float = Field(default=0.1, gt=0, lt=1)
    """The share of errors that certificates for accepting unseen allow."""
    certificate_delta: float = Field(default=0.05, gt=0, lt=1)
    """The chance, over all certificates together, that one of them does not hold."""
    certificate_clustered: bool = False
    """Whether certificates take the labels of a repository for one draw."""


class ReviewSettings(_Section):
    blind_share: float = Field(default=0.0, ge=0, le=1)
    """The share of issues, drawn for each rater, that are coded before the suggestion is shown."""
    holdout: float = Field(default=0.0, ge=0, le=1)
    """The share that is coded without ever seeing it."""
    learn: bool = True
    """Whether the built-in classifier's suggestions improve with the rater's answers."""


class Waiting(_Section):
    """What people have to do in a run before the study goes on: ``raters`` of them with as many
    blind ``labels`` and as many ``answers`` each, blind or assisted, and, if ``resolved``, no
    disagreement among blind labels left."""

    run: str
    raters: int = Field(default=1, ge=1)
    labels: int = Field(default=0, ge=0)
    answers: int = Field(default=1, ge=1)
    resolved: bool = False


class StageSettings(_Section):
    """A stage of the study: a command of this program, or something people do."""

    command: str = ""
    wait: Waiting | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.command.strip()) == (self.wait is not None):
            raise ValueError("a stage has either a command or something to wait for")
        return self


class Settings(BaseSettings):
    """Everything a study can set. The environment spells a key ``CODER_MODEL__BASE_URL``."""

    model_config = SettingsConfigDict(
        env_prefix="CODER_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    name: str = Field(default="", max_length=200)
    """What reports call the study; by default its folder."""
    codebook: str = "ptm-reuse"
    seed: int = 0
    api_key: SecretStr | None = None
    model: ModelSettings = ModelSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    review: ReviewSettings = ReviewSettings()
    report: ReportSettings = ReportSettings()
    stages: dict[str, StageSettings] = {}
    """The study from its first file to its last table, in order; see :mod:`coder.pipeline`."""
    keys: dict[str, str] = {}
    """Keys of the review that are not as they come; see :mod:`coder.review.keymap`."""

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


@dataclass(frozen=True)
class Origins:
    """Where a study's settings came from: ``outside`` are those of the command line and the
    environment, by section; ``env_file`` are the variables of its .env."""

    outside: Mapping[str, Any]
    env_file: Mapping[str, str]


class Study:
    """A study folder: where its runs, codebooks and prompts are, and what it is set to."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        cache: Path | None = None,
        shuffle: int | None = None,
        origins: Origins | None = None,
    ) -> None:
        self.root = root
        self.settings = settings
        self.cache = cache or self.runs / ".cache"
        """Derived files; may be deleted at any time."""
        self.shuffle = shuffle
        """Seeds the order of what is retrieved for a prompt; ``None`` is the nearest first."""
        self._origins = origins or Origins({}, _env_file(root))

    @property
    def name(self) -> str:
        """What reports call it: as it is set, else its folder; empty where there is no study."""
        is_one = (self.root / STUDY_FILE).is_file()
        return self.settings.name.strip() or (self.root.resolve().name if is_one else "")

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def having(
        self,
        settings: Settings | None = None,
        cache: Path | None = None,
        shuffle: int | None = None,
    ) -> Study:
        """The same study with other settings, its derived files elsewhere, or another order."""
        return Study(
            self.root,
            settings or self.settings,
            cache or self.cache,
            self.shuffle if shuffle is None else shuffle,
            self._origins,
        )

    def variable(self, name: str) -> str:
        """The value of ``name`` in the environment, else in the study's .env, else empty."""
        return os.environ.get(name) or self._origins.env_file.get(name) or ""

    def from_env_file(self, name: str) -> str:
        """The value of ``name`` in the study's .env alone."""
        return self._origins.env_file.get(name) or ""

    def key(self, name: str) -> SecretStr | None:
        """The same for a secret; ``None`` if there is none."""
        value = self.variable(name)
        return SecretStr(value) if value else None

    def secrets(self) -> dict[str, str]:
        """What must not leave this machine, by the name it goes by: keys and tokens of the
        environment and of .env, and the study's own."""
        named = {**self._origins.env_file, **os.environ}
        found = {
            name: value
            for name, value in named.items()
            if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET
        }
        if self.settings.api_key is not None:
            found["api_key"] = self.settings.api_key.get_secret_value()
        return {name: value for name, value in found.items() if value}

    def is_from_folder(self, *setting: str) -> bool:
        """Whether a setting, by section and name, can only have come from the study folder: from a
        file that somebody else may have written, not the command line or the environment."""
        found: Any = self._origins.outside
        for key in setting:
            if not isinstance(found, Mapping) or key not in found:
                return True
            found = found[key]
        return False

    @classmethod
    def open(cls, start: Path | None = None, **flags: Any) -> Study:
        """The study at or above ``start``. ``flags`` are the command line's settings, by section.

        Raises ``InputError`` naming the setting that is wrong and where it can be set, or a link in
        its runs, or a file that it names, which leads out of the study.
        """
        root = study_root(start)
        require_own(root, root / "runs")
        toml = read_toml(root / STUDY_FILE)
        env_file = _env_file(root)
        try:
            folder = _merge(toml, _settings_in(env_file))
            outside = _merge(_settings_in(os.environ), _prune(flags))
            settings = Settings(**_merge(folder, outside))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"setting {key!r}: {first['msg']}",
                f"correct it in {root / STUDY_FILE}, .env, the environment or the command line",
            ) from None
        study = cls(root, settings, origins=Origins(outside, env_file))
        LOG.info("study %s, model %s", root, settings.model.name)
        named = {("codebook",): settings.codebook, ("model", "prompt"): settings.model.prompt}
        for setting, name in named.items():
            # The user may name any file; the study's own settings may have come with it.
            if study.is_from_folder(*setting) and Path(name).is_file():
                require_inside(root, Path(name))
        return study


def _env_file(root: Path) -> Mapping[str, str]:
    """The variables in the study's .env. As they stand: ``${NAME}`` would put what is secret in the
    environment into an address that the file names."""
    path = root / ".env"
    text = read_text(path) if path.is_file() else ""
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in found.items() if value is not None}


def _settings_in(variables: Mapping[str, str]) -> dict[str, Any]:
    """The settings among ``variables``; the vendors' own keys (OPENAI_API_KEY, ...) are none."""
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in variables.items()}
    return source()


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
