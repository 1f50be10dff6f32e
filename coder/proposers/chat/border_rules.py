"""Asks a chat model for rules on the border of two codes, by the issues they were confused on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from jinja2 import TemplateError, TemplateSyntaxError
from pydantic import BaseModel, ConfigDict, ValidationError

from coder.errors import InputError
from coder.proposers.chat import prompts
from coder.proposers.chat.answer_text import Damaged, after_reasoning
from coder.proposers.chat.ask_each import Asked, ask_each
from coder.proposers.chat.condensed_issue import condense
from coder.proposers.chat.providers import endpoint
from coder.proposers.chat.question import Question
from coder.proposers.chat.reply import read_raw
from coder.proposers.chat.response_schema import find_objects
from coder.proposers.token_count import open_counter
from coder.records import NONE_CODE, Call, Codebook, Issue, content_hash
from coder.records.refinement import Confusion, Draft
from coder.storage.journal import Journal
from coder.study import Study
from coder.text import templates
from coder.text.redaction import Masked, Redactor, authors, masked_codebook

PROMPT = "refine.v1"
MOST_ISSUES = 12
"""Issues of a pair that are shown."""
TOKENS_EACH = 400
LONGEST_RULE, LONGEST_MEMO = 300, 500
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"type": "string", "enum": ["include", "exclude"]},
                    "code": {"type": "string"},
                    "to": {"type": "string"},
                    "text": {"type": "string"},
                    "issues": {"type": "array", "items": {"type": "integer"}},
                },
                "required": ["kind", "code", "to", "text", "issues"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["rules"],
    "additionalProperties": False,
}
_MODEL = "model"
"""How a dispute names the model."""
_FREQUENCY = re.compile(
    r"\d\s*%|\bper ?cent\b|\b\d+ (?:out )?(?:of|in) (?:the )?\d+\b|\bmajority\b|\busually\b"
    r"|\b(?:most|more|less|least) (?:common|frequent|often)|\bmost (?:of the )?(?:issues|cases)\b"
    r"|\b(?:in)?frequently\b|\brarely\b|\bbase rate|\bby default\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Drafted:
    """``drafts`` in the order of their pairs; what else was answered is in ``set_aside`` by why."""

    drafts: tuple[Draft, ...]
    set_aside: Counter[str] = field(default_factory=Counter)


class _Rule(BaseModel):
    model_config = ConfigDict(strict=True)

    kind: Literal["include", "exclude"]
    code: str
    to: str = ""
    text: str
    issues: list[int]


def shown_of(confusion: Confusion) -> tuple[str, ...]:
    """The issues of a pair that are shown: those disputed most, and with a memo, first."""
    disputed = Counter(dispute.issue_id for dispute in confusion.disputes)
    order = sorted(confusion.issues, key=lambda i: (-disputed[i], i not in confusion.memos))
    return tuple(order[:MOST_ISSUES])


def settled(confusion: Confusion, issues: Sequence[str]) -> int:
    """How many disputes over a pair are on ``issues``."""
    return sum(dispute.issue_id in issues for dispute in confusion.disputes)


def draft_rules(
    study: Study,
    book: Codebook,
    issues: Mapping[str, Issue],
    pairs: Sequence[Confusion],
    calls: Journal[Call],
) -> Drafted:
    """Rules for each pair, by the issues shown of it. Raises what :func:`ask_each` does."""
    text = prompts.read_text(PROMPT, study.root)[1]
    try:
        template = templates.parse(text).template
        asked = [
            Asked(
                _question(study, book, issues, pair, template),
                "refine.v1", pair.issues[0], PROMPT, content_hash("prompt.v1", text),
            )
            for pair in pairs
        ]  # fmt: skip
    except (TemplateSyntaxError, TemplateError) as error:
        raise InputError(f"prompt {PROMPT!r}: {str(error.message)[:200]}", "correct it") from None
    drafts: list[Draft] = []
    aside: Counter[str] = Counter()
    by = endpoint(study).setting
    for pair, call in zip(pairs, ask_each(study, asked, calls), strict=True):
        for given in _answered(call):
            found = _read(given, pair, book, by) if isinstance(given, dict) else "no rule"
            if isinstance(found, Draft):
                drafts.append(found)
            else:
                aside[found] += 1
    return Drafted(tuple({draft.id: draft for draft in drafts}.values()), aside)


def _question(
    study: Study, book: Codebook, issues: Mapping[str, Issue], pair: Confusion, template: Any
) -> Question:
    counter = open_counter(study.settings.model.name, study.cache)
    shown = [issues[issue_id] for issue_id in shown_of(pair)]
    memos = [[" ".join(m.split())[:LONGEST_MEMO] for m in pair.memos.get(i.id, ())] for i in shown]
    masked: list[Masked | None] = [None] * len(shown)
    if study.settings.model.redact:
        said = [memo for several in memos for memo in several]
        redactor = Redactor([book.to_json(), *(issue.text for issue in shown), *said])
        book = masked_codebook(book, redactor)
        masked = [redactor.mask(issue.text, authors(issue)) for issue in shown]
        memos = [
            [redactor.redact(memo, authors(issue)) for memo in several]
            for issue, several in zip(shown, memos, strict=True)
        ]
    texts = [
        "\n".join(p.text for p in condense(i, counter.count, TOKENS_EACH, masked=m).passages)
        for i, m in zip(shown, masked, strict=True)
    ]
    word = prompts.nonce(
        study.settings.seed, shown[0].hash, texts + [memo for several in memos for memo in several]
    )
    book_shown = prompts.as_shown(book)
    values = {
        "codebook": book_shown,
        "codes": tuple(book_shown.by_id[code] for code in pair.codes if code != NONE_CODE),
        "nonce": word,
        "cases": tuple(
            {"number": n, "text": text, "said": _said(pair, issue.id), "memos": tuple(several)}
            for n, (issue, text, several) in enumerate(zip(shown, texts, memos, strict=True), 1)
        ),
    }
    system, user = (templates.render(template, m, values).strip() for m in ("system", "user"))
    return Question((("system", system), ("user", user)), SCHEMA)


def _said(pair: Confusion, issue_id: str) -> str:
    """Who answered what, without names: those of people stay here."""
    answers = Counter[str]()
    for side, code in dict.fromkeys(
        said
        for dispute in pair.disputes
        if dispute.issue_id == issue_id
        for said in zip(dispute.who, dispute.codes, strict=True)
    ):
        who = "the model" if side == _MODEL else "a coder"
        answers[f"{who}: {'no code fits' if code == NONE_CODE else code}"] += 1
    return "; ".join(f"{said} ({n} times)" if n > 1 else said for said, n in answers.items()) + "."


def _answered(call: Call) -> list[Any]:
    """What stands in the list of rules; one entry that is none for an answer of no use."""
    if call.raw_response is None:
        return [None]
    answered = after_reasoning(read_raw(call.raw_response).text) or ""
    try:
        stated = find_objects(answered, ("rules",), call.finish_reason == "length")
    except Damaged:
        return [None]
    given = [item.value for item in stated.objects]
    if not given or (not stated.last_is_final and any(other != given[-1] for other in given)):
        return [None]
    rules = given[-1]["rules"]
    return rules if isinstance(rules, list) else [None]


def _read(given: dict[str, Any], pair: Confusion, book: Codebook, by: str) -> Draft | str:
    """The rule that was answered, or why it is none."""
    try:
        rule = _Rule.model_validate(given)
    except ValidationError:
        return "no rule"
    shown, text = shown_of(pair), " ".join(rule.text.split())
    others = {code for code in pair.codes if code not in (rule.code, NONE_CODE)}
    if rule.code not in pair.codes or rule.code == NONE_CODE or rule.to not in {"", *others}:
        return "names a code it was not asked about"
    if not rule.issues or not all(1 <= number <= len(shown) for number in rule.issues):
        return "names an issue it was not shown" if rule.issues else "rests on no issue"
    if not text or len(text) > LONGEST_RULE:
        return "is empty or too long"
    if _FREQUENCY.search(text):
        return "states a frequency"
    to = rule.to if rule.kind == "exclude" else ""
    issues = tuple(shown[number - 1] for number in sorted(set(rule.issues)))
    made = Draft(
        pair=pair.codes, kind=rule.kind, code=rule.code, to=to, text=text, issues=issues,
        shown=shown, settles=settled(pair, issues), disputes=len(pair.disputes), by=by,
    )  # fmt: skip
    code = book.by_id[rule.code]
    return "is in the codebook" if made.line in (*code.include, *code.exclude) else made
