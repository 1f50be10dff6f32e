"""Asks chat models through langchain: all that do not speak OpenAI's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from coder.errors import LimitReached
from coder.proposers.chat.failures import Failure, Fatal, NotACompletion, Rejected, chain
from coder.proposers.chat.http_exchange import EXCHANGE, Exchange
from coder.proposers.chat.langchain_models import open_model
from coder.proposers.chat.providers import Endpoint
from coder.proposers.chat.question import Question
from coder.proposers.chat.reply import Reply, Send, read_message
from coder.proposers.chat.request_slot import CURRENT, Outdated
from coder.study import ModelSettings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable


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
