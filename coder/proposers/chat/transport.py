"""The only importer of openai: its client, at the gate with each request made ready."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import openai

from coder.proposers.chat.environment import client_options
from coder.proposers.chat.providers import Endpoint
from coder.proposers.chat.rate_limit import CONNECT_SECONDS, CURRENT
from coder.study import ModelSettings

if TYPE_CHECKING:
    import httpx2

    _Client = httpx2.AsyncClient
else:
    _Client = object


class _Gated(_Client):
    """Sends each request through the current gate."""

    _notices = False
    """Whether it tells when a request is on the wire; if not, it counts from when it is made."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        gate = CURRENT.get()
        async with gate.passing():
            gate.on_the_wire = not self._notices
            response = await super().send(request, **options)
            await response.aread()
        if gate.next_first and response.is_success:
            await asyncio.sleep(0)
        return response


class _OnAiohttp(_Gated, openai.DefaultAioHttpClient):
    """aiohttp takes a third of the time of a processor that httpx needs for a request."""

    _notices = True

    def _init_transport(self, *args: Any, **options: Any) -> Any:
        return _noticing(super()._init_transport(*args, **options))

    def _init_proxy_transport(self, *args: Any, **options: Any) -> Any:
        return _noticing(super()._init_proxy_transport(*args, **options))


class _OnHttpx(_Gated, openai.DefaultAsyncHttpxClient):
    """httpx knows SOCKS, which aiohttp does not."""


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


_NO_ACCOUNT: dict[str, Any] = {
    name: openai.Omit() for name in ("OpenAI-Organization", "OpenAI-Project")
}


def open_client(to: Endpoint, settings: ModelSettings) -> openai.AsyncOpenAI:
    """A client for a server that speaks OpenAI's protocol. Contacts nobody.

    Raises ``ModelError`` when there are no certificates where the environment says.
    """
    # Never None: the client would then take OPENAI_API_KEY and send it to whatever server.
    key = to.key.get_secret_value() if to.key else "none-needed"
    connecting = min(CONNECT_SECONDS, settings.timeout)
    kind = _OnHttpx if to.proxy and to.proxy.url.startswith("socks") else _OnAiohttp
    http = kind(
        timeout=openai.Timeout(settings.timeout, connect=connecting, pool=connecting),
        **client_options(to.base_url, to.proxy),
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
        api_key=key,
        base_url=to.base_url,
        max_retries=0,
        http_client=http,
        # These name an account at OpenAI, which is no other server's business.
        default_headers=_NO_ACCOUNT if to.compatible else None,
    )
