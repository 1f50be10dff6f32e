"""How likely a server says that the code it wrote was, token by token."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from coder.proposers.chat.json_text import Damaged, parse

SPELLED = re.compile(r'"code"\s*:\s*"([^"\\]+)"')

Token = tuple[str, float]
"""A token's text and the natural logarithm of its probability."""


def tokens(raw: str) -> list[Token]:
    """The tokens of a chat completion's answer; empty where the server told no probabilities."""
    try:
        listed = parse(raw)["choices"][0]["logprobs"]["content"]
        return [(str(token["token"]), _logarithm(token)) for token in listed]
    except (Damaged, LookupError, TypeError, ValueError):
        return []


def first(raw: str) -> list[Token]:
    """The likeliest first tokens of an answer, each with its probability (no logarithm)."""
    try:
        listed = parse(raw)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return [(str(told["token"]), math.exp(_logarithm(told))) for told in listed]
    except (Damaged, LookupError, TypeError, ValueError):
        return []


def _logarithm(told: Mapping[str, Any]) -> float:
    """At most 0. Raises ``ValueError`` for what is no number."""
    logarithm = float(told["logprob"])
    if math.isnan(logarithm):
        raise ValueError("not a number")
    return min(0.0, logarithm)


def of_codes(told: list[Token], answer: str) -> dict[str, float]:
    """The probability of each code that stands in ``answer``, as it is spelled there, in [0, 1].

    ``answer`` is the JSON that was taken for the answer, the last that the tokens hold: after any
    reasoning or first idea. The probability is the product over the tokens that spell it, given
    all that was written before. A code that stands there twice keeps the first: as one chosen, not
    as one considered.
    """
    text = "".join(token for token, _ in told)
    ends, at = [], 0
    for token, _ in told:
        at += len(token)
        ends.append(at)
    found: dict[str, float] = {}
    spelled = list(SPELLED.finditer(text))
    before = len(spelled) - len(SPELLED.findall(answer))
    for match in spelled[max(before, 0) :]:
        start, end = match.span(1)
        log = sum(
            logprob
            for (token, logprob), stop in zip(told, ends, strict=True)
            if stop > start and stop - len(token) < end
        )
        found.setdefault(match[1], min(1.0, math.exp(log)))
    return found
