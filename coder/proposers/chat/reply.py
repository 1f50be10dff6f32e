"""What a chat model answered, read from the body of its answer whichever provider it came from."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coder.proposers.chat.answer_text import Damaged, TooDeep, parse, well_formed
from coder.proposers.chat.failures import Unreadable, masked_answer
from coder.proposers.chat.question import Question
from coder.records import Usage, canonical_json

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

_REASONS = {
    **dict.fromkeys(("max_tokens", "model_length", "model_context_window_exceeded"), "length"),
    **dict.fromkeys(
        ("refusal", "safety", "prohibited_content", "blocklist", "spii", "recitation"),
        "content_filter",
    ),
    **dict.fromkeys(("malformed_function_call", "unexpected_tool_call"), "malformed_tool_call"),
}
"""What others call the reasons to finish: OpenAI's names, and one of ours for a call of a tool that
the provider could not read."""
_REASONING = ("reasoning_content", "reasoning", "thinking")


@dataclass(frozen=True)
class Reply:
    """What a model answered: its text, and the whole answer as it came.

    Reasoning that a server sends apart is no part of the text, unless it is all there is: then it
    stands there after a ``<think>``, or as it is where it is nothing but a JSON object.
    """

    text: str
    raw: str
    finish_reason: str = ""
    refusal: str = ""
    usage: Usage | None = None
    format: str = "text"
    parameters: dict[str, Any] | None = None
    """Those that were sent, by the names they have on the wire."""
    dropped: Mapping[str, Any] = field(default_factory=dict)
    """Those that were to be sent, and were not: the model does not take them."""
    system_in_user: bool = False
    """It was asked with the system message at the head of the user's."""

    @property
    def asked_how(self) -> dict[str, Any]:
        """What a saved call says of how it was asked."""
        how: dict[str, Any] = {"format": self.format, "parameters": self.parameters}
        if self.dropped:
            how["dropped"] = dict(self.dropped)
        if self.system_in_user:
            how["system_in_user"] = True
        return how


Send = Callable[[Question, str, Mapping[str, Any]], Awaitable[Reply]]
"""Makes one request in a format with these parameters, through the current gate; raises what its
client does."""


def read_completion(body: str) -> Reply | None:
    """The answer in a chat-completions body; ``None`` when it is not one. Forgives odd usage.

    Raises ``Unreadable`` when it is nested too deeply to tell.
    """
    try:
        payload = parse(body)
        choice = payload["choices"][0]
        message = choice["message"]
        said = _joined(message.get("content"))
    except TooDeep as error:
        raise Unreadable(f"the answer cannot be read: {error}") from None
    except (Damaged, LookupError, TypeError, AttributeError):
        return None
    refusal = message.get("refusal")
    reason = _finish_reason(choice.get("finish_reason"))
    return Reply(
        text=_text([said, *_called_with(message, reason)], message),
        raw=well_formed(body),
        finish_reason=reason,
        refusal=refusal if isinstance(refusal, str) else "",
        usage=read_usage(payload.get("usage")),
    )


def read_usage(block: object) -> Usage | None:
    """Token counts by OpenAI's or langchain's names; ``None`` when the block makes no sense."""
    if not isinstance(block, dict):
        return None
    spent = _count(block.get("prompt_tokens", block.get("input_tokens")))
    made = _count(block.get("completion_tokens", block.get("output_tokens")))
    if spent is None or made is None:
        return None
    details = block.get("prompt_tokens_details", block.get("input_token_details"))
    cached = 0
    if isinstance(details, dict):
        cached = _count(details.get("cached_tokens", details.get("cache_read"))) or 0
    usage = Usage(input_tokens=spent, output_tokens=made, cached_tokens=min(cached, spent))
    return usage if usage.believable else None


def read_raw(raw: str) -> Reply:
    """The answer in a saved call's ``raw_response``, whichever provider it came from; an empty one
    where that cannot be read."""
    try:
        reply = read_completion(raw)
        return reply if reply is not None else _read_dump(parse(raw), raw)
    except (Unreadable, Damaged):
        return Reply(text="", raw=raw)


def read_message(message: AIMessage, key: str) -> Reply:
    """The answer in a langchain message, with ``key`` masked. Raises ``Unreadable``."""
    try:
        said = json.dumps(message.model_dump(mode="json"), default=str)
        dump = parse(masked_answer(said, key))
        return _read_dump(dump, canonical_json(dump))
    except (RecursionError, TooDeep):
        raise Unreadable("the answer cannot be read: its JSON is nested too deeply") from None


def _read_dump(dump: object, raw: str) -> Reply:
    if not isinstance(dump, dict):
        return Reply(text="", raw=raw)
    details = dump.get("response_metadata")
    details = details if isinstance(details, dict) else {}
    reason = _finish_reason(details.get("finish_reason") or details.get("stop_reason"))
    parts = [_joined(dump.get("content")), *_called_with(dump, reason)]
    return Reply(
        text=_text(parts, dump.get("additional_kwargs")),
        raw=raw,
        finish_reason=reason,
        refusal=_blocked(details.get("prompt_feedback")),
        usage=read_usage(dump.get("usage_metadata")),
    )


def _blocked(feedback: object) -> str:
    """That Google's filter let the prompt not through, if so."""
    reason = feedback.get("block_reason") if isinstance(feedback, dict) else None
    return f"the provider's filter blocked the prompt ({reason})" if reason else ""


def _finish_reason(given: object) -> str:
    reason = str(given or "").casefold()
    return _REASONS.get(reason, reason)


def _text(parts: list[str], message: object) -> str:
    text = "\n".join(part for part in parts if part.strip())
    given = [message.get(name) for name in _REASONING] if isinstance(message, dict) else []
    reasoning = next((value for value in given if isinstance(value, str) and value.strip()), "")
    if text or not reasoning:
        return text
    return reasoning if _is_object(reasoning) else f"<think>{reasoning}"


def _is_object(text: str) -> bool:
    try:
        return isinstance(parse(text), dict)
    except Damaged:
        return False


def _called_with(message: Mapping[str, Any], finish_reason: str) -> list[str]:
    """What a model called tools with, as JSON, by OpenAI's names or langchain's; also calls that
    langchain could not read."""
    calls = [message.get("function_call")]
    for name in ("tool_calls", "invalid_tool_calls"):
        listed = message.get(name)
        calls += listed if isinstance(listed, list) else []
    found = []
    for call in calls:
        call = call.get("function", call) if isinstance(call, dict) else None
        given = call.get("arguments", call.get("args")) if isinstance(call, dict) else None
        if isinstance(given, dict):
            given = canonical_json(given)
            if finish_reason == "length":
                # Whoever made an object of it has closed what the model had not.
                given = given.removesuffix("}")
        found.append(given)
    return [text for text in found if isinstance(text, str)]


def _joined(content: object) -> str:
    """A message's text; some servers send it in parts, of which those with reasoning are none."""
    if isinstance(content, list):
        return "".join(map(_part, content))
    return content if isinstance(content, str) else ""


def _part(part: object) -> str:
    if isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"):
        part = part.get("text")
    return part if isinstance(part, str) else ""


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
