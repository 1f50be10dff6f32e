"""Chat models through langchain, all that do not speak OpenAI's protocol; its only importer.

Each model is on an HTTP client of ours where it takes one.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from coder.errors import LimitReached, ModelError
from coder.proposers.chat.environment import certificates, go_round
from coder.proposers.chat.failures import Failure, Fatal, NotACompletion, Rejected, chain, clean
from coder.proposers.chat.http_exchange import EXCHANGE, Exchange, open_http
from coder.proposers.chat.providers import SERVICES, Endpoint
from coder.proposers.chat.question import Question
from coder.proposers.chat.rate_limit import CURRENT, Outdated
from coder.proposers.chat.reply import Reply, Send, read_message
from coder.study import ModelSettings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    Opened = tuple[BaseChatModel, AbstractAsyncContextManager[object] | None]
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable


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


@dataclass(frozen=True)
class LangchainModel:
    """A model of langchain's; ``recorded``: whether it sends through a client of ours."""

    provider: str
    model: BaseChatModel
    recorded: bool
    key: str = field(repr=False)

    async def send(self, question: Question, form: str, parameters: Mapping[str, Any]) -> Reply:
        """See :data:`coder.proposers.chat.reply.Send`; ``form`` is tool or text."""
        names = {name: self._keyword(name) for name in parameters}
        taken = {names[name]: value for name, value in parameters.items() if names[name]}
        if self.recorded:
            reply, sent = await self._recorded_answer(question, form, taken)
        else:
            async with CURRENT.get().passing():
                reply, sent = await self._answer(question, form, taken), taken
        there = {_plain(name) for name in sent}
        dropped = {n: v for n, v in parameters.items() if _plain(names[n]) not in there}
        return replace(reply, parameters=sent, dropped=dropped)

    async def _recorded_answer(
        self, question: Question, form: str, taken: Mapping[str, Any]
    ) -> tuple[Reply, dict[str, Any]]:
        """The answer, and the parameters that the server was sent."""
        exchange = Exchange()
        outer = EXCHANGE.set(exchange)
        try:
            reply = await self._answer(question, form, taken)
        except Exception as error:
            for link in chain(error):
                if isinstance(link, LimitReached | Outdated | Failure | NotACompletion):
                    # Raised on the way; the vendor's client has wrapped it.
                    raise link from None
            raise
        finally:
            EXCHANGE.reset(outer)
        if not exchange.sent:
            raise Fatal(f"this version of the package for {self.provider} cannot be used")
        return replace(reply, usage=reply.usage or exchange.usage), exchange.parameters

    async def _answer(self, question: Question, form: str, taken: Mapping[str, Any]) -> Reply:
        asked: Runnable[Any, AIMessage] = self.model
        if form == "tool" and question.schema is not None:
            try:
                asked = self.model.bind_tools([_tool(question.schema)], tool_choice="answer")
            except NotImplementedError:
                raise Rejected("the model takes no tools", about_the_text=False) from None
        return read_message(await asked.ainvoke(list(question.messages), **taken), self.key)

    def _keyword(self, name: str) -> str:
        """What langchain calls a parameter of ours; empty for one that it does not know."""
        if name in ("max_tokens", "max_completion_tokens"):
            return "max_output_tokens" if self.provider == "google_genai" else "max_tokens"
        return name if name == "temperature" else ""


@asynccontextmanager
async def connected(to: Endpoint, settings: ModelSettings) -> AsyncIterator[Send]:
    """Sends requests for as long as the context lasts, which is within one event loop."""
    async with AsyncExitStack() as stack:
        model, http = open_model(to, settings)
        if http is not None:
            await stack.enter_async_context(http)
        key = to.key.get_secret_value() if to.key else ""
        yield LangchainModel(to.provider, model, http is not None, key).send


def _plain(name: str) -> str:
    """A parameter's name without the way its protocol spells it."""
    return name.replace("_", "").casefold()


def _tool(schema: Mapping[str, Any]) -> dict[str, Any]:
    described = "Gives the answer about the issue."
    function = {"name": "answer", "description": described, "parameters": schema}
    return {"type": "function", "function": function}
