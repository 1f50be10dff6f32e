"""What a chat model answered, read from the body of its answer whichever provider it came from."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coder.proposers.question import Question
from coder.records import Usage, canonical_json

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage


@dataclass(frozen=True)
class Reply:
    """What a model answered: its text, and the whole answer as it came."""

    text: str
    raw: str
    finish_reason: str = ""
    refusal: str = ""
    usage: Usage | None = None
    format: str = "text"
    parameters: dict[str, Any] | None = None
    system_in_user: bool = False
    """It was asked with the system message at the head of the user's."""

    @property
    def asked_how(self) -> dict[str, Any]:
        """What a saved call says of how it was asked."""
        how: dict[str, Any] = {"format": self.format, "parameters": self.parameters}
        return how | {"system_in_user": True} if self.system_in_user else how


Send = Callable[[Question, str, Mapping[str, Any]], Awaitable[Reply]]
"""Makes one request in a format with these parameters, through the current gate; raises what its
client does."""


def read_completion(body: str) -> Reply | None:
    """The answer in a chat-completions body; ``None`` when it is not one. Forgives odd usage."""
    try:
        payload = json.loads(body)
        choice = payload["choices"][0]
        message = choice["message"]
        content = message.get("content")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    refusal = message.get("refusal")
    return Reply(
        text=_joined(content),
        raw=body,
        finish_reason=str(choice.get("finish_reason") or ""),
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
    return Usage(input_tokens=spent, output_tokens=made, cached_tokens=cached)


def read_raw(raw: str) -> Reply:
    """The answer in a saved call's ``raw_response``, whichever provider it came from."""
    return read_completion(raw) or _read_dump(json.loads(raw), raw)


def read_message(message: AIMessage) -> Reply:
    dump = json.loads(json.dumps(message.model_dump(mode="json"), default=str))
    return _read_dump(dump, canonical_json(dump))


def _read_dump(dump: dict[str, Any], raw: str) -> Reply:
    details = dump.get("response_metadata") or {}
    reason = str(details.get("finish_reason") or details.get("stop_reason") or "").casefold()
    reasons = {"max_tokens": "length", "refusal": "content_filter", "safety": "content_filter"}
    return Reply(
        text=_arguments(dump) or _joined(dump.get("content")),
        raw=raw,
        finish_reason=reasons.get(reason, reason),
        usage=read_usage(dump.get("usage_metadata")),
    )


def _arguments(dump: Mapping[str, Any]) -> str:
    """What a model called the answer's tool with, as JSON; empty if it called none."""
    calls = dump.get("tool_calls")
    return canonical_json(calls[0].get("args")) if calls else ""


def _joined(content: object) -> str:
    """A message's text; some servers send it in parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
