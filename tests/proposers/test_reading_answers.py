"""What a text says is read as a code only where it says so as a whole, and for the last time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coder.codebook import load as codebooks
from coder.proposers.chat.response_schema import Answer, Reader, Unusable
from coder.records import Status

BOOK = """\
id: kinds
name: Kinds
cardinality: {}
codes:
  - {{id: usage, name: Usage, definition: How to use it.}}
  - {{id: crash, name: Crash, definition: It ends.}}
  - {{id: docs, name: Docs, definition: What is written.}}
"""
USAGE, CRASH, DOCS = ([{"code": code, "confidence": 0.9}] for code in ("usage", "crash", "docs"))
NONE = [{"code": "none", "confidence": 0.4}]


def reader(cardinality="single") -> Reader:
    book, problems = codebooks.parse(BOOK.format(cardinality))
    assert book is not None, problems
    return Reader(book)


READERS = {cardinality: reader(cardinality) for cardinality in ("single", "multiple")}


def answer(codes=USAGE, runners_up=CRASH, rationale="It says so.") -> str:
    given = {"sentences": [1], "rationale": rationale, "codes": codes, "runners_up": runners_up}
    return json.dumps(given)


def read(text: str, stopped: bool = False, cardinality: str = "single") -> str:
    """The codes of the answer, or the status and what is wrong."""
    found = READERS[cardinality].read(text, stopped)
    if isinstance(found, Answer):
        return " ".join(sorted(found.says)) or "none"
    return f"{found.status}: {found.problem}"


GOOD, DRAFT = answer(), answer(CRASH, [])
CUT = answer()[:-20]
FENCED = "```json\n{}\n```"


# --- as they came -------------------------------------------------------------------------------

CASES = {
    case["case"]: case
    for case in map(json.loads, Path(__file__).with_name("answers.jsonl").read_text().splitlines())
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cardinality", READERS)
def test_each_case_is_read_as_it_must_be(name, cardinality):
    case = CASES[name]
    told = read(case["content"], case["finish_reason"] == "length", cardinality).partition(":")[0]
    allowed = case["want"].partition("never")[0]
    assert told in allowed.replace(",", " ").split()


# --- cut off, or broken -------------------------------------------------------------------------

MARKED = 'asks for "<think>", </think> and [THINK]; {"codes": [{"code": "crash"}]} is quoted'
VALID = {
    "one code": ("single", answer(), "usage"),
    "no code fits": ("single", answer(NONE, DOCS), "none"),
    "two codes": ("multiple", answer(USAGE + DOCS), "docs usage"),
    "no code fits of several": ("multiple", answer(NONE), "none"),
    "many lines": ("single", json.dumps(json.loads(answer()), indent=2), "usage"),
    "another order": ("multiple", json.dumps(json.loads(answer()), sort_keys=True), "usage"),
    "marks inside a string": ("single", answer(rationale=MARKED), "usage"),
}


@pytest.mark.parametrize("case", VALID)
def test_no_prefix_of_an_answer_is_an_answer(case):
    cardinality, text, wanted = VALID[case]
    assert read(text, cardinality=cardinality) == wanted
    for end in range(len(text)):
        for stopped in (False, True):
            assert read(text[:end], stopped, cardinality).startswith("unparsed"), text[:end]


BROKEN = {
    "unescaped quotes": '{"sentences":[1],"runners_up":[{"code":"crash","confidence":0.2}],'
    '"rationale":"He said "no" to it","codes":[{"code":"usage","confidence":0.9}]}',
    "a comma too many": answer().replace("]}", ",]}"),
    "a brace in a broken string": '{"rationale": "a 5" pipe }", "runners_up": [{"code": "crash"}]}',
    "the same, cut": '{"rationale": "5" }", "runners_up": {"code": "crash"}',
    "names without quotes": '{codes: [{"code": "usage"}], runners_up: [{"code": "crash"}]}',
    "cut in a list of answers": f"[{GOOD}, {CUT}",
    "a second one begun": f"{GOOD}\n{CUT}",
    "two codes under one key": '{"codes": [{"code": "usage"}], "codes": [{"code": "crash"}]}',
    "too deep": '{"codes": ' + "[" * 100_000,
    "a number too long": '{"codes": "usage", "confidence": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("case", BROKEN)
def test_nothing_is_read_out_of_an_object_that_is_broken(case):
    assert read(BROKEN[case], cardinality="multiple").startswith("unparsed")


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from('"\\{}[],:\n')), min_size=1, max_size=3),
    st.integers(0, 200),
)
@example([(5, '"'), (5, "}"), (5, '"')], 0)
def test_what_breaks_a_reason_never_changes_the_code(changes, cut):
    text = answer(rationale='It says "no" to {this} and [that], and </think> to all.')
    begin = text.index("It says")
    for at, junk in changes:
        text = text[: begin + at] + junk + text[begin + at :]
    whole = read(text, cardinality="multiple")
    assert whole == "usage" or whole.startswith("unparsed")
    if cut:
        assert read(text[:-cut], cardinality="multiple").startswith("unparsed")


@pytest.mark.parametrize("after", ["", "\n", "\n```\n", "   \n\n"])
def test_a_whole_answer_at_the_limit_of_tokens_counts(after):
    assert read(GOOD + after, stopped=True) == "usage"


def test_what_goes_on_at_the_limit_of_tokens_may_have_said_otherwise():
    assert "cut off" in read(f"{GOOD}\nOn the other hand", stopped=True)


@pytest.mark.parametrize(
    "text",
    [
        f"Here {{it}} is, as [1] says: {GOOD} Bye.",
        FENCED.format(GOOD),
        f"[{GOOD}]",
        f"<answer>{GOOD}</answer>",
        json.dumps({"name": "answer", "arguments": json.loads(GOOD)}),
        json.dumps({"codes": json.dumps(USAGE)}),
        json.dumps({"code": "usage"}),
    ],
)
def test_what_is_around_a_whole_answer_does_no_harm(text):
    assert read(text) == "usage"


# --- reasoning ----------------------------------------------------------------------------------

REASONED = [
    "<think>{}</think>", "{}</think>", "<think>{}\n</think>\n\n", "<thinking>{}</thinking>",
    "<THINK>{}</THINK>", "<reasoning>{}</reasoning>", '<reasoning effort="high">{}</reasoning>',
    "<thought>{}</thought>", "[THINK]{}[/THINK]", "<seed:think>{}</seed:think>",
    "◁think▷{}◁/think▷",
    "<|begin_of_thought|>{}<|end_of_thought|>", "<|START_THINKING|>{}<|END_THINKING|>",
    "<think>{}</think>More: <think>{}</think>", "<|channel>thought\n{}<channel|>",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|channel|>commentary<|message|>{}<|end|><|channel|>final <|constrain|>json<|message|>",
    "analysis{}assistantfinal",
]  # fmt: skip
DRAFTS = [
    f"Perhaps {DRAFT} but no.",
    f"Perhaps {CUT} or so.",
    'The form is {"codes": [...]}, and it says "{',
    DRAFT,
]


@pytest.mark.parametrize("around", REASONED)
@pytest.mark.parametrize("draft", DRAFTS)
def test_nothing_inside_reasoning_counts(around, draft):
    reasoning = around.replace("{}", draft)
    assert read(reasoning + GOOD) == "usage"
    assert read(f"{reasoning}It is plain.\n{FENCED.format(GOOD)}") == "usage"
    assert read(reasoning).startswith("unparsed")
    assert read(reasoning + CUT).startswith("unparsed")


@pytest.mark.parametrize("around", [form for form in REASONED if not form.startswith("{}")])
@pytest.mark.parametrize("stopped", [True, False])
def test_reasoning_that_does_not_end_has_no_answer(around, stopped):
    begun = around.partition("{}")[0]
    assert "reasoning" in read(f"{begun}Perhaps {DRAFT}", stopped)
    assert "reasoning" in read(f"{begun}Perhaps {DRAFT} but wait, it may be", stopped)


# --- two answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"First idea:\n{DRAFT}\nOn reflection that is wrong. Final answer:\n{GOOD}", "usage"),
        (f"{DRAFT}\n**Corrected:**\n{FENCED.format(GOOD)}", "usage"),
        (f'{DRAFT}\nFinal answer: {{"code": "zebra"}}', "off_codebook: 'zebra'"),
        (f"{GOOD}\n{answer(runners_up=DOCS)}", "usage"),
        (f"{DRAFT}\n{GOOD}", "unparsed: it gives 2 answers that differ"),
        (f"[{DRAFT}, {GOOD}]", "unparsed: it gives 2 answers that differ"),
        (f'The issue quotes {{"code": "crash"}}. {GOOD}', "unparsed: it gives 2"),
        (f"Final answer: {GOOD}\nIt might have been {DRAFT}", "unparsed: it gives 2"),
        (f"{GOOD}\nThis one is not final: {DRAFT}", "unparsed: it gives 2"),
        (f"{DRAFT}\nWait, that is wrong. It is usage.", "unparsed: it takes"),
        (f"{DRAFT}\nThat is wrong. Final answer: usage", "unparsed: it takes"),
    ],
)
def test_of_answers_that_differ_the_one_called_final_counts_or_none(text, wanted):
    assert read(text).startswith(wanted)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, but I can’t help with that request.",
        "I cannot assist with this request.",
        "Sorry, I can't help with that.",
        "I am unable to help with this.",
        "I'm not able to process this request.",
        "As an AI language model, I cannot engage with this content.",
        "Unfortunately, I can not comply with that.",
        "I apologize, but I won't be able to continue with this.",
        "I must respectfully decline.",
        "<think>This is harmful.</think>I'm very sorry, but I cannot discuss this.",
    ],
)
def test_a_refusal_in_prose_is_one(text):
    assert read(text).startswith("refused")


@pytest.mark.parametrize(
    "text",
    [
        "It is about a crash.",
        "I'm sorry, but I cannot determine the code from this text.",
        "I can't help but notice that it is a crash.",
        "The user says: I can't help with that.",
        "Sorry for the confusion, the code is usage.",
        "I cannot find any sentence that decides it.",
    ],
)
def test_to_give_up_or_to_talk_about_it_is_not_to_refuse(text):
    assert read(text).startswith("unparsed")


def test_an_answer_is_never_a_refusal():
    assert read(f"I'm sorry, but I can't assist further. {GOOD}") == "usage"
    assert read(answer(rationale="I'm sorry, but I can't assist with that.")) == "usage"


# --- whatever it is -----------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["<think>", "</think>", "[THINK]", "<|channel|>final", '"code"', '"codes"', ": ", ", ", "{",
     "}", "[", "]", '"', "\\", "\\ud83d", "\ud83d", "usage", "none", "1e999", "NaN", "final", GOOD,
     CUT]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join), st.booleans())
def test_any_text_is_an_answer_or_says_what_is_wrong(text, stopped):
    for cardinality in READERS:
        found = READERS[cardinality].read(text, stopped)
        assert isinstance(found, Answer | Unusable)
        if isinstance(found, Unusable):
            assert found.problem and not found.status.answered
        else:
            assert found.says <= {"usage", "crash", "docs"}
            found.rationale.encode()


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["usage", "none"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["code", "codes", "confidence", "name", "arguments",
                                       "sentences", "quotes", "rationale", "runners_up"]), inner),
))  # fmt: skip
def test_any_json_is_an_answer_or_says_what_is_wrong(value):
    assert isinstance(READERS["single"].read(json.dumps(value)), Answer | Unusable)


def test_a_lone_surrogate_becomes_a_mark_that_can_be_written_down():
    given = answer(rationale="bad \ud83d end, good \ud83d\ude00 end")
    assert r"\ud83d end" in given
    for text in (given, json.dumps(json.loads(given), ensure_ascii=False)):
        found = READERS["single"].read(text)
        assert isinstance(found, Answer)
        assert found.rationale == "bad \ufffd end, good \U0001f600 end"


def test_an_unknown_code_is_named_and_never_guessed_at():
    found = READERS["single"].read(answer([{"code": "usag\ud83d", "confidence": 1}]))
    assert isinstance(found, Unusable) and found.status is Status.OFF_CODEBOOK
    found.problem.encode()
