"""The protocols of chat-model providers, spoken by a server on loopback as the providers do.

A request that is not of the protocol (another path, no key, a missing or an unknown field) is
refused as the provider refuses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from support.fault_server import GOOD, FaultServer, Reply, completion, refusal

KEY = "sk-of-the-provider"
Body = dict[str, Any]


@dataclass(frozen=True)
class Protocol:
    """One provider: where it is asked and with what, and what it answers."""

    setting: str
    variable: str
    path: str
    """A pattern of the path that is asked."""
    needs: frozenset[str]
    takes: frozenset[str]
    """Fields of a request's body, beside those that it needs."""
    parameters: Callable[[Body], Body]
    """Those of a request, by the names they have in it."""
    answered: Callable[[Mapping[str, Any]], Reply]
    """An answer in the strictest format."""
    said: Callable[[str], Reply]
    refused: Callable[[int, str], Reply]
    strict: str
    """The field by which the strictest format is asked for."""
    base: str = ""
    """The path of ``base_url``."""

    def server(self, script: Callable[[Body, int], Reply | None] = lambda _b, _n: None):
        """A server whose ``script`` may answer a request of the protocol otherwise."""

        def respond(body: Body, number: int) -> Reply:
            wrong = self._wrong(body, server.paths[number], server.headers[number])
            if wrong is not None:
                return wrong
            usual = self.answered(GOOD) if self.strict in body else self.said(json.dumps(GOOD))
            return script(body, number) or usual

        server = FaultServer(respond)
        server.base_url = server.base_url.removesuffix("/v1") + self.base
        return server

    def _wrong(self, body: Body, path: str, headers: Mapping[str, str]) -> Reply | None:
        if not re.fullmatch(self.path, urlsplit(path).path):
            return self.refused(404, f"there is no {path}")
        # Under which name it is sent depends on the version of the provider's client.
        if not any(value.endswith(KEY) for value in headers.values()):
            return self.refused(401, "the key is missing")
        if missing := self.needs - set(body):
            return self.refused(400, f"{sorted(missing)}: field required")
        if unknown := set(body) - self.needs - self.takes:
            return self.refused(400, f"{sorted(unknown)}: extra inputs are not permitted")
        return None


def _json(payload: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(payload))


# --- Anthropic ----------------------------------------------------------------------------------


def message(*content: Body, stop: str = "end_turn") -> Reply:
    return _json({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "stop_reason": stop, "stop_sequence": None, "content": list(content),
        "usage": {"input_tokens": 90, "output_tokens": 20},
    })  # fmt: skip


def _anthropic_error(status: int, words: str) -> Reply:
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "invalid_request_error")
    return _json({"type": "error", "error": {"type": kind, "message": words}}, status)


ANTHROPIC = Protocol(
    setting="anthropic:claude-haiku-4-5",
    variable="ANTHROPIC_API_KEY",
    path="/v1/messages",
    needs=frozenset({"model", "messages", "max_tokens"}),
    takes=frozenset({"system", "tools", "tool_choice", "temperature", "stream"}),
    parameters=lambda body: {n: body[n] for n in ("temperature", "max_tokens") if n in body},
    answered=lambda args: message(
        {"type": "tool_use", "id": "t1", "name": "answer", "input": args}, stop="tool_use"
    ),
    said=lambda text: message({"type": "text", "text": text}),
    refused=_anthropic_error,
    strict="tools",
)

# --- Google -------------------------------------------------------------------------------------


def candidate(*parts: Body, finish: str = "STOP", **more: Any) -> Reply:
    return _json({
        "candidates": [
            {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, **more}
        ],
        "usageMetadata": {
            "promptTokenCount": 90, "candidatesTokenCount": 20, "totalTokenCount": 110,
        },
        "modelVersion": "gemini-2.5-flash",
    })  # fmt: skip


def blocked(reason: str) -> Reply:
    """What Gemini answers to a prompt that its filter stops."""
    return _json({
        "promptFeedback": {"blockReason": reason},
        "usageMetadata": {"promptTokenCount": 90, "totalTokenCount": 90},
        "modelVersion": "gemini-2.5-flash",
    })  # fmt: skip


def _google_error(status: int, words: str) -> Reply:
    kinds = {
        400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
        404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
    }  # fmt: skip
    return _json({"error": {"code": status, "message": words, "status": kinds[status]}}, status)


GOOGLE = Protocol(
    setting="google:gemini-2.5-flash",
    variable="GOOGLE_API_KEY",
    path="/v1(beta)?/models/[^/]+:generateContent",
    needs=frozenset({"contents"}),
    takes=frozenset(
        {"systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings"}
    ),
    parameters=lambda body: body.get("generationConfig", {}),
    answered=lambda args: candidate({"functionCall": {"name": "answer", "args": args}}),
    said=lambda text: candidate({"text": text}),
    refused=_google_error,
    strict="tools",
)

# --- Mistral ------------------------------------------------------------------------------------


def mistral_call(arguments: str) -> Reply:
    call = {"id": "abcdefghi", "function": {"name": "answer", "arguments": arguments}}
    return completion("", "tool_calls", tool_calls=[call])


def _mistral_error(status: int, words: str) -> Reply:
    return _json({"object": "error", "message": words, "type": "invalid_request_error"}, status)


_CHAT = frozenset({"model", "messages"})
_SAMPLING = ("temperature", "max_tokens", "top_p", "max_completion_tokens")

MISTRAL = Protocol(
    setting="mistral:mistral-small-latest",
    variable="MISTRAL_API_KEY",
    path="/v1/chat/completions",
    needs=_CHAT,
    takes=frozenset({"temperature", "max_tokens", "top_p", "tools", "tool_choice", "stream"}),
    parameters=lambda body: {name: body[name] for name in _SAMPLING if name in body},
    answered=lambda args: mistral_call(json.dumps(args)),
    said=completion,
    refused=_mistral_error,
    strict="tools",
    base="/v1",
)

# --- OpenAI's -----------------------------------------------------------------------------------

OPENAI = Protocol(
    setting="openai:a-model",
    variable="CODER_API_KEY",
    path="/v1/chat/completions",
    needs=_CHAT,
    takes=frozenset({"temperature", "max_tokens", "response_format"}),
    parameters=lambda body: {name: body[name] for name in _SAMPLING if name in body},
    answered=completion,
    said=completion,
    refused=refusal,
    strict="response_format",
    base="/v1",
)
AZURE = Protocol(
    setting="azure:a-deployment",
    variable="AZURE_OPENAI_API_KEY",
    path="/openai/deployments/a-deployment/chat/completions",
    needs=_CHAT,
    takes=frozenset({"temperature", "max_completion_tokens", "response_format"}),
    parameters=lambda body: {name: body[name] for name in _SAMPLING if name in body},
    answered=completion,
    said=completion,
    refused=refusal,
    strict="response_format",
)

# --- Others, through langchain ------------------------------------------------------------------


def _told(body: Body) -> Body:
    return {n: v for n in (*_SAMPLING, "n", "service_tier") if (v := body.get(n)) is not None}


GROQ = replace(
    MISTRAL,
    setting="groq:llama-3.1-8b-instant",
    variable="GROQ_API_KEY",
    path="/openai/v1/chat/completions",
    takes=MISTRAL.takes | {"n", "stop", "service_tier", "reasoning_effort", "reasoning_format"},
    parameters=_told,
    refused=refusal,
    base="",
)
"""A client of its own."""
DEEPSEEK = replace(
    MISTRAL,
    setting="deepseek:deepseek-chat",
    variable="DEEPSEEK_API_KEY",
    parameters=_told,
    refused=refusal,
)
"""OpenAI's client, as many have it."""

BY_OPENAI = {"openai": OPENAI, "azure": AZURE}
BY_LANGCHAIN = {
    "anthropic": ANTHROPIC, "google": GOOGLE, "mistral": MISTRAL, "groq": GROQ,
    "deepseek": DEEPSEEK,
}  # fmt: skip
"""By the client they are asked through."""
