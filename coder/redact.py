"""Masks what names a person or opens a door, before a text leaves the machine.

Known formats only: the libraries there are find names by a language model of their own, hundreds of
megabytes that mistake code for people, or look for keys without saying where they stand.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from coder.records import Issue

KINDS = ("KEY", "EMAIL", "USER", "IP")

_KEY = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64}|hf_[A-Za-z0-9]{20,64}"
    r"|sk-[\w-]{16,255}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,50}|xox[abeprs]-[\w-]{10,255}|npm_\w{30,64}"
    r"|pypi-[\w-]{40,255}|eyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{8,1000})"
)
_GIVEN = re.compile(
    r"(?i)(?:(?:api[_-]?key|secret|token|passwor[dt]|passwd|pwd)[\w-]{0,20}[\"']?"
    r"\s{0,3}[:=]\s{0,3}[\"']?(?:bearer\s)?|bearer\s{1,3})([\w.+~-][\w.+/~-]{15,511}=*)"
)
"""Something named a key that also looks like one; see ``MIN_BITS``."""
MIN_BITS = 3.3
"""Least entropy of a character, in bits: words and paths have less than keys drawn at random."""
_LOGIN = re.compile(r"://([^\s/:@]{1,100}:[^\s/@]{1,200})@")
_EMAIL = re.compile(
    r"(?<![\w.%+-])(?!git@)[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}"
    r"\.[A-Za-z]{2,24}\b"
)
_MENTION = re.compile(r"(?<![\w/@.`+-])@([A-Za-z0-9][A-Za-z0-9-]{1,38})(?![\w-]|[./]\w|[(=])")
_HOME = re.compile(
    r"(?i)(?:/home/|/users/|\b[a-z]:[\\/]{1,2}users[\\/]{1,2})([^\s/\\:\"'`<>|)\]},;]{2,64})"
)
_IPV4 = re.compile(r"(?<![\w.=<>~^-])(?<!version )\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])")
_LISTED = re.compile(r"(?:\w {2,}|\w-\w+ +|\d\.\d+ +)$")
"""What stands before a version in a list of packages, and not before an address."""
_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
_END = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")
_PLACEHOLDER = re.compile(rf"<({'|'.join(KINDS)})_\d+>")
_DECORATORS = frozenset(
    {"property", "staticmethod", "classmethod", "dataclass", "abstractmethod", "cached", "overload"}
    | {"override", "param", "return", "returns", "throws", "type", "see", "todo", "author", "since"}
    | {"version", "deprecated", "test", "before", "after", "bean", "autowired", "component"}
    | {"service", "controller", "entity", "input", "output", "media", "import", "keyframes"}
)
_NOBODY = frozenset(
    {"user", "username", "users", "your-username", "yourname", "name", "me", "runner", "ubuntu"}
    | {"root", "admin", "public", "shared", "default", "vscode", "codespace", "jovyan", "app"}
)
"""Accounts that many machines have."""
_SHORTEST_NAME = 4
_SHORTEST_LINE = 16

Span = tuple[int, int, str]
"""Start, end (exclusive) and kind of what is masked."""
Known = Mapping[str, str]
"""Words and their kind."""


class Redactor:
    """Masks texts about one issue; the same value has the same placeholder in all of them.

    Which placeholder stands for what follows from the texts alone, so that nothing need be kept to
    undo it.
    """

    def __init__(self, texts: Collection[str]) -> None:
        """``texts``: everything that will be masked; what looks like a placeholder in them is left
        as it is, and none of ours is spelled so."""
        self._taken = {match[0] for text in texts for match in _PLACEHOLDER.finditer(text)}
        self._placeholders: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._last: Counter[str] = Counter()
        self.masked: Counter[str] = Counter()
        """How many places were masked, by kind."""

    def redact(self, text: str, known: Known = MappingProxyType({})) -> str:
        """``text`` with placeholders; ``known`` words are masked wherever they stand."""
        parts, at = [], 0
        for start, end, kind in spans(text, known):
            parts += [text[at:start], self._placeholder(kind, text[start:end])]
            self.masked[kind] += 1
            at = end
        return "".join([*parts, text[at:]])

    def restore(self, text: str) -> str:
        """``text`` with the words that the placeholders stand for."""
        return _PLACEHOLDER.sub(lambda match: self._values.get(match[0], match[0]), text)

    def _placeholder(self, kind: str, value: str) -> str:
        known = self._placeholders.get((kind, value))
        if known is not None:
            return known
        while True:
            self._last[kind] += 1
            made = f"<{kind}_{self._last[kind]}>"
            if made not in self._taken:
                break
        self._placeholders[kind, value] = made
        self._values[made] = value
        return made


def known_in(issue: Issue) -> dict[str, str]:
    """What is to be masked of an issue that a part of its text does not show by itself: the names
    of those who wrote it, and the lines of a key that has several; each with its kind."""
    names = {issue.author, *(comment.author for comment in issue.comments if not comment.bot)}
    known = {name: "USER" for name in sorted(names) if len(name) >= _SHORTEST_NAME}
    for start, end, _ in _blocks(issue.text):
        lines = (line.strip() for line in issue.text[start:end].split("\n"))
        known |= {line: "KEY" for line in lines if len(line) >= _SHORTEST_LINE}
    return known


def spans(text: str, known: Known = MappingProxyType({})) -> list[Span]:
    """What is to be masked in ``text``: in order, none over another, the longer of two."""
    found = sorted(set(_all(text, known)), key=lambda span: (span[0], -span[1]))
    kept: list[Span] = []
    for span in found:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
        elif span[1] > kept[-1][1]:
            # They overlap: what both cover is one secret.
            kept[-1] = (kept[-1][0], span[1], kept[-1][2])
    return kept


def unnumbered(text: str) -> str:
    """``text`` with placeholders that say what was masked, but not which."""
    return _PLACEHOLDER.sub(lambda match: f"<{match[1]}>", text)


def holds_key(text: str) -> bool:
    """Whether something in ``text`` looks like a secret key."""
    return any(kind == "KEY" for *_, kind in _keys(text))


def _all(text: str, known: Known) -> Iterator[Span]:
    yield from _keys(text)
    for match in _EMAIL.finditer(text):
        yield *match.span(), "EMAIL"
    for match in _MENTION.finditer(text):
        if match[1].casefold() not in _DECORATORS:
            yield *match.span(1), "USER"
    for match in _HOME.finditer(text):
        if match[1].casefold() not in _NOBODY:
            yield *match.span(1), "USER"
    for match in [*_IPV4.finditer(text), *_IPV6.finditer(text)]:
        before = text[max(0, match.start() - 64) : match.start()]
        if _is_address(match[0], listed=_LISTED.search(before) is not None):
            yield *match.span(), "IP"
    if known:
        listed = "|".join(re.escape(word) for word in sorted(known, key=len, reverse=True))
        for match in re.finditer(rf"(?<![\w-])(?:{listed})(?![\w-])", text):
            yield *match.span(), known[match[0]]


def _keys(text: str) -> Iterator[Span]:
    for match in _KEY.finditer(text):
        yield *match.span(), "KEY"
    for match in _GIVEN.finditer(text):
        if _looks_random(match[1]):
            yield *match.span(1), "KEY"
    for match in _LOGIN.finditer(text):
        yield *match.span(1), "KEY"
    yield from _blocks(text)


def _blocks(text: str) -> Iterator[Span]:
    at = 0
    while (begin := _BEGIN.search(text, at)) is not None:
        stop = _END.search(text, begin.end())
        # Without an end it was cut off: all that follows may be the key.
        at = stop.end() if stop else len(text)
        yield begin.start(), at, "KEY"


def _looks_random(value: str) -> bool:
    if not (re.search(r"\d", value) and re.search(r"[A-Za-z]", value)):
        return False
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= MIN_BITS


def _is_address(value: str, listed: bool) -> bool:
    """Whether it is the address of some machine: not of every machine, nor a version; what stands
    in a list of packages (``listed``) is one only in a private network."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    if address.version == 6 and sum(c.isdigit() for c in value) < 2:
        return False
    if listed and not address.is_private:
        return False
    return not (address.is_loopback or address.is_unspecified)
