"""Prices of tokens, what a run has spent, and the caps on it.

Prices are a dated table that users can edit; one that is not in it is unknown. A request is sent
only if its worst case fits.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from coder.addresses import LOCAL_SERVERS
from coder.errors import InputError, LimitReached, UsageError
from coder.files.reading import read_toml
from coder.files.resources import PACKAGE
from coder.records import Call, Record, Usage
from coder.text.spelling import plural

FILE = "prices.toml"
_PER = 1_000_000


class Price(Record):
    """USD per million tokens; ``as_of`` is the day the provider listed it, ``None`` if it is free.

    Decimals, so that sums are exact to the last cent.
    """

    input: Decimal = Field(ge=0)
    cached_input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    as_of: date | None = None

    def of(self, usage: Usage) -> Decimal:
        """What ``usage`` costs, in USD."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        fresh = usage.input_tokens - cached
        total = fresh * self.input + cached * self.cached_input + usage.output_tokens * self.output
        return total / _PER


FREE = Price(input=Decimal(0), cached_input=Decimal(0), output=Decimal(0))
"""Of a server of one's own."""


def find_price(root: Path, model: str, base_url: str = "") -> Price | None:
    """The price of ``provider:model`` in the study at ``root``; ``None`` when it is unknown.

    The shipped prices are those of the providers' own services, so they do not hold for a model at
    a ``base_url``; the study's prices.toml does. Raises ``InputError`` when that cannot be read.
    """
    own = _read(root / FILE)
    if model in own:
        return own[model]
    if model.partition(":")[0] in LOCAL_SERVERS:
        return FREE
    return None if base_url else _read(PACKAGE / FILE).get(model)


def money(amount: Decimal | float | None) -> str:
    """USD as people read it; an unknown price is said to be unknown, never 0."""
    if amount is None:
        return "unknown"
    if 0 < amount < Decimal("0.0001"):
        return "under USD 0.0001"
    return f"USD {amount:,.4f}" if amount else "USD 0"


def _read(path: Path) -> dict[str, Price]:
    table = read_toml(path, parse_float=Decimal)
    return {model: _price(path, model, entry) for model, entry in table.items()}


def _price(path: Path, model: str, entry: Any) -> Price:
    try:
        fields = {"cached_input": entry["input"], **entry}
        return Price.model_validate({**fields, "as_of": fields["as_of"]})
    except (KeyError, TypeError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
        raise InputError(
            f"{path}: the entry {model!r} is not a price ({problem})",
            'an entry is ["provider:model"] with input, output and as_of, in USD per million '
            "tokens; cached_input may be left out",
        ) from None


@dataclass(frozen=True)
class Caps:
    """How much a run may spend in all its sessions together; ``None`` is no limit."""

    cost: Decimal | None = None
    """In USD."""
    tokens: int | None = None
    """Input and output together."""
    calls: int | None = None
    """Requests, repeated ones too."""


NO_CAPS = Caps()


@dataclass(frozen=True)
class Spent:
    """What requests used. ``estimated`` of the calls hold a worst case for want of a count, and of
    ``cut`` ones the server did not read the whole prompt."""

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    estimated: int = 0
    cut: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.calls + other.calls,
            total([self.usage, other.usage]),
            self.estimated + other.estimated,
            self.cut + other.cut,
        )

    @property
    def tokens(self) -> int:
        return self.usage.input_tokens + self.usage.output_tokens


def total(usages: Iterable[Usage]) -> Usage:
    """The sum of ``usages``."""
    found = list(usages)
    return Usage(
        input_tokens=sum(u.input_tokens for u in found),
        output_tokens=sum(u.output_tokens for u in found),
        cached_tokens=sum(u.cached_tokens for u in found),
    )


def spent_by(calls: Iterable[Call]) -> Spent:
    """What saved calls used."""
    return sum((_spent(call) for call in calls), Spent())


def in_words(spent: Spent, cost: Decimal | float | None, as_of: date | None) -> str:
    """Calls, tokens and cost on one line; ``as_of`` is the day the prices are of."""
    usage = spent.usage
    said = (
        f"{plural(spent.calls, 'call')}, "
        f"{usage.input_tokens:,} input tokens ({usage.cached_tokens:,} of them cached), "
        f"{usage.output_tokens:,} output tokens, cost {money(cost)}"
    )
    if as_of is not None:
        said += f" (prices of {as_of})"
    if spent.estimated:
        said += f"; {spent.estimated:,} without a count are in it at their worst case"
    if spent.cut:
        said += f"; the server did not read the whole prompt of {plural(spent.cut, 'call')}"
    return said


def _spent(call: Call) -> Spent:
    known = [usage for usage in (call.usage, call.estimated) if usage and usage.believable]
    return Spent(call.attempts, total(known), int(call.estimated is not None), call.prompt_cut)


class Meter:
    """Counts what a run spends and holds it under its caps.

    Used from one thread at a time: told of earlier calls before the first request is sent, then
    only on the network's thread.
    """

    def __init__(self, caps: Caps, price: Price | None, model: str) -> None:
        """Raises ``UsageError`` for a cap on the cost of a model whose price is unknown."""
        if caps.cost is not None and price is None:
            raise UsageError(
                f"the price of {model} is unknown, so --max-cost cannot be held",
                f"add its price to {FILE} in the study folder, or use --max-tokens",
            )
        self._caps = caps
        self._price = price
        self._spent = Spent()
        self._held: dict[Account, Usage] = {}
        self._settled = asyncio.Event()
        self._stop: LimitReached | None = None
        self._understated = 1.0

    def add(self, calls: Iterable[Call]) -> None:
        """Count what these calls of an earlier session used."""
        self._spent += spent_by(calls)

    def account(self, worst: Usage) -> Account:
        """An account for one call, each of whose requests uses ``worst`` at most."""
        return Account(self, worst)

    async def reserve(self, account: Account) -> None:
        """Set the worst case of a request aside, waiting for room that others may leave.

        Raises ``LimitReached`` when it does not fit though nothing else is under way, and from
        then on: after a stop no request is sent.
        """
        while self._stop is None:
            # A server that counts more than we do is believed from its first answer on.
            tokens = math.ceil(account.worst.input_tokens * self._understated)
            worst = account.worst.model_copy(update={"input_tokens": tokens})
            problem = self._exceeded(worst)
            if problem is None:
                self._held[account] = worst
                return
            if self._held:
                await self._settled.wait()
            else:
                self._stop = LimitReached(
                    problem, "raise the cap and run the same command again; every answer is kept"
                )
        raise self._stop

    def settle(self, account: Account, usage: Usage | None) -> Usage:
        """Replace a reservation by what the request used; by its worst case if nobody knows."""
        worst = self._held.pop(account)
        used = usage or worst
        self._spent += Spent(1, used)
        if account.worst.input_tokens:
            ratio = used.input_tokens / account.worst.input_tokens
            self._understated = max(self._understated, ratio)
        self._settled.set()
        self._settled = asyncio.Event()
        return used

    def release(self, account: Account) -> None:
        """Drop a reservation: nothing was sent."""
        self._held.pop(account)
        self._settled.set()
        self._settled = asyncio.Event()

    def _exceeded(self, worst: Usage) -> str | None:
        """Which cap one more request could break, in words."""
        caps, price = self._caps, self._price
        if caps == NO_CAPS:
            return None
        then = self._spent + Spent(len(self._held) + 1, total([*self._held.values(), worst]))
        if caps.calls is not None and then.calls > caps.calls:
            return f"--max-calls {caps.calls:,} is reached: the run has made {self._spent.calls:,}"
        if caps.tokens is not None and then.tokens > caps.tokens:
            next_one = worst.input_tokens + worst.output_tokens
            return (
                f"--max-tokens {caps.tokens:,} is reached: the run has used "
                f"{self._spent.tokens:,}, and the next request may use {next_one:,}"
            )
        if caps.cost is not None and price is not None and price.of(then.usage) > caps.cost:
            return (
                f"--max-cost {caps.cost} is reached: the run has spent "
                f"{money(price.of(self._spent.usage))}, and the next request may cost "
                f"{money(price.of(worst))}"
            )
        return None


class Account:
    """The requests of one call, one after the other."""

    def __init__(self, meter: Meter, worst: Usage) -> None:
        self._meter = meter
        self.worst = worst
        self.attempts = 0
        self.estimated: Usage | None = None
        """What the requests used of which no count came back."""
        self.given_up = 0
        """How many of the requests were stragglers."""

    async def reserve(self) -> None:
        """To be called before each request. Raises ``LimitReached``."""
        await self._meter.reserve(self)
        self.attempts += 1

    def release(self) -> None:
        """To be called instead of ``settle`` where nothing was sent: that is no request."""
        self._meter.release(self)
        self.attempts -= 1

    def settle(self, usage: Usage | None) -> None:
        """To be called after each request; ``None`` if what it used is not known."""
        used = self._meter.settle(self, usage)
        if usage is None:
            self.estimated = total([self.estimated or Usage(), used])
