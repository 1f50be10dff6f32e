"""Finds text in an issue that speaks to a model instead of about the problem.

A flag for people, never a verdict: issues about language models quote prompts, and whoever wants to
deceive can word it otherwise. Every gap in a pattern is bounded, so time is linear in the text.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from coder.records import Codebook

SENTENCE = 300
"""So many characters after the telling words may still belong to their sentence."""

ENCODED = 32
"""Shorter words are not looked at as Base64."""


@dataclass(frozen=True)
class Suspicion:
    """A stretch of ``Issue.text``, end exclusive, and what it does."""

    start: int
    end: int
    reason: str


OVERRIDE = "overrides instructions"
ROLE = "gives the model a role"
ADDRESS = "speaks to a model"
MARKER = "imitates a role marker"
DELIMITER = "imitates the end of the data"
STEER = "says how to code"
ANSWER = "imitates an answer"
EXTRACT = "asks for the prompt"
HIDDEN = "hides text"

# --- what is said -------------------------------------------------------------------------------

_AGENT = (
    r"(?:(?:coder|classifier|reviewer|annotator|labell?er|triage|coding|classification)\s)?"
    r"(?:model|assistant|agent|coder|classifier|reviewer|annotator|labell?er|system|bot)s?"
)
_MODEL = (
    r"(?:(?:the|any|all|an?)\s)?(?:(?:ai|llm|language[ -]model|gpt|chatgpt|claude|chatbot)s?"
    rf"(?:\s{_AGENT})?|automat(?:ed|ic)\s{_AGENT}|(?:issue\s)?(?:coder|classifier|annotator)s?)\b"
)
_THIS = r"(?:this|the)\s(?:\w{1,9}\s)?(?:issue|text|ticket|report|thread|discussion|question|post)"
_REPORTED = (
    "to not will would can could may might they models llms agents does did i we it model agent "
    "llm seems cannot always and or then"
)
_TOLD = r"\b" + re.sub(r"(\w+) ?", r"(?<!\\b\1 )", _REPORTED) + r"(?<!n't )(?<!n’t )"
"""No word before a verb that makes it a report of what happens instead of a command."""
_GAP = r"(?:[\w'’/-]{1,20},?\s){0,3}?"

_PHRASES: tuple[tuple[str, str, str], ...] = (
    (
        OVERRIDE,
        "ignore|disregard|forget|override|bypass|discard|neglect|follow|obey",
        rf"(?:\b(?:must|should|need\sto|have\sto|you\sto|please)\s|{_TOLD})"
        rf"\b(?:(?:ignore|disregard|forget|(?:do\snot|don['’]t|stop)\s(?:follow|obey)(?:ing)?)\s{_GAP}"
        r"(?:previous|prior|above|earlier|preceding|foregoing|original|initial|system|all|any|your)"
        rf"|(?:override|bypass|discard|neglect)\s{_GAP}"
        rf"(?:previous|prior|above|earlier|preceding|foregoing|your))\s{_GAP}"
        r"(?:instructions?|prompts?|directions|directives|guidelines|codebook"
        r"|(?:(?<=previous )|(?<=prior )|(?<=above )|(?<=your )|(?<=system ))rules)\b",
    ),
    (
        OVERRIDE,
        "ignore|disregard|forget",
        rf"{_TOLD}\b(?:disregard|ignore|forget)\s(?:everything|anything|all|what)\s(?:that\s)?"
        r"(?:(?:was|is|has\sbeen|you\swere|you\shave\sbeen|you['’]ve\sbeen)\s)?"
        r"(?:said\s|written\s|told\s|stated\s)?"
        r"(?:above|before\sthis|previously|so\sfar|until\snow|you\swere\stold|you\sknow)\b",
    ),
    (
        OVERRIDE,
        "instruction",
        r"\b(?:new|updated|revised|real|actual)\s(?:system\s)?instructions?(?:\sfor\s(?:the\s)?\w{1,12})?\s?:",
    ),
    (
        OVERRIDE,
        "instructions|prompt|rules|codebook",
        r"\b(?:previous|prior|above|earlier|system|the|your)\s(?:instructions?|prompt|rules|codebook)\s"
        r"(?:(?:above\s)?(?:are|is)\s(?:now\s|hereby\s)?(?:void|obsolete|superseded|overridden|cancell?ed|outdated)"
        r"|no\slonger\s(?:apply|applies))\b",
    ),
    (
        ROLE,
        "you are",
        r"\byou\sare\s(?:now|no\slonger)\s(?:an?\s(?!member|part|contributor|able)|in\s\w{1,15}\smode|dan\b|acting\b"
        r"|bound\b|free\sfrom|unrestricted|the\s(?:coder|assistant|maintainer|reviewer)\b)",
    ),
    (
        ROLE,
        "from now on",
        r"\bfrom\snow\son,?\s(?:you\s(?:are|will|must|should|act|only)|answer|respond|reply|classify|label)\b",
    ),
    (
        EXTRACT,
        "prompt|instruction|message",
        rf"{_TOLD}\b(?:reveal|repeat|leak|disclose|print|output|recite)\s(?:\w{{1,12}}\s){{0,2}}?"
        r"your\s(?:\w{1,12}\s)?(?:system|initial|hidden|original|secret)\s(?:prompt|instructions?|message)\b",
    ),
    (
        ADDRESS,
        "note|message|instruction|attention|notice|hint|reminder|memo",
        r"\b(?:note|message|instructions?|attention|notice|hint|reminder|memo)(?:\s(?:to|for)|:)?\s"
        rf"{_MODEL}(?:\s?[:,!—]|\s(?:reading|processing|analy[sz]ing|reviewing|coding|that\sreads?))",
    ),
    (
        ADDRESS,
        "if you",
        rf"\bif\syou(?:\sare|['’]re)\s{_MODEL}"
        r"(?!\s(?:user|developer|researcher|engineer|expert|fan|team|member|application|app|tool))",
    ),
    (ADDRESS, "dear|attention", rf"\b(?:dear|attention),?\s{_MODEL}\s?[,:!]"),
    (
        ADDRESS,
        "reading|processing|coding|classifying|labelling|labeling",
        rf"\b{_MODEL}\s(?:that\sis\s|that\sare\s|who\sis\s)?"
        rf"(?:reading|processing|coding|classifying|labell?ing)\s{_THIS}\b",
    ),
    (
        STEER,
        "classify|categorize|categorise|code|annotate",
        rf"{_TOLD}\b(?:classify|categori[sz]e|code|annotate)\s"
        rf"(?:{_THIS}|it|this|everything|them\sall)\s(?:\w{{1,12}}\s){{0,2}}?(?:as|under)\s",
    ),
    (
        STEER,
        "code|category|label|classification",
        r"\b(?:correct|right|best|appropriate|valid|true|proper|only)\s(?:possible\s)?"
        rf"(?:(?:category|label|classification)\s(?:(?:for|of)\s(?:{_THIS}|this)\s|here\s)?"
        rf"|code\s(?:for|of)\s(?:{_THIS}|this)\s)(?:is|must\sbe|should\sbe)\b",
    ),
    (
        STEER,
        "code|category|label",
        r"\b(?:answer|respond|reply)\s(?:only\s|just\s|always\s|exactly\s)?with\s(?:only\s|just\s|exactly\s)?"
        r"(?:the\s|a\s)?(?:single\s)?(?:code|category|label)\s(?!of\b|for\b|block|snippet|in\b|that\b|to\b|and\b)",
    ),
    (
        STEER,
        "confidence",
        r"\b(?:with|set|give|assign|use|report)\s(?:it\s|the\s|an?\s|your\s)?(?:full\s|maximum\s)?confidence"
        r"(?:\s(?:score|level))?\s(?:to\s|of\s|=\s)?(?:1(?:[.]0{1,3})?|0?[.]9\d{0,3}|100\s?%)(?![\d.])",
    ),
    (ANSWER, '"codes"', r'"codes"\s?:\s?\[\s?(?:\{\s?"code"\s?:|"[a-z])[^\]]{0,200}\]?'),
    (ANSWER, '"runners_up"', r'"runners_up"\s?:'),
    (DELIMITER, "</data|</ data", r"</\s?data\s[\w-]{1,40}\s?>"),
    (
        DELIMITER,
        "end of",
        r"[-=#*<\[]{2,8}\s?/?end\sof\s(?:the\s)?(?:issue|data|user\s(?:input|text)|untrusted|ticket)\b",
    ),
    (
        MARKER,
        "system:|developer:|assistant:|admin:|system]|system**|message:|prompt:|note:|override:|notice:",
        r"(?:^|(?<=\n))[ \t>*_]{0,8}\[?(?:system|developer|assistant|admin(?:istrator)?)"
        r"(?:\s(?:message|prompt|note|override|notice|instructions?))?\]?[*_]{0,2}\s?:[*_]{0,2}\s?"
        r"(?:please\s|now\s)?(?:you\s(?:must|should|will|shall)|ignore|disregard|classify|label\sthis"
        r"|categori[sz]e|answer\swith|respond\swith|code\sthis|new\sinstruction|override"
        r"|the\s(?:correct|right|previous)\s)",
    ),
    (
        MARKER,
        "im_start|header_id|<|system|<|user|<|assistant|[inst]|[/inst]|<<sys>>|###|<system>|<instruction",
        r"(?:<\|(?:im_start|start_header_id|system|user|assistant)\|>|\[/?INST\]|<<SYS>>"
        r"|(?:^|(?<=\n))#{2,4}\s?(?:system|instructions?|response)\s?:?\s?\n?|<(?:system|instructions?)>)"
        r"[^\n]{0,60}?\n?[^\n]{0,60}?\b(?:classify|categori[sz]e|label|code)\s(?:this|it|the\sissue)\b",
    ),
    # The same in other languages: ignore what was said before; code this as.
    (
        OVERRIDE,
        "忽略|无视|忽視|無視|不要理会|忘记|忘掉",
        r"(?:忽略|无视|忽視|無視|不要理会|忘记|忘掉).{0,6}"
        r"(?:之前|以上|上述|先前|前面|此前|上面|所有).{0,8}(?:指令|指示|提示词|说明|規則|规则|命令)",
    ),
    (
        OVERRIDE,
        "無視|忘れ",
        r"(?:以前|これまで|上記|前)の.{0,8}(?:指示|命令|プロンプト|ルール).{0,6}(?:無視|忘れ)",
    ),
    (
        OVERRIDE,
        "무시|잊",
        r"(?:이전|위의|앞의|모든).{0,10}(?:지시|명령|프롬프트|지침).{0,10}(?:무시|잊)",
    ),
    (
        OVERRIDE,
        "instrucciones|indicaciones|reglas|instruções|regras|istruzioni|regole",
        r"\b(?:ignor[ae]|olvid[ae]|descart[ae]|ignorem|esqueça|desconsidere|dimentica)\s.{0,25}"
        r"\b(?:instrucciones|indicaciones|reglas|instruções|regras|istruzioni|regole)\b",
    ),
    (
        OVERRIDE,
        "instructions|consignes|directives|règles",
        r"\b(?:ignore[zr]?|oublie[zr]?)\s.{0,25}\b(?:instructions|consignes|directives|règles)"
        r"\s(?:précédentes|antérieures|ci-dessus)",
    ),
    (
        OVERRIDE,
        "anweisung|instruktion|vorgabe|regel",
        r"\b(?:ignorier\w{0,4}|vergiss|vergessen\ssie|missachte\w{0,2})\s.{0,25}"
        r"\b(?:anweisung|instruktion|vorgabe|regel)\w{0,3}\b",
    ),
    (
        OVERRIDE,
        "инструкци|указани|правил",
        r"\b(?:проигнорируй|игнорируй|забудь)(?:те)?\s.{0,25}\b(?:инструкци|указани|правил)",
    ),
    (
        STEER,
        "分类|标记|归类|编码",
        r"(?:将|把)(?:这个|此|该|本)(?:问题|issue|文本|工单|议题).{0,4}(?:分类|标记|归类|编码)(?:为|成)",
    ),
    (
        STEER,
        "clasifi|classifique|classez|classer|klassifizier|классифиц",
        r"\b(?:clasifi(?:ca|que)|classifique|classe[zr]|klassifizier\w{0,4}|классифицируй(?:те)?)"
        r"\s.{0,30}\b(?:como|comme|als|как)\b",
    ),
)
"""Reason; words, of which one must occur; pattern. White space in a pattern is up to three wide."""

_NOT_SEEN = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_UNSEEN = re.compile(f"[{_NOT_SEEN}\U000e0000-\U000e007f]")
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_TAGS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007e]{2,}")
"""A copy of ASCII that no font shows; after a black flag it spells a country."""
_SELECTORS = re.compile("[\ufe00-\ufe0e\U000e0100-\U000e01ef]{4,}")
_MARKS = re.compile(f"[{_NOT_SEEN}]{{8,}}")
_REVERSED = re.compile("\u202e[^\u202c\n]{3,300}")
_ENCODED = re.compile(
    rf"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{{{ENCODED},4000}}={{0,2}}(?![A-Za-z0-9+/])"
)
_COMMENT = re.compile(r"<!--.{1,2000}?-->", re.DOTALL)
_ASIDE = re.compile(
    r"\b(?:ai|llm|gpt|language model|assistant|classifier|coder|annotator)s?\b.{0,80}?"
    r"\b(?:must|should|answer|respond|reply|output|ignore|classify|choose|pick|select)\b"
    r"|\b(?:classify|categori[sz]e|code|label)\s(?:this|it)\b",
    re.IGNORECASE,
)
"""In a comment that GitHub does not show, less is enough."""
_STOP = re.compile(r"[.!?。！？](?=\s|$)|\n|$")


@dataclass(frozen=True)
class _Phrase:
    reason: str
    words: tuple[str, ...]
    stems: frozenset[str]
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class _Phrases:
    """Phrases and their ``stems``: the words that hold no other one. A text without the stems of a
    phrase has none of its words; each is looked for once, and in ASCII text the ASCII ones alone.
    """

    each: tuple[_Phrase, ...]
    stems: tuple[str, ...]
    ascii_stems: tuple[str, ...]


@lru_cache(maxsize=8)
def _phrases(codes: tuple[str, ...]) -> _Phrases:
    raw = list(_PHRASES)
    if codes:
        named = "|".join(re.escape(code) for code in sorted(codes, key=len, reverse=True))
        raw.append(
            (
                STEER,
                "label|mark|tag|code|classify|choose|pick|select|answer|category",
                rf"{_TOLD}\b(?:(?:label|mark|tag|code|classify|categori[sz]e)"
                rf"\s(?:{_THIS}|this|it|everything)\s(?:as|under)"
                r"|choose|pick|select|(?:answer|code|category)\s(?:is|with|must\sbe|should\sbe))"
                rf"\s?:?\s?[\"'`“‘*]?(?:{named})(?![\w-])",
            )
        )
    words = {word for _, several, _ in raw for word in several.split("|")}
    stems = sorted(w for w in words if not any(other in w for other in words - {w}))
    each = tuple(
        _Phrase(
            reason,
            tuple(several.split("|")),
            frozenset(stem for stem in stems if stem in several),
            re.compile(_wide(pattern), re.IGNORECASE),
        )
        for reason, several, pattern in raw
    )
    return _Phrases(each, tuple(stems), tuple(filter(str.isascii, stems)))


def _wide(pattern: str) -> str:
    """Words may stand a line break and an indent apart."""
    return (
        pattern.replace(r"\s?", r"\s{0,3}")
        .replace(r"\s", r"\s{1,3}")
        .replace(r"\s{1,3}{0,3}", r"\s{0,3}")
    )


def suspicious(text: str, codebook: Codebook | None = None) -> tuple[Suspicion, ...]:
    """The suspicious stretches of ``text``, in order, none overlapping.

    With a codebook, telling to choose one of its codes is suspicious too.
    """
    phrases = _phrases(codebook.spoken if codebook else ())
    found = [*_hidden(text, phrases), *_said(text, phrases)]
    return tuple(_merged(text, found))


def _said(text: str, phrases: _Phrases) -> Iterator[Suspicion]:
    """What the patterns find in ``text`` as people see it."""
    seen, at = _as_seen(text)
    lower = seen.lower()
    stems = phrases.ascii_stems if lower.isascii() else phrases.stems
    met = {stem for stem in stems if stem in lower}
    for phrase in phrases.each if met else ():
        if met.isdisjoint(phrase.stems):
            continue
        for word in phrase.words:
            if word in lower:
                break
        else:
            continue
        for match in phrase.pattern.finditer(seen):
            end = _sentence_end(seen, match.end())
            yield Suspicion(at(match.start()), at(end - 1) + 1, phrase.reason)


def _as_seen(text: str) -> tuple[str, Callable[[int], int]]:
    """``text`` without what cannot be seen and with wide letters made narrow; and where each
    character of it stands in ``text``."""
    if text.isascii():
        return text, lambda index: index
    if _FULL_WIDTH.search(text):
        text = _FULL_WIDTH.sub(lambda wide: chr(ord(wide[0]) - 0xFEE0), text)
    if not _UNSEEN.search(text):
        return text, lambda index: index
    kept = [index for index, char in enumerate(text) if not _UNSEEN.match(char)]
    return "".join(text[index] for index in kept), kept.__getitem__


def _sentence_end(text: str, at: int) -> int:
    """Where the sentence ends that ``at`` is in, at most ``SENTENCE`` on."""
    stop = _STOP.search(text, at, at + SENTENCE)
    if stop is None:
        return min(len(text), at + SENTENCE)
    return max(at, stop.end() if stop[0] != "\n" else stop.start())


# --- what is hidden -----------------------------------------------------------------------------


def _hidden(text: str, phrases: _Phrases) -> Iterator[Suspicion]:
    if not text.isascii():
        for pattern in (_TAGS, _SELECTORS, _MARKS, _REVERSED):
            for match in pattern.finditer(text):
                yield Suspicion(*match.span(), HIDDEN)
    for match in _COMMENT.finditer(text):
        if _ASIDE.search(match[0]):
            yield Suspicion(*match.span(), HIDDEN)
    if max(map(len, text.split()), default=0) < ENCODED:
        return
    for match in _ENCODED.finditer(text):
        if any(True for _ in _said(_decoded(match[0]), phrases)):
            yield Suspicion(*match.span(), HIDDEN)


def _decoded(encoded: str) -> str:
    """What Base64 says, nothing when it is not text."""
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _merged(text: str, found: Sequence[Suspicion]) -> Iterator[Suspicion]:
    """Neighbouring stretches as one, under the first one's reason."""
    last: Suspicion | None = None
    for one in sorted(found, key=lambda one: (one.start, one.end)):
        if last is not None and not text[last.end : one.start].strip():
            last = replace(last, end=max(last.end, one.end))
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last
