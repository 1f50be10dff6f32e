"""How likely a server says that the code it wrote was, token by token."""

from __future__ import annotations

import json
import math
import re

SPELLED = re.compile(r'"code"\s*:\s*"([^"\\]+)"')

Token = tuple[str, float]
"""A token's text and the natural logarithm of its probability."""


def tokens(raw: str) -> list[Token]:
    """The tokens of a chat completion's answer; empty where the server told no probabilities."""
    try:
        listed = json.loads(raw)["choices"][0]["logprobs"]["content"]
        return [(str(token["token"]), float(token["logprob"])) for token in listed]
    except (ValueError, LookupError, TypeError):
        return []


def first(raw: str) -> list[Token]:
    """The likeliest first tokens of an answer, each with its probability (no logarithm)."""
    try:
        listed = json.loads(raw)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return [(str(told["token"]), math.exp(min(0.0, float(told["logprob"])))) for told in listed]
    except (ValueError, LookupError, TypeError):
        return []


def of_codes(told: list[Token]) -> dict[str, float]:
    """The probability of each code that stands in the answer, as it is spelled there, in [0, 1].

    It is the product over the tokens that spell it, given all that was written before. A code that
    stands there twice keeps the first: as one chosen, not as one considered.
    """
    text = "".join(token for token, _ in told)
    ends, at = [], 0
    for token, _ in told:
        at += len(token)
        ends.append(at)
    found: dict[str, float] = {}
    for match in SPELLED.finditer(text):
        start, end = match.span(1)
        log = sum(
            logprob
            for (token, logprob), stop in zip(told, ends, strict=True)
            if stop > start and stop - len(token) < end
        )
        found.setdefault(match[1], min(1.0, math.exp(log)))
    return found
