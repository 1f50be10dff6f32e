"""Caps hold to the last cent, whatever happens on the way; a price is known or said not to be."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from asking import book, issue, study
from support.fault_server import FaultServer, Reply, completion, in_turn, refusal

from coder.errors import InputError, LimitReached, ModelError, UsageError
from coder.proposers.budget import FREE, Caps, find_price, money, spent_by
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.records import Status, Usage

PRICES = """
["openai:m"]
input = 1.0
cached_input = 0.1
output = 10.0
as_of = 2026-01-31
"""
COUNT = {"prompt_tokens": 1000, "completion_tokens": 100}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "prices.toml").write_text(PRICES)
    return tmp_path


def issues_to_code(n):
    """Issues that differ: the same text would be asked about only once."""
    return [issue(i, title=f"Cat {i} meows") for i in range(n)]


def session(folder, server, calls, caps, issues, **settings):
    """One session of a run whose earlier calls are ``calls``; what it proposed, and its end."""
    proposer = LLMProposer.open(study(folder, server.base_url, **settings), book(), [], caps)
    proposer.recall(list(calls))
    proposals, stop = [], None
    try:
        for proposal in proposer.propose(issues, calls.extend):
            proposals.append(proposal)
    except (LimitReached, ModelError) as error:
        stop = error
    return proposals, stop


def billed(requests: int) -> Decimal:
    return requests * bill(Usage(input_tokens=1000, output_tokens=100))


def bill(usage: Usage) -> Decimal:
    return (
        (usage.input_tokens - usage.cached_tokens) * Decimal(1)
        + usage.cached_tokens * Decimal("0.1")
        + usage.output_tokens * Decimal(10)
    ) / 1_000_000


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_cap_on_the_cost_holds_over_all_sessions(folder, concurrency):
    issues = issues_to_code(60)
    slow = Reply(body=completion(usage=COUNT).body, delay=0.01)
    server, calls, cap = FaultServer(in_turn(slow)), [], Decimal("0.0600")
    with server.running():
        for _ in range(3):
            proposals, stop = session(
                folder, server, calls, Caps(cost=cap), issues, concurrency=concurrency
            )
            assert isinstance(stop, LimitReached) and "--max-cost 0.06" in stop.message
            assert "raise the cap" in stop.hint
            assert billed(len(server.requests)) <= cap
            # Not always the first ones: what was refused may have answered ones behind it.
            done = {proposal.issue_id for proposal in proposals}
            issues = [issue for issue in issues if issue.id not in done]
        # Each request costs 0.002 and may cost 0.01 or so: not much of the cap is left unused.
        assert billed(len(server.requests)) > cap - Decimal("0.02")
        before = len(server.requests)
        proposals, stop = session(folder, server, calls, Caps(cost=1), issues)
        assert stop is None and len(server.requests) == before + len(issues) == 60
    assert len({call.issue_id for call in calls}) == 60


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_cap_on_requests_is_used_to_the_last_one_and_not_beyond(folder, concurrency):
    server, calls = FaultServer(in_turn(Reply(body=completion().body, delay=0.01))), []
    issues = issues_to_code(30)
    with server.running():
        first, stop = session(
            folder, server, calls, Caps(calls=11), issues, concurrency=concurrency
        )
        assert len(server.requests) == len(first) == 11
        assert all(p.status is Status.OK for p in first)
        assert stop.message == "--max-calls 11 is reached: the run has made 11"
        _, again = session(folder, server, calls, Caps(calls=11), issues[11:])
        assert again.message == stop.message and len(server.requests) == 11
        session(folder, server, calls, Caps(calls=13), [i for i in issues if i.id not in
                {p.issue_id for p in first}])  # fmt: skip
    assert len(server.requests) == 13 == spent_by(calls).calls


def test_a_cap_on_tokens_counts_input_and_output(folder):
    server, calls = FaultServer(in_turn(completion(usage=COUNT))), []
    with server.running():
        _, stop = session(folder, server, calls, Caps(tokens=20_000), issues_to_code(50))
    assert "--max-tokens 20,000" in stop.message
    assert 10_000 < 1100 * len(server.requests) <= 20_000


def test_requests_that_are_repeated_count_and_an_unanswered_issue_stays_pending(folder):
    server, calls = FaultServer(in_turn(completion(), refusal(500, retry_after="0.01"))), []
    with server.running():
        proposals, stop = session(
            folder, server, calls, Caps(calls=3), issues_to_code(9), concurrency=1,
            retries=9,
        )  # fmt: skip
    assert len(server.requests) == 3 and isinstance(stop, LimitReached)
    assert [p.issue_id for p in proposals] == ["i0"]


def test_an_answer_without_a_count_is_counted_at_its_worst_case(folder):
    server, calls = FaultServer(in_turn(completion(usage=None))), []
    with server.running():
        session(folder, server, calls, Caps(), [issue()])
    assert calls[0].usage is None
    assert calls[0].estimated.output_tokens == 800 and calls[0].estimated.input_tokens > 500
    assert (spent_by(calls).calls, spent_by(calls).estimated) == (1, 1)


def test_a_request_whose_connection_breaks_counts(folder):
    def script(_body, number):
        if not number:
            raise ConnectionResetError
        return completion()

    server, calls = FaultServer(script), []
    with server.running():
        session(folder, server, calls, Caps(), [issue()])
    assert calls[0].usage is not None and calls[0].attempts == 2
    assert calls[0].estimated.output_tokens == 800


def test_a_request_under_way_at_a_stop_counts(folder):
    server, calls = FaultServer(lambda _b, n: Reply(body=completion().body, delay=30 * n)), []
    proposer = LLMProposer.open(study(folder, server.base_url, timeout=60), book(), [])
    with server.running():
        stream = proposer.propose([issue(1), issue(2)], calls.extend)
        next(stream)
        deadline = time.monotonic() + 5
        while len(server.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        stream.close()
    answered, stopped = calls
    assert answered.estimated is None and stopped.raw_response is None
    assert stopped.estimated.output_tokens == 800


def test_a_server_that_dies_stops_the_run_and_leaves_the_rest_pending(folder):
    server = FaultServer(lambda _b, n: completion() if n < 3 else Reply(cut=True, body="xx"))
    calls, issues = [], issues_to_code(100)
    with server.running():
        proposals, stop = session(
            folder, server, calls, Caps(), issues, concurrency=1, retries=0, timeout=1.0
        )
    assert "5 issues in a row got no answer" in stop.message
    assert "wait until it answers" in stop.hint and len(server.requests) <= 8 + 1
    assert [p.status for p in proposals] == [Status.OK] * 3 + [Status.FAILED] * 4
    # What the last one may have cost is known all the same.
    assert spent_by(calls).calls >= 8


def test_failures_between_answers_do_not_stop_the_run(folder):
    server = FaultServer(lambda _b, n: completion() if n % 5 == 4 else refusal(500))
    with server.running():
        proposals, stop = session(
            folder, server, [], Caps(), issues_to_code(25), concurrency=1, retries=0
        )
    assert stop is None and len(proposals) == 25


def test_a_cap_on_the_cost_needs_a_price(tmp_path):
    with pytest.raises(UsageError, match="price of openai:m is unknown") as stopped:
        LLMProposer.open(study(tmp_path, "http://127.0.0.1:9/v1"), book(), [], Caps(cost=1))
    assert "prices.toml" in stopped.value.hint


def test_prices_come_from_the_study_then_from_the_package(tmp_path):
    shipped = find_price(tmp_path, "openai:gpt-4.1-mini")
    assert shipped.as_of.year >= 2025 and 0 < shipped.cached_input < shipped.input < shipped.output
    assert find_price(tmp_path, "ollama:llama3", "http://x/v1") == FREE
    assert find_price(tmp_path, "openai:nobody-knows") is None
    assert find_price(tmp_path, "openai:gpt-4.1-mini", "http://elsewhere/v1") is None
    (tmp_path / "prices.toml").write_text(
        '["openai:gpt-4.1-mini"]\ninput = 3\noutput = 0.1\nas_of = 2026-02-01\n'
    )
    own = find_price(tmp_path, "openai:gpt-4.1-mini", "http://elsewhere/v1")
    assert (own.input, own.cached_input, own.output) == (3, 3, Decimal("0.1"))
    used = Usage(input_tokens=1_000_000, cached_tokens=2, output_tokens=3)
    assert own.of(used) == Decimal("3.0000003")


def test_cached_input_is_cheaper_and_never_more_than_the_input(folder):
    price = find_price(folder, "openai:m")
    assert price.of(Usage(input_tokens=100, cached_tokens=60)) == Decimal("0.000046")
    assert price.of(Usage(input_tokens=100, cached_tokens=600)) == Decimal("0.00001")


@pytest.mark.parametrize(
    ("text", "words"),
    [("[x", "is not valid TOML"), ("x = 1", "'x' is not a price"), ("[x]\ninput = 1", "as_of"),
     ("[x]\ninput=-1\noutput=1\nas_of=2026-01-01", "input"),
     ("[x]\ninput=1\noutput=1\nas_of=2026-01-01\nprice=3", "price")],
)  # fmt: skip
def test_a_bad_price_table_is_named(text, words, tmp_path):
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        find_price(tmp_path, "x")


def test_an_unknown_price_is_never_shown_as_nothing():
    assert money(None) == "unknown"
    assert money(Decimal("0.00001")) == "under USD 0.0001"
    assert (money(Decimal(0)), money(Decimal("1234.5"))) == ("USD 0", "USD 1,234.5000")
