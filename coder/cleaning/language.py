"""What language an issue is written in: of what people say in it, not of code, logs and names."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from coder.records import Issue
from coder.text.structure import prose

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

UNDETERMINED = "und"
SURE = 0.7
"""Least probability at which a language is told; below it none is."""
_LONGEST = 2_000
"""Characters looked at: what language it is shows in less."""
_AS_ONE = {"wuu": "zh", "yue": "zh", "pcm": "en", "nn": "no", "arz": "ar", "ary": "ar"}
"""Languages that the identifier tells apart and issues do not: in writing they are one."""
_CODE = re.compile(r"https?://[!-~]+|`[^`\n]*`|<[^<>\n]{1,200}>")
_ASCII = re.compile(r"[!-~]+")
_WORD = re.compile(r"[\"'(*_]*[A-Za-z]+(?:[-'/][A-Za-z]+)*[\"')*_.,;:!?]*")


def language_of(issue: Issue) -> str:
    """The ISO 639 code of an issue's language by its prose; ``und`` where that does not tell it
    surely."""
    found: Counter[str] = Counter()
    for language, probability in _identifier().rank(_words(prose(issue))):
        found[_AS_ONE.get(language, language)] += probability
    best, probability = found.most_common(1)[0]
    # "zxx" is what the identifier calls text in no language.
    return best if probability >= SURE and best != "zxx" else UNDETERMINED


def known_languages() -> frozenset[str]:
    """The codes that :func:`language_of` can give."""
    return frozenset(_AS_ONE.get(code, code) for code in _identifier().labels) - {"zxx"}


def _words(text: str) -> str:
    """``text`` without what is written alike in all languages: addresses, code, paths, numbers."""
    text = _CODE.sub(" ", text[: 2 * _LONGEST])
    text = _ASCII.sub(lambda run: run[0] if _WORD.fullmatch(run[0]) else " ", text)
    return " ".join(text.split())[:_LONGEST]


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
