"""Loads versioned prompt templates and renders them into messages.

A template is one jinja file with three macros: ``system`` (the same for every issue, so providers
can cache it), ``user`` (one issue) and ``repair`` (what was wrong with an answer). Issue text
enters as the value of a variable, so nothing in it is ever read as template code.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from jinja2 import Template, TemplateError, TemplateSyntaxError

from coder.errors import InputError
from coder.files import reading
from coder.files.resources import find
from coder.records import Code, Codebook, content_hash
from coder.text import templates

DEFAULT = "propose.v1"
MESSAGES = ("system", "user", "repair")
VARIABLES = {
    "codebook", "detailed", "quotes", "definitions", "examples", "passages", "nonce", "problem",
    "whole", "about", "judgements", "expressions",
}  # fmt: skip
"""Those of the last line change how a prompt is made: a template that names one is given it."""
EXPRESSIONS = ("explicit", "interpretive")
"""Whether a text states what a code stands for, or it is read between the lines."""


class Passage(NamedTuple):
    """A line of an issue as the model reads it; ``number`` is ``None`` for what was left out."""

    number: int | None
    text: str


class Shown(NamedTuple):
    """A labelled issue as the model reads it."""

    text: str
    codes: tuple[str, ...]
    memo: str = ""


class ShownCode(NamedTuple):
    """A code as a template reads it; ``path`` is its category and its name."""

    id: str
    name: str
    definition: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    examples: tuple[str, ...]
    parent: str | None
    source: str
    path: str


class ShownCodebook(NamedTuple):
    """A codebook as a template reads it: fields and no methods, unlike
    :class:`coder.records.Codebook`."""

    id: str
    name: str
    version: str
    unit: str
    cardinality: str
    allow_none: bool
    instructions: str
    source: str
    codes: tuple[ShownCode, ...]
    leaves: tuple[ShownCode, ...]
    by_id: Mapping[str, ShownCode]
    children: Mapping[str | None, tuple[ShownCode, ...]]


@dataclass(frozen=True)
class Prompt:
    """A template bound to a codebook. ``hash`` is over the template's text."""

    name: str
    hash: str
    template: Template
    codebook: Codebook
    detailed: bool
    """Whether the system message holds the rules of every code, or their definitions only."""
    quotes: bool = False
    """Whether the model quotes its evidence, or points to it by the numbers of sentences."""
    variables: frozenset[str] = frozenset()
    """Those of ``VARIABLES`` that the template uses."""

    @cached_property
    def system(self) -> str:
        """The message that is byte-identical for every issue."""
        return self._render("system")

    def user(
        self,
        passages: Sequence[Passage],
        nonce: str,
        definitions: Sequence[Code] = (),
        examples: Sequence[Shown] = (),
        about: str = "",
    ) -> str:
        """The message that holds one issue. ``nonce`` must occur in no text it delimits."""
        return self._render(
            "user",
            passages=tuple(passages),
            nonce=nonce,
            definitions=tuple(self._shown.by_id[code.id] for code in definitions),
            examples=tuple(examples),
            judgements=tuple(examples),
            about=about,
        )

    def repair(self, problem: str) -> str:
        """The message that says what was wrong with an answer."""
        return self._render("repair", problem=problem)

    @cached_property
    def _shown(self) -> ShownCodebook:
        return as_shown(self.codebook)

    def _render(self, message: str, **values: object) -> str:
        bound = {
            "codebook": self._shown,
            "detailed": self.detailed,
            "whole": self.detailed,
            "quotes": self.quotes,
            "expressions": EXPRESSIONS,
        }
        try:
            return templates.render(self.template, message, {**bound, **values}).strip()
        except TemplateError as error:
            raise InputError(
                f"prompt {self.name!r}, message {message!r}: {str(error.message)[:200]}",
                f"what each message may use is listed at the top of {DEFAULT}",
            ) from None


def as_shown(codebook: Codebook) -> ShownCodebook:
    """``codebook`` as templates read it."""
    codes = {
        code.id: ShownCode(
            code.id, code.name, code.definition, code.include, code.exclude, code.examples,
            code.parent, code.source, codebook.path(code.id),
        )
        for code in codebook.codes
    }  # fmt: skip
    children = {
        parent: tuple(codes[code.id] for code in below)
        for parent, below in codebook.children.items()
    }
    return ShownCodebook(
        id=codebook.id,
        name=codebook.name,
        version=codebook.version,
        unit=codebook.unit,
        cardinality=codebook.cardinality.value,
        allow_none=codebook.allow_none,
        instructions=codebook.instructions,
        source=codebook.source,
        codes=tuple(codes.values()),
        leaves=tuple(codes[code.id] for code in codebook.leaves),
        by_id=MappingProxyType(codes),
        children=MappingProxyType(children),
    )


@dataclass(frozen=True)
class Source:
    """A template's file, checked. ``variables`` are those of ``VARIABLES`` that it uses."""

    name: str
    path: Path
    text: str
    template: Template
    variables: frozenset[str]

    @property
    def hash(self) -> str:
        return content_hash("prompt.v1", self.text)


def load(name: str, root: Path, codebook: Codebook, detailed: bool, quotes: bool = False) -> Prompt:
    """The template called ``name``, bound to a codebook. Raises what :func:`read` does."""
    source = read(name, root)
    found = source.variables
    return Prompt(name, source.hash, source.template, codebook, detailed, quotes, found)


def read(name: str, root: Path) -> Source:
    """The template called ``name`` in the study at ``root``, else the shipped one.

    Raises ``InputError`` when there is none, when it is not valid, when a message is missing, or
    when it uses a variable that does not exist.
    """
    path, text = read_text(name, root)
    try:
        parsed = templates.parse(text)
    except TemplateSyntaxError as error:
        raise InputError(f"{path}:{error.lineno}: {error.message}", "correct that line") from None
    if unknown := parsed.variables - VARIABLES:
        first = min(unknown)
        near = difflib.get_close_matches(first, VARIABLES, 1)
        known = f"known: {', '.join(sorted(VARIABLES))}"
        raise InputError(
            f"{path}: unknown variable {first!r}", f"did you mean {near[0]!r}?" if near else known
        )
    missing = [message for message in MESSAGES if message not in parsed.macros]
    if missing:
        raise InputError(
            f"{path}: there is no macro {missing[0]!r}()", f"a prompt has {', '.join(MESSAGES)}"
        )
    return Source(name, path, text, parsed.template, parsed.variables)


def read_text(name: str, root: Path) -> tuple[Path, str]:
    """A template's file and its text as it is, valid or not."""
    path = find("prompts", name, ".jinja", root)
    return path, reading.read_text(path)


def nonce(seed: int, issue_hash: str, texts: Sequence[str]) -> str:
    """A word that occurs in none of ``texts``; the same for the same issue and seed."""
    for attempt in range(1_000_000):
        word = content_hash("nonce.v1", [seed, issue_hash, attempt])[:12]
        if not any(word in text for text in texts):
            return word
    raise AssertionError("no free nonce in a million tries")
