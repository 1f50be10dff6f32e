"""A few questions to a chat model, one after the other; each answer is kept and paid for once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from coder.proposers.budget import NO_CAPS, Meter
from coder.proposers.chat.client import Chat, stop_message
from coder.proposers.chat.failures import Failure, Fatal
from coder.proposers.chat.providers import endpoint
from coder.proposers.chat.question import Question
from coder.proposers.token_count import open_counter
from coder.records import Call, Usage, content_hash
from coder.storage.journal import Journal
from coder.study import Study


@dataclass(frozen=True)
class Asked:
    """A question, and what its call is kept under; ``kind`` sets it apart from other questions."""

    question: Question
    kind: str
    issue_id: str
    prompt: str
    prompt_hash: str


def ask_each(study: Study, asked: Sequence[Asked], calls: Journal[Call]) -> list[Call]:
    """A call for each question. Every one is in ``calls`` before it is read, and what is there is
    not asked again. Raises ``ModelError`` when asking is of no use."""
    known = {call.request["key"]: call for call in calls if call.raw_response and not call.error}
    try:
        return asyncio.run(_ask(study, asked, known, calls))
    except Fatal as error:
        raise stop_message(endpoint(study), error) from None


async def _ask(
    study: Study, asked: Sequence[Asked], known: dict[str, Call], calls: Journal[Call]
) -> list[Call]:
    to, model = endpoint(study), study.settings.model
    chat, meter = Chat(to, model), Meter(NO_CAPS, None, model.name)
    counter = open_counter(model.name, study.cache)
    answered: list[Call] = []
    async with chat.connected():
        for one in asked:
            question = one.question
            key = content_hash(
                one.kind,
                [to.setting, to.identity, chat.parameters, question.schema,
                 list(question.messages)],
            )  # fmt: skip
            if key in known:
                answered.append(known[key])
                continue
            text = "\n".join(message for _, message in question.messages)
            account = meter.account(
                Usage(input_tokens=counter.at_most(text), output_tokens=model.max_output_tokens)
            )
            sent: dict[str, Any] = {
                "key": key,
                "messages": [{"role": r, "content": t} for r, t in question.messages],
            }
            began = perf_counter()
            fields: dict[str, Any]
            try:
                reply = await chat.ask(question, account, one.issue_id)
                sent |= reply.asked_how
                fields = {
                    "raw_response": reply.raw,
                    "finish_reason": reply.finish_reason,
                    "usage": reply.usage,
                }
            except Fatal:
                raise
            except Failure as error:
                fields = {"error": str(error)}
            call = Call(
                id=content_hash("call.v1", [key, began])[:20],
                issue_id=one.issue_id,
                model=to.setting,
                prompt=one.prompt,
                prompt_hash=one.prompt_hash,
                request=sent,
                attempts=account.attempts,
                estimated=account.estimated,
                seconds=round(perf_counter() - began, 3),
                **fields,
            )
            calls.append([call])
            answered.append(call)
    return answered
