"""Redaction: finds and masks what names a person or opens a door, before a text leaves the machine.

That is keys, passwords, addresses and user names. A text is looked at as a whole and cut
afterwards: half a key is not known as one any more. Keys in vendors' formats are found by
detect-secrets, whose list others keep. Its detectors by keyword and by entropy are not used: in
issues they take names of variables and models for secrets. The libraries that find people's names
do it by a language model of their own, which is hundreds of megabytes and takes code for people.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from coder.records import Codebook, Issue

KINDS = ("KEY", "EMAIL", "USER", "IP")

Span = tuple[int, int, str]
"""Start, end (exclusive) and kind of what is sensitive."""
Known = Mapping[str, str]
"""Words and their kind."""

MIN_BITS = 3.3
"""Least entropy of a character, in bits: words and paths have less than keys drawn at random."""

_KEY = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64}"
    r"|hf_[A-Za-z0-9]{20,64}|sk-[\w-]{16,255}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,50}"
    r"|xox[abeprs]-[\w-]{10,255}|npm_\w{30,64}|pypi-[\w-]{40,255}|[prs]k_(?:live|test)_\w{10,255}"
    r"|whsec_\w{16,255}|gsk_\w{20,255}|xai-\w{20,255}|pplx-\w{20,255}|nvapi-[\w-]{20,255}"
    r"|tvly-[\w-]{16,255}|r8_\w{30,64}|lsv2_\w{20,255}|ya29\.[\w-]{20,512}"
    r"|eyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{8,1000})"
)
_NAME = r"(?:api[_ -]?key|access[_ -]?key|secret|token(?!i[sz])|passw(?:or[dt]|d)|passphrase|pwd)"
_SAID = (
    # Then comes the value: after a colon, an arrow or a bar, or alone on the next line; in quotes,
    # in bold, in a quotation or in a block of code, perhaps.
    r"[\"'`*]{0,3}\s{0,3}(?::=|=>|[:=|]|\n)[\s\"'*>]{0,8}(?:`{1,3}(?:\w{0,10}\n)?\s{0,4})?\"?"
)
_GIVEN = re.compile(
    rf"(?i)(?:{_NAME}[\w-]{{0,20}}{_SAID}(?:bearer\s)?|bearer\s{{1,3}})([\w.+~-][\w.+/~-]{{15,511}}=*)"
)
"""Something named a key that also looks like one; see ``MIN_BITS``."""
_DOOR = (
    r"(?:passw(?:or[dt]|d)|passphrase|pwd|_pass\b|secret(?:[_-]?key)?|(?:api|access)[_-]?key"
    r"|(?:access|auth|api|refresh|bearer|session|bot)[_-]?token)"
)
_QUOTED = re.compile(
    rf"(?i){_DOOR}\w{{0,20}}\\?(?:[\"'],|[\"'`]?\]?\s{{0,3}}(?::=|=>|[:=]))\s{{0,3}}"
    r"(?:(\\{1,2}[\"'])(?P<escaped>(?:(?!\\{1,2}[\"'])[^\n]){3,256})\1"
    r"|([\"'])(?P<plain>(?:\\.|(?!\3)[^\\\n]){3,256})\3)"
)
"""What stands in quotes after such a name, whatever it looks like."""
_UNQUOTED = re.compile(
    r"(?i)(?:passw(?:or[dt]|d)|passphrase|pwd|_pass|secret)\w{0,20}\s{0,2}[:=]\s{0,2}"
    r"([^\s\"'`,;(){}\[\]<>|]{6,256})(?![(\w])"
)
_VARIABLE = re.compile(
    r"(?m)^[\t >$]*(?:export |set |-e |ENV )?"
    r"[A-Z0-9_]*(?:PASSW(?:OR)?D|_PASS|_PWD|SECRET)[A-Z0-9_]*=[\"']?"
    r"([^\s\"'(){}]{4,256})"
)
_OPTION = re.compile(
    r"(?i)(?<![\w-])--(?:password|passwd|pass|pwd|secret|token|api-?key|auth-?token)"
    r"(?:=[\"']?([^\s\"']{4,256})|\s{1,2}[\"']?([^\s\"']{6,256}))"
)
_HEADER = re.compile(
    r"(?i)(?:authorization[\"']?\s{0,2}[:=,]\s{0,2}[\"']?(?:basic|bearer|token)\s{1,2}"
    r"|\bx-[\w-]{0,20}(?:key|token|secret)[\"']?\s{0,2}:\s{0,2}[\"']?)([^\s\"',;]{8,512})"
)
_CURL = re.compile(r"(?<![\w-])(?:-u|--user)\s{1,2}[\"']?([^\s:\"']{1,64}:[^\s\"']{3,200})")
_LOGIN = re.compile(r"://([^\s/:@]{1,100}:[^\s/@]{1,200})@")
_NOTHING = re.compile(
    r"(?i)<.*>|\[.*\]|\$.*|\{.*|%\w+%|x{3,}|.*(?:\*{3}|\.{3}).*|(?:some|the|enter|insert)[\W_].*"
    r"|(?:my|your|fake)\S*|os\.environ.*|sk-[x*]*|key|empty|none|null|undefined|n/?a|no|true|false|test|dummy|example\w*|redacted|placeholder"
    r"|required|optional|password|secret|token|(?:api|secret)[_-]?key|changeme|string|str"
)
"""What stands where a secret would, and is none."""
_EMAIL = re.compile(
    r"(?<![\w.%+-])(?!git@)[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}"
    r"\.[A-Za-z]{2,24}\b"
)
_MENTION = re.compile(r"(?<![\w/@.`+-])@([A-Za-z0-9][A-Za-z0-9-]{1,38})(?![\w-]|[./]\w|[(=])")
_HOME = re.compile(
    r"(?i)(?:/home/|/users/|\b[a-z]:[\\/]{1,2}users[\\/]{1,2})([^\s/\\:\"'`<>|)\]},;]{2,64})"
)
_IPV4 = re.compile(
    r"(?<![\w.~^])(?<![<>=!~]=)(?<![<>])\d{1,3}(?:\.\d{1,3}){3}"
    r"(?!\w|\.\d|-[A-Za-z])"
)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_VERSION = re.compile(
    r"(?i)(?:version|release|\bver|\bv)[\"'`]?\s{0,2}[:=]?\s{0,2}[\"'`]?$"
    # After a dash, unless it is the other end of a range.
    r"|(?<!\d\.\d)(?<!\d\.\d\d)(?<!\d\.\d\d\d)-$"
)
_LISTED = re.compile(r"(?:\w {2,}|\w-\w+ +|\d\.\d+ +)$")
"""What stands before a version in a list of packages, and not before an address."""
_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
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
_OWN_WAY = ("BasicAuthDetector", "IPPublicDetector", "PrivateKeyDetector")
"""Detectors of what is found here with its limits; they say that it is there, or take too much."""


def spans(text: str, known: Known = MappingProxyType({})) -> list[Span]:
    """What is sensitive in ``text``: in order, none over another, the longer of two. ``known``
    words are, wherever they stand."""
    found = sorted(set(_all(text, known)), key=lambda span: (span[0], -span[1]))
    kept: list[Span] = []
    for span in found:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
        elif span[1] > kept[-1][1]:
            # They overlap: what both cover is one secret.
            kept[-1] = (kept[-1][0], span[1], kept[-1][2])
    return kept


def authors(issue: Issue) -> dict[str, str]:
    """The names of those who wrote ``issue``, which its text does not show to be names."""
    names = {issue.author, *(comment.author for comment in issue.comments if not comment.bot)}
    return {name: "USER" for name in sorted(names) if len(name) >= _SHORTEST_NAME}


def holds_key(text: str) -> bool:
    """Whether something in ``text`` looks like a secret key."""
    return next(_keys(text), None) is not None


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
        if not _VERSION.search(before) and _is_address(match[0], bool(_LISTED.search(before))):
            yield *match.span(), "IP"
    if known:
        listed = "|".join(re.escape(word) for word in sorted(known, key=len, reverse=True))
        for match in re.finditer(rf"(?<![\w-])(?:{listed})(?![\w-])", text):
            yield *match.span(), known[match[0]]


def _keys(text: str) -> Iterator[Span]:
    for match in _KEY.finditer(text):
        yield *match.span(), "KEY"
    for match in _GIVEN.finditer(text):
        if _looks_random(match[1]) and not _NOTHING.fullmatch(match[1]):
            yield *match.span(1), "KEY"
    for pattern in (_QUOTED, _UNQUOTED, _VARIABLE, _OPTION, _HEADER, _CURL):
        for match in pattern.finditer(text):
            group = match.lastgroup or match.lastindex or 0
            if _is_secret(match[group], certain=pattern in (_QUOTED, _VARIABLE, _HEADER)):
                yield *match.span(group), "KEY"
    for match in _LOGIN.finditer(text):
        yield *match.span(1), "KEY"
    yield from _blocks(text)
    for pattern in _vendors():
        for match in pattern.finditer(text):
            yield *_token_at(text, *match.span(match.lastindex or 0)), "KEY"


def _blocks(text: str) -> Iterator[Span]:
    at = 0
    while (begin := _BEGIN.search(text, at)) is not None:
        stop = _END.search(text, begin.end())
        # Without an end it was cut off: all that follows may be the key.
        at = stop.end() if stop else len(text)
        yield begin.start(), at, "KEY"


@cache
def _vendors() -> tuple[re.Pattern[str], ...]:
    """The patterns of detect-secrets for keys in vendors' formats. Nothing of it is run."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    found: list[re.Pattern[str]] = []
    detectors: Iterable[Any] = get_mapping_from_secret_type_to_class().values()
    for detector in detectors:
        if detector.__name__ not in _OWN_WAY:
            found += getattr(detector, "denylist", ())
    return tuple(found)


def _token_at(text: str, start: int, end: int) -> tuple[int, int]:
    """A match without what stands around it, and with the rest of a key longer than expected."""
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    while end < len(text) and (text[end].isalnum() or text[end] in "_-"):
        end += 1
    return start, end


def _is_secret(value: str, certain: bool) -> bool:
    """Whether ``value`` is a secret and not a word in place of one; unless it is ``certain`` that a
    secret would stand there, it must have more than letters."""
    if _NOTHING.fullmatch(value) or (value.isdigit() and not certain):
        return False
    if re.fullmatch(r"\d+:\d+", value):
        return False
    return certain or re.search(r"[\d!@#$%^&*?~+=]", value) is not None


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


_PLACEHOLDER = re.compile(rf"<({'|'.join(KINDS)})_\d+>")


@dataclass(frozen=True)
class Masked:
    """A text and what is hidden in it: start, end (exclusive) and the placeholder that stands for
    it, in order."""

    text: str
    hidden: tuple[tuple[int, int, str], ...]

    def part(self, start: int = 0, end: int | None = None) -> str:
        """``text[start:end]`` with placeholders; one stands for all of what it hides, even where
        only a piece of that is in the part."""
        end = len(self.text) if end is None else end
        parts, at = [], start
        for begin, stop, placeholder in self.hidden:
            if stop > start and begin < end:
                parts += [self.text[at : max(begin, at)], placeholder]
                at = stop
        return "".join([*parts, self.text[at : max(end, at)]])

    def restore(self, words: str) -> str:
        """``words`` about the text, with what its placeholders stand for."""
        values = {name: self.text[start:end] for start, end, name in self.hidden}
        return _PLACEHOLDER.sub(lambda match: values.get(match[0], match[0]), words)


class Redactor:
    """Masks the texts of one request; the same value has the same placeholder in all of them.

    Which placeholder stands for what follows from the texts alone, so that nothing need be kept to
    undo it.
    """

    def __init__(self, texts: Collection[str], after: Redactor | None = None) -> None:
        """``texts``: everything that will be masked; what looks like a placeholder in them is left
        as it is, and none of ours is spelled so. ``after`` has masked what the request begins
        with."""
        self._taken = {match[0] for text in texts for match in _PLACEHOLDER.finditer(text)}
        self._placeholders: dict[tuple[str, str], str] = dict(after._placeholders) if after else {}
        self._last: Counter[str] = Counter(after._last if after else ())
        if after:
            self._taken |= after._taken

    def mask(self, text: str, known: Known = MappingProxyType({})) -> Masked:
        """``text`` and what is to be hidden of it; ``known`` words are, wherever they stand."""
        found = spans(text, known)
        return Masked(
            text,
            tuple((start, end, self._placeholder(k, text[start:end])) for start, end, k in found),
        )

    def redact(self, text: str, known: Known = MappingProxyType({})) -> str:
        """``text`` with placeholders."""
        return self.mask(text, known).part()

    def count(self, text: str) -> int:
        """How many placeholders of ours stand in ``text``."""
        ours = set(self._placeholders.values())
        return sum(match[0] in ours for match in _PLACEHOLDER.finditer(text))

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
        return made


def masked_codebook(codebook: Codebook, redactor: Redactor) -> Codebook:
    """``codebook`` with placeholders in every text besides its ids."""
    mask = redactor.redact
    codes = tuple(
        code.model_copy(
            update={field: mask(getattr(code, field)) for field in ("name", "definition", "source")}
            | {
                field: tuple(map(mask, getattr(code, field)))
                for field in ("include", "exclude", "examples")
            }
        )
        for code in codebook.codes
    )
    texts = ("name", "unit", "instructions", "source")
    return codebook.changed(
        codes=codes, **{field: mask(getattr(codebook, field)) for field in texts}
    )


def unnumbered(text: str) -> str:
    """``text`` with placeholders that say what was masked, but not which."""
    return _PLACEHOLDER.sub(lambda match: f"<{match[1]}>", text)
