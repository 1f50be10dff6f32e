"""How a server wants to be asked, as far as its refusals have shown: format, parameters, roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from coder.proposers.chat.failures import Rejected
from coder.proposers.chat.question import Messages, Question

FORMATS = ("tool", "json_schema", "json_object", "text")
"""How an answer is asked for, the strictest first; the prompt states the contract in any case."""

HOSTED_LOGPROBS = 20
"""So many likely tokens are told by OpenAI and by vLLM as it comes; llama.cpp tells any number."""

_LIMITS = ("max_tokens", "max_completion_tokens")
"""The two names of one parameter: each is refused somewhere."""
_NO_SUCH = ("not supported", "unsupported", "not permitted", "unrecognized", "unknown",
            "unexpected", "extra")  # fmt: skip


class Dialect:
    """What a server takes. Changed by what it refuses, and only as far as something else worked:
    one odd issue does not change how the others are asked."""

    def __init__(self, formats: Sequence[str]) -> None:
        """``formats``: those of ``FORMATS`` that may be tried, the strictest first."""
        self._formats = tuple(formats)
        self._format = formats[0]
        self._worked: set[str] = set()
        self._instead: dict[str, str | int | None] = {}
        self.system_in_user = False
        """Whether the system message goes at the head of the user's."""

    def formats(self, question: Question) -> Sequence[str]:
        """The formats to ask ``question`` in, one after the other."""
        if question.schema is None:
            return FORMATS[-1:]
        return self._formats[self._formats.index(self._format) :]

    def has_worked(self, form: str) -> bool:
        return form in self._worked

    def accepted(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """``parameters`` as the server takes them."""
        kept: dict[str, Any] = {}
        for name, value in parameters.items():
            instead = self._instead.get(name, name)
            if isinstance(instead, int):
                kept[name] = min(value, instead)
            elif instead is not None:
                kept[instead] = value
        return kept

    def left_out(self, parameters: Iterable[str]) -> list[str]:
        """Those of ``parameters`` that the server takes under no name."""
        return [name for name in parameters if self._instead.get(name, name) is None]

    def is_outdated(self, form: str, parameters: Mapping[str, Any], system_in_user: bool) -> bool:
        """Whether it is known by now that a request must be put otherwise."""
        return (
            (form in self._formats and self._before(form, self._format))
            or parameters != self.accepted(parameters)
            or system_in_user < self.system_in_user
        )

    def worked(self, question: Question, form: str, system_in_user: bool) -> None:
        """``question`` was answered, put this way."""
        self.system_in_user = self.system_in_user or system_in_user
        if question.schema is None:
            return
        between = {f for f in self.formats(question) if self._before(f, form)}
        if not between & self._worked:
            self._format = max(form, self._format, key=self._formats.index)
        self._worked.add(form)

    def learn(self, sent: Mapping[str, Any], refused: Rejected) -> bool:
        """Whether a refusal is about the parameters ``sent``, so that others are worth a try."""
        complaint = self._complaint(sent, refused)
        self._instead |= complaint
        return bool(complaint)

    def _complaint(self, sent: Mapping[str, Any], refused: Rejected) -> dict[str, str | int | None]:
        """Which parameters to change: to another name, to at most a number, or, for ``None``, to
        be left out."""
        words = str(refused).casefold()
        for name, other in (_LIMITS, _LIMITS[::-1]):
            about = refused.parameter or min(_LIMITS, key=lambda n: (words + n).index(n))
            known = other in self._instead or name not in sent
            if about == name and name in words and not known and _mentions(words, _NO_SUCH):
                return {name: other}
        if "logprobs" in words and "logprobs" in sent:
            if sent.get("top_logprobs", 0) > HOSTED_LOGPROBS:
                return {"top_logprobs": HOSTED_LOGPROBS}
            return {"logprobs": None, "top_logprobs": None}
        if "temperature" in words and "temperature" in sent:
            return {"temperature": None}
        return {}

    def _before(self, form: str, other: str) -> bool:
        return self._formats.index(form) < self._formats.index(other)


def system_in_user(messages: Messages) -> list[tuple[str, str]]:
    """``messages`` with the system's at the head of the user's first."""
    (_, system), (role, text), *rest = messages
    return [(role, f"{system}\n\n{text}"), *rest]


def response_format(form: str, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The part of a request in OpenAI's protocol that asks for an answer in ``form``."""
    if form == "text" or schema is None:
        return {}
    if form == "json_object":
        return {"response_format": {"type": form}}
    named = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": form, "json_schema": named}}


def _mentions(words: str, any_of: Sequence[str]) -> bool:
    return any(part in words for part in any_of)
