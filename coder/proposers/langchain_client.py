"""The only importer of langchain's chat models: providers with a protocol of their own.

They are given an HTTP client of ours, where they take one. Left to themselves, vendors' clients
change what they are told to send, send it again, follow a server to another address and outlive the
event loop they were made for.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from coder.addresses import host_of
from coder.errors import LimitReached, ModelError
from coder.proposers.environment import certificates, client_options, go_round
from coder.proposers.failures import (
    Failure,
    Fatal,
    NotACompletion,
    Rejected,
    Unreadable,
    chain,
    clean,
)
from coder.proposers.gate import CONNECT_SECONDS, CURRENT, Outdated
from coder.proposers.json_text import Damaged, TooDeep, parse
from coder.proposers.providers import SERVICES, Endpoint
from coder.proposers.question import Question
from coder.proposers.reply import Reply, Send, read_message, read_usage
from coder.records import Usage
from coder.study import ModelSettings

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

_AROUND = {"model", "messages", "system", "contents", "systemInstruction", "tools", "tool_choice",
           "toolConfig", "safetySettings", "stream", "generationConfig"}  # fmt: skip
"""What stands in the body of a request beside its parameters."""

_ANSWERED = {"content", "candidates", "promptFeedback", "usageMetadata", "choices"}
"""The body of an answer has one of these."""


@dataclass
class Exchange:
    """The bodies of a request and of its answer, as they were on the wire."""

    sent: dict[str, Any] = field(default_factory=dict)
    got: dict[str, Any] = field(default_factory=dict)


_EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")
"""What takes up the request that is being made."""


@dataclass(frozen=True)
class LangchainModel:
    """A model of langchain's, and the HTTP client of ours that it sends through, where it can."""

    provider: str
    model: BaseChatModel
    key: str = field(repr=False)
    http: AbstractAsyncContextManager[object] | None = None

    async def send(self, question: Question, form: str, parameters: Mapping[str, Any]) -> Reply:
        """See :data:`coder.proposers.reply.Send`; ``form`` is tool or text."""
        names = {name: self._keyword(name) for name in parameters}
        taken = {names[name]: value for name, value in parameters.items() if names[name]}
        if self.http is None:
            async with CURRENT.get().passing():
                reply, sent = await self._answer(question, form, taken), taken
        else:
            reply, sent = await self._on_the_wire(question, form, taken)
        there = {_plain(name) for name in sent}
        dropped = {n: v for n, v in parameters.items() if _plain(names[n]) not in there}
        return replace(reply, parameters=sent, dropped=dropped)

    async def _on_the_wire(
        self, question: Question, form: str, taken: Mapping[str, Any]
    ) -> tuple[Reply, dict[str, Any]]:
        """The answer, and the parameters that the server was sent."""
        exchange = Exchange()
        outer = _EXCHANGE.set(exchange)
        try:
            reply = await self._answer(question, form, taken)
        except Exception as error:
            for link in chain(error):
                if isinstance(link, LimitReached | Outdated | Failure | NotACompletion):
                    # Raised on the way; the vendor's client has wrapped it.
                    raise link from None
            raise
        finally:
            _EXCHANGE.reset(outer)
        if not exchange.sent:
            raise Fatal(f"this version of the package for {self.provider} cannot be used")
        flat = {**exchange.sent, **exchange.sent.get("generationConfig", {})}
        sent = {n: v for n, v in flat.items() if n not in _AROUND and v is not None}
        return replace(reply, usage=reply.usage or _counted(exchange.got)), sent

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
        opened = open_model(to, settings)
        if opened.http is not None:
            await stack.enter_async_context(opened.http)
        yield opened.send


def open_model(to: Endpoint, settings: ModelSettings) -> LangchainModel:
    """The model at an endpoint. Contacts nobody. Raises ``ModelError`` with what is missing."""
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


def _any_other(to: Endpoint, key: str, settings: ModelSettings) -> LangchainModel:
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

        http = _client(httpx.AsyncClient, to, settings, limits=httpx.Limits())
        made = open_one(**options, http_async_client=http)
    if "temperature" in type(made).model_fields:
        # What nobody asked for is not sent.
        vars(made)["temperature"] = None
    return LangchainModel(to.provider, made, key, http)


def _anthropic(to: Endpoint, key: str, settings: ModelSettings) -> LangchainModel:
    import anthropic
    from langchain_anthropic import ChatAnthropic

    made = ChatAnthropic(
        model=to.model,
        api_key=key,
        base_url=to.base_url,
        max_retries=0,
        timeout=settings.timeout,
    )
    http = _client(anthropic.DefaultAsyncHttpxClient, to, settings)
    # langchain keeps one for each address, whatever event loop it came from; it takes no other.
    vars(made)["_async_client"] = anthropic.AsyncAnthropic(
        api_key=key,
        base_url=made.anthropic_api_url,
        max_retries=0,
        timeout=settings.timeout,
        http_client=http,
    )
    return LangchainModel(to.provider, made, key, http)


def _google(to: Endpoint, key: str, settings: ModelSettings) -> LangchainModel:
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
    http = _client(httpx2.AsyncClient, to, settings, limits=httpx2.Limits())
    options = HttpOptions(base_url=to.base_url, httpx_async_client=http)
    made.client = genai.Client(vertexai=False, api_key=key, http_options=options)
    return LangchainModel(to.provider, made, key, http)


def _mistral(to: Endpoint, key: str, settings: ModelSettings) -> LangchainModel:
    import httpx
    from langchain_mistralai import ChatMistralAI

    http = _client(
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
    return LangchainModel(to.provider, made, key, http)


VENDORS: Mapping[str, Callable[[Endpoint, str, ModelSettings], LangchainModel]] = {
    "anthropic": _anthropic,
    "google_genai": _google,
    "mistralai": _mistral,
}
"""How those are opened that take an HTTP client by another way than others, or none."""


class _Gated:
    """For an HTTP client: each request passes the gate as it leaves and is taken up, with its
    answer."""

    timeout: Any
    server: str
    """The host that it may ask; empty where that is not known."""

    async def send(self, request: Any, **options: Any) -> Any:
        gate, exchange = CURRENT.get(), _EXCHANGE.get()
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


def _counted(body: Mapping[str, Any]) -> Usage | None:
    """What Google counted, where langchain leaves it out: of a prompt that was blocked."""
    told = body.get("usageMetadata")
    if not isinstance(told, dict):
        return None
    made = told.get("candidatesTokenCount", 0)
    return read_usage({"input_tokens": told.get("promptTokenCount"), "output_tokens": made})


def _client(kind: type[Any], to: Endpoint, settings: ModelSettings, **options: Any) -> Any:
    """An HTTP client of ours, of a vendor's ``kind``."""
    ours = type("Client", (_Gated, kind), {"server": host_of(to.base_url)})
    connecting = min(CONNECT_SECONDS, settings.timeout)
    return ours(
        # To connect, to read, to write, to wait for a connection.
        timeout=(connecting, settings.timeout, settings.timeout, connecting),
        **client_options(to.base_url, to.proxy),
        **options,
    )


def _plain(name: str) -> str:
    """A parameter's name without the way its protocol spells it."""
    return name.replace("_", "").casefold()


def _tool(schema: Mapping[str, Any]) -> dict[str, Any]:
    described = "Gives the answer about the issue."
    function = {"name": "answer", "description": described, "parameters": schema}
    return {"type": "function", "function": function}
