"""The only importer of langchain's chat models: providers with a protocol of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from coder.errors import ModelError
from coder.proposers.failures import Rejected, clean
from coder.proposers.gate import CURRENT
from coder.proposers.providers import Endpoint
from coder.proposers.question import Question
from coder.proposers.reply import Reply, Send, read_message
from coder.study import ModelSettings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable


@asynccontextmanager
async def connected(to: Endpoint, settings: ModelSettings) -> AsyncIterator[Send]:
    """Sends requests by tool or as text for as long as the context lasts."""
    model = open_model(to, settings)

    async def send(question: Question, form: str, _: Mapping[str, Any]) -> Reply:
        asked: Runnable[Any, AIMessage] = model
        if form == "tool" and question.schema is not None:
            try:
                asked = model.bind_tools([_tool(question.schema)], tool_choice="answer")
            except NotImplementedError:
                raise Rejected("the model takes no tools", about_the_text=False) from None
        async with CURRENT.get().passing():
            message = await asked.ainvoke(list(question.messages))
        return read_message(message)

    yield send


def open_model(to: Endpoint, settings: ModelSettings) -> BaseChatModel:
    """The langchain model for an endpoint. Contacts nobody.

    Raises ``ModelError`` with what is missing.
    """
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {
        "max_retries": 0,
        "timeout": settings.timeout,
        "temperature": settings.temperature,
        "max_tokens": settings.max_output_tokens,
    }
    if to.key is not None:
        options["api_key"] = to.key.get_secret_value()
    if to.base_url:
        options["base_url"] = to.base_url
    try:
        model: BaseChatModel = init_chat_model(to.model, model_provider=to.provider, **options)
    except Exception as error:
        secret = to.key.get_secret_value() if to.key else ""
        raise ModelError(
            f"{to.setting} cannot be set up: {clean(str(error), secret)}",
            "check the model's name and settings in study.toml, and its keys in .env",
        ) from None
    return model


def _tool(schema: Mapping[str, Any]) -> dict[str, Any]:
    described = "Gives the answer about the issue."
    function = {"name": "answer", "description": described, "parameters": schema}
    return {"type": "function", "function": function}
