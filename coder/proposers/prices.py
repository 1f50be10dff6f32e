"""What tokens cost: a dated table that users can edit. A price that is not in it is unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from coder.addresses import LOCAL_SERVERS
from coder.errors import InputError
from coder.files.reading import read_toml
from coder.files.resources import PACKAGE
from coder.records import Record, Usage

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
