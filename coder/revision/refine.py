"""Sharpens a codebook: accepted border rules become lines of its file, and so its next version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from coder.codebook import load as codebooks
from coder.errors import CodebookError, UsageError
from coder.files.atomic_write import write_atomically
from coder.files.reading import read_text
from coder.records import Codebook, Issue
from coder.records.refinement import Confusion, Draft, HeldOut, Verdict
from coder.retrieval.embedders import Encoder, Vectors, encode_texts
from coder.retrieval.novelty import word_vectors
from coder.retrieval.search import Text
from coder.storage.journal import Journal
from coder.storage.run import Run
from coder.text.structure import prose

FOLDER = "refine"
NEIGHBOURS = 3
"""Pairs of contrasting issues that are shown of two codes."""
MOST_COMPARED = 200
"""Issues of a code that are looked through for those."""


@dataclass(frozen=True)
class Contrast:
    """Two issues that are alike and have different codes; ``similarity`` is their cosine."""

    one: Issue
    other: Issue
    similarity: float


def verdicts(run: Run) -> Journal[Verdict]:
    """What people decided about drafts, in the order they did."""
    return Journal(run.path / FOLDER / "verdicts.jsonl", Verdict)


def hold_outs(run: Run) -> Journal[HeldOut]:
    """The draw of issues that no rule is drafted from; the first one holds."""
    return Journal(run.path / FOLDER / "held-out.jsonl", HeldOut)


def accepted(given: Iterable[Verdict]) -> list[Draft]:
    """The rules that stand: of each draft what was decided last."""
    last = {verdict.draft: verdict for verdict in given}
    return [verdict.rule for verdict in last.values() if verdict.action != "reject"]


def to_write(pair: Confusion, shown: Sequence[str], settles: int) -> Draft:
    """A rule for ``pair`` that a person is to write, by the issues ``shown``."""
    code = pair.codes[0]
    return Draft(
        pair=pair.codes, kind="exclude", code=code, text="", issues=tuple(shown),
        shown=tuple(shown), settles=settles, disputes=len(pair.disputes),
    )  # fmt: skip


def contrasts(
    run: Run, pair: Confusion, coded: Mapping[str, Sequence[str]], encoder: Encoder | None
) -> list[Contrast]:
    """The nearest issues across two codes, each once, nearest first; none that share nothing."""
    sides = [[run.issues[i] for i in coded.get(code, ())][:MOST_COMPARED] for code in pair.codes]
    if not all(sides):
        return []
    texts = [Text(issue.title, prose(issue)) for side in sides for issue in side]
    vectors: Vectors = (
        encode_texts(encoder, texts) if encoder else word_vectors([text.whole for text in texts])
    )
    left, right = sides
    cosine = vectors[: len(left)] @ vectors[len(left) :].T
    order = sorted(
        ((round(float(cosine[i, j]), 6), i, j)
         for i in range(len(left)) for j in range(len(right))),
        key=lambda found: (-found[0], *found[1:]),
    )  # fmt: skip
    found: list[Contrast] = []
    used: set[str] = set()
    for similarity, i, j in order:
        if similarity > 0 and not used & {left[i].id, right[j].id}:
            used |= {left[i].id, right[j].id}
            found.append(Contrast(left[i], right[j], similarity))
        if len(found) == NEIGHBOURS:
            break
    return found


def open_rules(book: Codebook, rules: Iterable[Draft]) -> list[Draft]:
    """Those of ``rules`` that ``book`` does not hold yet. Raises ``UsageError`` for one about a
    code that it does not have."""
    found = []
    for rule in rules:
        if rule.code not in book.by_id:
            raise UsageError(
                f"an accepted rule is about code {rule.code!r}, which {book.id} {book.version} "
                "does not have",
                "refine a run that was made with, or migrated to, the codebook of now",
            )
        if rule.line not in getattr(book.by_id[rule.code], rule.kind):
            found.append(rule)
    return found


def write_rules(path: Path, rules: Sequence[Draft]) -> None:
    """Add ``rules`` to the codebook in ``path`` and leave every other character as it is.

    Raises ``CodebookError`` where that cannot be done; the file is then as it was.
    """
    before = codebooks.load(path)
    text = read_text(path)
    expected = before
    for rule in rules:
        text = _with_line(text, rule)
        code = expected.by_id[rule.code]
        lines: dict[str, object] = {rule.kind: (*getattr(code, rule.kind), rule.line)}
        changed = [c.model_copy(update=lines) if c.id == rule.code else c for c in expected.codes]
        expected = expected.changed(codes=tuple(changed))
        made, _ = codebooks.parse(text)
        if made is None or made.hash != expected.hash:
            raise CodebookError(
                f"a rule of {rule.code!r} cannot be added to {path} in place",
                f"write it by hand under {rule.kind}: {rule.line}",
            )
    write_atomically(path, text)


def _with_line(text: str, rule: Draft) -> str:
    # JSON's strings are YAML's, whatever stands in them.
    line = json.dumps(rule.line, ensure_ascii=False)
    code = _code_node(yaml.compose(text, yaml.SafeLoader), rule.code)
    if code is None:
        return text
    fields = {key.value: (key, value) for key, value in code.value}
    if rule.kind in fields:
        _, value = fields[rule.kind]
        if not isinstance(value, yaml.SequenceNode):
            return text
        if value.flow_style:
            comma = ", " if value.value else ""
            at = value.end_mark.index - 1
            return f"{text[:at].rstrip()}{comma}{line}{text[at:]}"
        if not value.value:
            return text
        last = value.value[-1]
        dash = value.start_mark.column
        return _below(text, last, " " * dash + f"- {line}")
    if code.flow_style:
        at = code.end_mark.index - 1
        return f"{text[:at].rstrip().rstrip(',')}, {rule.kind}: [{line}]{text[at:]}"
    key, value = fields["definition"]
    indent = " " * key.start_mark.column
    return _below(text, value, f"{indent}{rule.kind}:\n{indent}  - {line}")


def _below(text: str, node: Any, lines: str) -> str:
    """``text`` with ``lines`` after the line that ``node`` ends on."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = lines.replace("\n", newline) + newline
    end = node.end_mark.index
    # A block of text ends where the next line begins.
    at = end if node.end_mark.column == 0 else text.find("\n", end) + 1 or len(text)
    if at == len(text) and not text.endswith("\n"):
        return text + newline + lines
    return text[:at] + lines + text[at:]


def _code_node(root: Any, code_id: str) -> Any:
    """The mapping that defines a code, however deep it stands."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            fields = {key.value: value for key, value in node.value}
            if node is not root and getattr(fields.get("id"), "value", None) == code_id:
                return node
            waiting += [fields[name] for name in ("codes", "children") if name in fields]
    return None
