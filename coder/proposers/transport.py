"""The only importer of openai: its client, at the gate with each request made ready."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import openai

from coder.proposers.gate import CONNECT_SECONDS, CURRENT
from coder.proposers.providers import Endpoint
from coder.study import ModelSettings

if TYPE_CHECKING:
    import httpx2


class Gated(openai.DefaultAioHttpClient):
    """On aiohttp, which takes a third of the time of a processor that httpx needs for a request."""

    def _init_transport(self, *args: Any, **options: Any) -> Any:
        return _noticing(super()._init_transport(*args, **options))

    def _init_proxy_transport(self, *args: Any, **options: Any) -> Any:
        return _noticing(super()._init_proxy_transport(*args, **options))

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        gate = CURRENT.get()
        async with gate.passing():
            gate.on_the_wire = False
            response = await super().send(request, **options)
            await response.aread()
        if gate.next_first and response.is_success:
            await asyncio.sleep(0)
        return response


def _noticing(transport: Any) -> Any:
    """``transport``, which tells the gate as soon as anything of a request is on the wire."""

    async def headers_sent(*_: object) -> None:
        CURRENT.get().on_the_wire = True

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(headers_sent)
    trace.freeze()

    def open_session() -> aiohttp.ClientSession:
        transport.client = None
        session: aiohttp.ClientSession = transport.get_client()
        session.trace_configs.append(trace)
        return session

    transport.client = open_session
    return transport


def open_client(to: Endpoint, settings: ModelSettings) -> openai.AsyncOpenAI:
    """A client for a server that speaks OpenAI's protocol. Contacts nobody."""
    # Never None: the client would then take OPENAI_API_KEY and send it to whatever server.
    key = to.key.get_secret_value() if to.key else "none-needed"
    # Reading certificates takes time that a plain address on this machine has no use for. The
    # context trusts nobody: no redirect is followed, and if one were it would end there.
    plain = to.is_loopback and to.base_url.startswith("http://")
    connecting = min(CONNECT_SECONDS, settings.timeout)
    http = Gated(
        timeout=openai.Timeout(settings.timeout, connect=connecting, pool=connecting),
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True,
        # A proxy set for the outside world must not stand before a server on this machine.
        trust_env=not to.is_loopback,
        # A server that texts may go to must not send them on to another.
        follow_redirects=False,
    )
    if to.provider == "azure_openai":
        return openai.AsyncAzureOpenAI(
            api_key=key,
            azure_endpoint=to.base_url,
            azure_deployment=to.model,
            api_version=to.api_version,
            max_retries=0,
            http_client=http,
        )
    return openai.AsyncOpenAI(
        api_key=key, base_url=to.base_url or None, max_retries=0, http_client=http
    )
