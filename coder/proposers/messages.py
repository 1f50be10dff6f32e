"""Makes the messages about one issue: what is retrieved and shown of it, within the room there is.

Tokens are counted here, and nowhere else: for the room, for the worst case of a request, and part
by part for a dry run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coder import prompts
from coder.errors import UsageError
from coder.proposers.budget import TokenCounter
from coder.proposers.chat import Messages
from coder.proposers.condense import Condensed, condense
from coder.proposers.preview import Parts
from coder.records import NONE_CODE, Code, Codebook, Example, Issue, Usage, canonical_json
from coder.retrieval.base import Found, Retriever
from coder.study import Settings

EXAMPLE_CHARACTERS = 600
"""How much of a similar labelled issue is shown."""
MIN_ISSUE_TOKENS = 200
"""With less room than this for the issue itself, coding it would be a pretence."""
_FRAMING_TOKENS = 64
"""What a server's chat template adds around the messages, rounded up."""


@dataclass(frozen=True)
class Composed:
    """The messages about one issue and what they were made of; ``word`` delimits texts in them."""

    messages: Messages
    word: str
    definitions: Sequence[Code]
    shown: Sequence[prompts.Shown]
    condensed: Condensed
    found: Found


class Composer:
    """Makes messages for one prompt, retriever and vocabulary."""

    def __init__(
        self,
        settings: Settings,
        codebook: Codebook,
        prompt: prompts.Prompt,
        retriever: Retriever,
        counter: TokenCounter,
        schema: dict[str, Any],
    ) -> None:
        """Raises ``UsageError`` when the codebook leaves no room for an issue."""
        self._settings = settings
        self._codebook = codebook
        self._prompt = prompt
        self._retriever = retriever
        self._counter = counter
        # Some providers count the schema as input.
        self._prefix = (prompt.system, canonical_json(schema))
        self._prefix_at_most = sum(map(counter.at_most, self._prefix)) + _FRAMING_TOKENS
        model = settings.model
        self._room = (
            model.context_tokens - model.max_output_tokens - counter.count(prompt.system)
            - _FRAMING_TOKENS
        )  # fmt: skip
        if self._room < MIN_ISSUE_TOKENS:
            raise UsageError(
                f"model.context_tokens = {model.context_tokens} leaves no room for an issue beside "
                f"the codebook and the answer",
                f"set it to at least {model.context_tokens - self._room + 4 * MIN_ISSUE_TOKENS}, "
                "or choose a smaller codebook",
            )

    def compose(self, issue: Issue) -> Composed:
        """The messages that ask about ``issue``."""
        settings, prompt = self._settings.retrieval, self._prompt
        wanted = 0 if prompt.detailed else settings.definitions
        found = self._retriever.look_up(issue, settings.neighbours, wanted)
        codes = [self._codebook.by_id[code] for code in found.definitions]
        definitions = [code for code in codes if code.include or code.exclude or code.examples]
        shown = [_shown(example) for example in found.examples]
        texts = [issue.text, *(example.text + example.memo for example in shown)]
        word = prompts.nonce(self._settings.seed, issue.hash, texts)

        def room() -> int:
            return self._room - self._counter.count(prompt.user((), word, definitions, shown))

        # The issue comes first: what was retrieved gives way, the least similar first.
        while room() < MIN_ISSUE_TOKENS and (shown or definitions):
            (shown or definitions).pop()
        condensed = condense(issue, self._counter.count, room())
        user = prompt.user(condensed.passages, word, definitions, shown)
        messages = (("system", prompt.system), ("user", user))
        return Composed(messages, word, definitions, shown, condensed, found)

    def parts(self, composed: Composed) -> Parts:
        """How many tokens each part of the messages has."""
        count, user, word = self._counter.count, self._prompt.user, composed.word
        empty = count(user((), word))
        defined = count(user((), word, composed.definitions))
        shown = count(user((), word, composed.definitions, composed.shown))
        return Parts(
            system=sum(map(count, self._prefix)),
            definitions=defined - empty,
            examples=shown - defined,
            issue=count(composed.messages[-1][1]) - shown + empty,
        )

    def worst(self, messages: Messages) -> Usage:
        """What one request with ``messages`` can use at most."""
        rest = sum(self._counter.at_most(text) + _FRAMING_TOKENS for _, text in messages[1:])
        return Usage(
            input_tokens=self._prefix_at_most + rest,
            output_tokens=self._settings.model.max_output_tokens,
        )


def _shown(example: Example) -> prompts.Shown:
    text = " ".join(example.issue.text.split())[:EXAMPLE_CHARACTERS]
    return prompts.Shown(text, example.codes or (NONE_CODE,), " ".join(example.memo.split()))
