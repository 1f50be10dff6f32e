"""The only importer of openai: its client, at the gate with each request made ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai

from coder.proposers.gate import CURRENT
from coder.proposers.providers import Endpoint
from coder.study import ModelSettings

if TYPE_CHECKING:
    import httpx2


class Gated(openai.DefaultAioHttpClient):
    """On aiohttp, which takes a third of the time of a processor that httpx needs for a request."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        async with CURRENT.get().passing():
            response = await super().send(request, **options)
            await response.aread()
        return response


def open_client(to: Endpoint, settings: ModelSettings) -> openai.AsyncOpenAI:
    """A client for a server that speaks OpenAI's protocol. Contacts nobody."""
    # Never None: the client would then take OPENAI_API_KEY and send it to whatever server.
    key = to.key.get_secret_value() if to.key else "none-needed"
    http = Gated(
        timeout=settings.timeout,
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
