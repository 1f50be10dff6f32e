"""Langchain's chat models, each on an HTTP client of ours where it takes one; the only importer."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from coder.errors import ModelError
from coder.proposers.chat.environment import certificates, go_round
from coder.proposers.chat.failures import clean
from coder.proposers.chat.http_exchange import open_http
from coder.proposers.chat.providers import SERVICES, Endpoint
from coder.study import ModelSettings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    Opened = tuple[BaseChatModel, AbstractAsyncContextManager[object] | None]


def open_model(to: Endpoint, settings: ModelSettings) -> Opened:
    """The model at an endpoint, and the client of ours that it sends through; ``None`` where it
    sends through its own. Contacts nobody. Raises ``ModelError`` with what is missing."""
    secret = to.key.get_secret_value() if to.key else ""
    try:
        return VENDORS.get(to.provider, _any_other)(to, secret, settings)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{to.setting} cannot be set up: {clean(str(error), secret)}",
            "check the model's name and settings in study.toml, and its keys in .env",
        ) from None


def _any_other(to: Endpoint, key: str, settings: ModelSettings) -> Opened:
    from langchain.chat_models import init_chat_model

    certificates()
    service = SERVICES.get(to.provider)
    if to.proxy is None and to.base_url:
        go_round(to.base_url, service.proxies if service else ())
    options: dict[str, Any] = {"max_retries": 0, "timeout": settings.timeout}
    if key:
        options["api_key"] = key
    if to.base_url:
        options[service.argument if service else "base_url"] = to.base_url
    open_one = partial(init_chat_model, to.model, model_provider=to.provider)
    made: BaseChatModel = open_one(**options)
    http = None
    if "http_async_client" in type(made).model_fields:
        import httpx

        http = open_http(httpx.AsyncClient, to, settings, limits=httpx.Limits())
        made = open_one(**options, http_async_client=http)
    if "temperature" in type(made).model_fields:
        # What nobody asked for is not sent.
        vars(made)["temperature"] = None
    return made, http


def _anthropic(to: Endpoint, key: str, settings: ModelSettings) -> Opened:
    import anthropic
    from langchain_anthropic import ChatAnthropic

    made = ChatAnthropic(
        model=to.model,
        api_key=key,
        base_url=to.base_url,
        max_retries=0,
        timeout=settings.timeout,
    )
    http = open_http(anthropic.DefaultAsyncHttpxClient, to, settings)
    # langchain keeps one for each address, whatever event loop it came from; it takes no other.
    vars(made)["_async_client"] = anthropic.AsyncAnthropic(
        api_key=key,
        base_url=made.anthropic_api_url,
        max_retries=0,
        timeout=settings.timeout,
        http_client=http,
    )
    return made, http


def _google(to: Endpoint, key: str, settings: ModelSettings) -> Opened:
    import httpx2
    from google import genai
    from google.genai.types import HttpOptions
    from langchain_google_genai import ChatGoogleGenerativeAI

    # Said in the log of every call instead: what is not sent is named there.
    warnings.filterwarnings("ignore", ".*sampling parameter", module="langchain_google_genai")
    # A blocked prompt is a status of its own.
    logging.getLogger("langchain_google_genai").addHandler(logging.NullHandler())
    made = ChatGoogleGenerativeAI(
        model=to.model,
        api_key=key,
        base_url=to.base_url,
        vertexai=False,
        temperature=None,
        # So many attempts; 0 would be five.
        max_retries=1,
        timeout=settings.timeout,
    )
    http = open_http(httpx2.AsyncClient, to, settings, limits=httpx2.Limits())
    options = HttpOptions(base_url=to.base_url, httpx_async_client=http)
    made.client = genai.Client(vertexai=False, api_key=key, http_options=options)
    return made, http


def _mistral(to: Endpoint, key: str, settings: ModelSettings) -> Opened:
    import httpx
    from langchain_mistralai import ChatMistralAI

    http = open_http(
        httpx.AsyncClient,
        to,
        settings,
        limits=httpx.Limits(),
        base_url=to.base_url,
        headers={"Authorization": f"Bearer {key}"},
    )
    made = ChatMistralAI(model_name=to.model, api_key=key, async_client=http, max_retries=0)
    # It sends these whether anybody asked for them or not.
    vars(made).update(temperature=None, top_p=None)
    return made, http


VENDORS: Mapping[str, Callable[[Endpoint, str, ModelSettings], Opened]] = {
    "anthropic": _anthropic,
    "google_genai": _google,
    "mistralai": _mistral,
}
"""How those are opened that take an HTTP client by another way than others, or none."""
