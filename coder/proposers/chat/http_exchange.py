"""One HTTP request and its answer as they are on the wire, and a client that takes them up.

Left to themselves, vendors' clients change what they are told to send, send it again, follow a
server to another address and outlive the event loop they were made for.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from coder.addresses import host_of
from coder.proposers.chat.answer_text import Damaged, TooDeep, parse
from coder.proposers.chat.environment import client_options
from coder.proposers.chat.failures import Fatal, NotACompletion, Unreadable
from coder.proposers.chat.providers import Endpoint
from coder.proposers.chat.rate_limit import CONNECT_SECONDS, CURRENT
from coder.proposers.chat.reply import read_usage
from coder.records import Usage
from coder.study import ModelSettings

_AROUND = {"model", "messages", "system", "contents", "systemInstruction", "tools", "tool_choice",
           "toolConfig", "safetySettings", "stream", "generationConfig"}  # fmt: skip
"""What stands in the body of a request beside its parameters."""

_ANSWERED = {"content", "candidates", "promptFeedback", "usageMetadata", "choices"}
"""The body of an answer has one of these."""


@dataclass
class Exchange:
    """The bodies of a request and of its answer."""

    sent: dict[str, Any] = field(default_factory=dict)
    got: dict[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """Those that the server was sent, by the names it knows them by."""
        flat = {**self.sent, **self.sent.get("generationConfig", {})}
        return {n: v for n, v in flat.items() if n not in _AROUND and v is not None}

    @property
    def usage(self) -> Usage | None:
        """What Google counted, where langchain leaves it out: of a prompt that was blocked."""
        told = self.got.get("usageMetadata")
        if not isinstance(told, dict):
            return None
        made = told.get("candidatesTokenCount", 0)
        return read_usage({"input_tokens": told.get("promptTokenCount"), "output_tokens": made})


EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")
"""What takes up the request that is being made."""


def open_http(kind: type[Any], to: Endpoint, settings: ModelSettings, **options: Any) -> Any:
    """An HTTP client of ours, of a vendor's ``kind``."""
    ours = type("Client", (_Recording, kind), {"server": host_of(to.base_url)})
    connecting = min(CONNECT_SECONDS, settings.timeout)
    return ours(
        # To connect, to read, to write, to wait for a connection.
        timeout=(connecting, settings.timeout, settings.timeout, connecting),
        **client_options(to.base_url, to.proxy),
        **options,
    )


class _Recording:
    """For an HTTP client: each request passes the gate as it leaves and is taken up, with its
    answer."""

    timeout: Any
    server: str
    """The host that it may ask; empty where that is not known."""

    async def send(self, request: Any, **options: Any) -> Any:
        gate, exchange = CURRENT.get(), EXCHANGE.get()
        asked = request.url.raw_host.decode("ascii")
        if self.server and asked != self.server:
            raise Fatal(f"its package asks {asked} instead, which nobody has agreed to")

        async def notice(event: str, _: object) -> None:
            if event.endswith("send_request_headers.started"):
                gate.on_the_wire = True

        # A vendor's client may have set time limits of its own.
        request.extensions |= {"timeout": self.timeout.as_dict(), "trace": notice}
        async with gate.passing():
            gate.on_the_wire = False
            exchange.sent = json.loads(request.content)
            response = await super().send(request, **options)  # type: ignore[misc]
            gate.on_the_wire = True
            await response.aread()
        if response.is_success:
            exchange.got = _read_answer(response.text)
        elif response.status_code < 400:
            response.raise_for_status()
        return response


def _read_answer(body: str) -> dict[str, Any]:
    """The body of an answer. Raises ``NotACompletion``, as vendors' clients take much for one, and
    ``Unreadable``."""
    try:
        payload = parse(body)
    except TooDeep as error:
        raise Unreadable(f"the answer cannot be read: {error}") from None
    except Damaged:
        raise NotACompletion(body) from None
    if not isinstance(payload, dict) or _ANSWERED.isdisjoint(payload):
        raise NotACompletion(body)
    return payload
