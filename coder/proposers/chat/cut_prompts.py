"""Notices a server that reads only a part of a prompt, by the tokens it reports for it.

Some servers (Ollama, with a window of 4,096 tokens unless it is told otherwise) drop what does not
fit and answer as if nothing had happened.
"""

from __future__ import annotations

from coder.proposers.chat.question import Question
from coder.proposers.token_count import TokenCounter
from coder.records import Usage

FAR_BELOW = 0.7
"""A share of our own count, by the vocabulary o200k: those of other models differ by less."""
FAR_BELOW_AN_ESTIMATE = 0.4
"""The same where no vocabulary is at hand."""
CLEARLY = 1.1
"""Prompts of which one has so many times the tokens of the other differ in length."""
_FEWEST = 256
"""Tokens; no window is smaller, and a server that had a prompt already may report fewer."""
_BYTES_PER_TOKEN = 3
"""Fewer than texts have as a rule: what cannot be far below is not counted."""


class CutPrompts:
    """What a server reports for prompts against what they hold.

    Only the first question about an issue is judged. Some servers do not report what they had in
    their cache, as they have the head of the prompt, which is the same for all issues, and all of a
    prompt that they were sent before: a count is far below only if it is below what is new in the
    prompt.
    """

    def __init__(self, counter: TokenCounter) -> None:
        self._count = counter.count
        self._far_below = FAR_BELOW_AN_ESTIMATE if counter.is_estimate else FAR_BELOW
        self._low: dict[tuple[str, int], int] = {}
        self._head = ("", 0)

    def is_cut(self, question: Question, usage: Usage | None, requests: int) -> bool:
        """Whether the server has read less than ``question``, which took so many ``requests``."""
        if usage is None or question.sample or requests != 1 or len(question.messages) != 2:
            return False
        (_, head), (_, new) = question.messages
        reported = usage.input_tokens
        if usage.cached_tokens > reported:
            reported += usage.cached_tokens
        size = len(head.encode("utf-8", "replace")) + len(new.encode("utf-8", "replace"))
        if not reported or reported * _BYTES_PER_TOKEN >= self._far_below * size:
            return False
        sent = self._count(new)
        if reported < self._far_below * sent:
            return True
        whole = sent + self._of_head(head)
        if reported < _FEWEST or reported >= self._far_below * whole:
            return False
        # The same count for prompts of different length is the window, not the prompt.
        before = self._low.setdefault((head, reported), whole)
        return max(before, whole) >= CLEARLY * min(before, whole)

    def _of_head(self, head: str) -> int:
        if self._head[0] != head:
            self._head = (head, self._count(head))
        return self._head[1]
