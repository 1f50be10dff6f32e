"""Where a model's reasoning ends and its answer begins, by the markers that models put there."""

from __future__ import annotations

import re

from coder.proposers.chat.json_text import spans

_MARKER = re.compile(
    r"""
    # <think>, </thinking>, <reasoning effort="high">, <seed:think>; <|START_THINKING|>,
    # <|end_of_thought|>; the marks of Kimi
    [<◁]\|? (?P<closed>/|end_(?:of_)?)? (?:start_|begin_(?:of_)?)? (?:\w{1,12}:)?
      (?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis)
      (?:\s[^<>]{0,80})? \|?[>▷]
    # Magistral
  | \[(?P<unbracketed>/)?think(?:ing)?\]
    # gpt-oss, whose answer is in the channel "final"; Gemma, which closes a channel
  | <\|channel\|?>\s*(?P<channel>\w*)
  | (?P<unchannelled><channel\|>)
    # gpt-oss by a server that leaves out the marks and keeps the words between them
  | \A\s*analysis(?=\w)
  | (?P<final>assistantfinal)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ENDS = ("closed", "unbracketed", "unchannelled", "final")


def after_reasoning(text: str) -> str | None:
    """What follows the last marker; ``None`` when that one begins a reasoning which does not end.

    A marker inside a whole JSON object is a word of the answer and marks nothing.
    """
    markers = list(_MARKER.finditer(text))
    if not markers:
        return text
    whole = list(spans(text))
    while markers and any(start < markers[-1].start() < end for start, end in whole):
        markers.pop()
    if not markers:
        return text
    last = markers[-1]
    ends = any(last[name] for name in _ENDS) or (last["channel"] or "").casefold() == "final"
    return text[last.end() :] if ends else None
