"""The base of all records: frozen models, canonical JSON, content hashes, and estimates."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from coder.escaping import json_text


class Record(BaseModel):
    """Base of every record: immutable, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> str:
        """The record as a line of a file, without the newline."""
        return json_line(self.model_dump(mode="json"))


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces, non-ASCII kept as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def json_line(value: Any) -> str:
    """Canonical JSON as it is written to files: any text in it is UTF-8, and none moves a cursor or
    ends a line. The same value as ``canonical_json``, which is what hashes are over."""
    return json_text(canonical_json(value))


def content_hash(tag: str, value: Any) -> str:
    """SHA-256 (hex) of canonical JSON, prefixed with ``tag`` so different kinds never collide."""
    payload = f"{tag}\0{canonical_json(value)}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(payload).hexdigest()


def now() -> datetime:
    """The current time in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Estimate(Record):
    """A statistic with its interval; ``value`` is ``None`` with the reason in ``note`` when it is
    undefined, never 0 or 1 instead."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""
