"""Journals rewritten for a package: people under other names, issues without their words."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from coder.files.reading import lines
from coder.records import json_line
from coder.storage.journal import GENESIS

Fields = dict[str, Any]
Change = Callable[[Fields], Fields]

_WHO = re.compile(r"(--(?:rater|by|labels)[ =])([^\s\"']+)")
LEFT_OUT = "[the text of {id} is left out]"


def changed(aliases: Mapping[str, str], *, text: bool) -> Change | None:
    """What has to be done to every line; ``None`` when nothing has."""
    if not aliases:
        return None if text else without_text
    if text:
        return lambda fields: renamed(fields, aliases)
    return lambda fields: without_text(renamed(fields, aliases))


def rewrite(source: Path, target: Path, change: Change) -> None:
    """Every line of ``source`` changed, in ``target``; where each told the hash of the one before,
    it tells that of the changed one."""
    previous = GENESIS
    with source.open("rb") as file, target.open("wb") as out:
        for line in lines(file):
            fields = json.loads(line)
            is_chained = fields.pop("prev", None) is not None
            fields = change(fields)
            if is_chained:
                fields["prev"] = previous
            made = json_line(fields).encode("utf-8")
            previous = hashlib.sha256(made).hexdigest()
            out.write(made + b"\n")


def renamed(fields: Fields, aliases: Mapping[str, str]) -> Fields:
    """A record in which people go by their ``aliases``, wherever it says who."""
    found = dict(fields)
    for key in ("rater", "by"):
        if isinstance(who := found.get(key), str):
            found[key] = aliases.get(who, who)
    if isinstance(judged := found.get("judged"), dict):
        found["judged"] = {aliases.get(who, who): codes for who, codes in judged.items()}
    if isinstance(who := found.get("who"), list):
        found["who"] = [aliases.get(one, one) for one in who]
    return found


def without_names(command: str, aliases: Mapping[str, str]) -> str:
    """Commands in which people go by their ``aliases``, where an option says who."""
    return _WHO.sub(lambda found: found[1] + aliases.get(found[2], found[2]), command)


def without_text(fields: Fields) -> Fields:
    """A record without the words of an issue: what names, dates and counts it stays."""
    found = dict(fields)
    if isinstance(issue := found.get("issue"), dict):
        found["issue"] = _wordless(issue)
    if "body" in found and "title" in found:
        found = _wordless(found)
    if isinstance(evidence := found.get("evidence"), list):
        found["evidence"] = [{**one, "quote": ""} for one in evidence]
    return found


def _wordless(issue: Fields) -> Fields:
    # Two issues must not look like one another, nor be empty.
    return {**issue, "title": LEFT_OUT.format(id=issue["id"]), "body": "", "comments": []}
