"""A crosswalk: what each code of one codebook is in another; read from YAML, and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import yaml

from coder.codebook.load import is_id
from coder.codebook.writing import dump
from coder.codebook.yaml_nodes import Entry, Problem, Problems, compose, mapping, scalar
from coder.errors import InputError
from coder.files.reading import read_text
from coder.records import Codebook, Record

_KEYS = {"from", "to", "links"}
_SIDE_KEYS = {"codebook", "version"}
_LINK_KEYS = {"from", "to", "relation", "note", "by", "checked"}
HEAD = """\
# What each code of {left} is in {right}.
#
# relation: same      both codes mean the same issues
#           narrower  `from` is part of what `to` means: all of its issues belong to `to`
#           broader   `to` is part of what `from` means
#           related   they share issues, and neither holds the other
#           none      there is nothing like it; only one of `from` and `to` is given
# Labels are translated along same and narrower alone. A code without a link takes part in those of
# the codes above it. `by` says who or what drafted a link, `checked` who has looked at it since.
"""


class Relation(StrEnum):
    """What the left code is to the right one."""

    SAME = "same"
    BROADER = "broader"
    NARROWER = "narrower"
    RELATED = "related"
    NONE = "none"

    @property
    def reversed(self) -> Relation:
        turned = {Relation.BROADER: Relation.NARROWER, Relation.NARROWER: Relation.BROADER}
        return turned.get(self, self)


class Link(Record):
    """One code of each codebook, or of one alone where ``relation`` is none; ids of codes."""

    left: str = ""
    right: str = ""
    relation: Relation
    note: str = ""
    by: str = ""
    """Who or what drafted it."""
    checked: str = ""
    """Who has looked at it since."""


class Side(Record):
    """The codebook, and the version of it, that links are about."""

    codebook: str
    version: str = ""


class Crosswalk(Record):
    """Links from the codes of ``left`` to those of ``right``, in the order of their file."""

    left: Side
    right: Side
    links: tuple[Link, ...] = ()

    @cached_property
    def of_left(self) -> Mapping[str, tuple[Link, ...]]:
        """The links of each left code."""
        found: dict[str, list[Link]] = {}
        for link in self.links:
            if link.left:
                found.setdefault(link.left, []).append(link)
        return {code: tuple(links) for code, links in found.items()}

    def reversed(self) -> Crosswalk:
        """The same links the other way."""
        links = tuple(
            link.model_copy(
                update={
                    "left": link.right, "right": link.left, "relation": link.relation.reversed
                }
            )
            for link in self.links
        )  # fmt: skip
        return Crosswalk(left=self.right, right=self.left, links=links)


@dataclass(frozen=True)
class Read:
    """A crosswalk as it was read, and the line of each of its links."""

    crosswalk: Crosswalk
    lines: tuple[int, ...]


def load(path: Path) -> Read:
    """The crosswalk in ``path``. Raises ``InputError`` with the first problem's ``file:line``."""
    found, problems = parse(read_text(path))
    if found is None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(
            f"{path}:{first.line}: {first.message}{more}",
            f"see all problems with: coder codebook map --check {path}",
        )
    return found


def parse(text: str) -> tuple[Read | None, list[Problem]]:
    """The crosswalk in a text, or ``None`` and every problem found in how it is written; what its
    codes are is for :mod:`coder.codebook.crosswalk_check`."""
    root = compose(text, "a crosswalk is a mapping with from, to and links")
    if isinstance(root, Problem):
        return None, [root]
    problems = Problems()
    whole = mapping(root, _KEYS, "crosswalk", problems)
    for key in sorted(_KEYS - whole.fields.keys()):
        problems.at(1, f"the crosswalk has no {key!r}")
    if problems:
        return None, problems
    left, right = (_side(whole, key, problems) for key in ("from", "to"))
    node = whole.fields["links"]
    links: list[Link] = []
    lines: list[int] = []
    if not isinstance(node, yaml.SequenceNode):
        problems.at(whole.lines["links"], "links are written as a list")
    for item in node.value if isinstance(node, yaml.SequenceNode) else ():
        if not isinstance(item, yaml.MappingNode):
            problems.at(item.start_mark.line + 1, "a link is a mapping with from, to and relation")
            continue
        entry = mapping(item, _LINK_KEYS, "link", problems)
        if link := _link(entry, problems):
            links.append(link)
            lines.append(entry.line)
    if problems:
        return None, sorted(problems, key=lambda p: p.line)
    assert left is not None
    assert right is not None
    return Read(Crosswalk(left=left, right=right, links=tuple(links)), tuple(lines)), []


def _side(whole: Entry, key: str, problems: Problems) -> Side | None:
    node = whole.fields[key]
    if not isinstance(node, yaml.MappingNode):
        problems.at(whole.lines[key], f"{key!r} is a mapping with codebook and version")
        return None
    entry = mapping(node, _SIDE_KEYS, key, problems)
    told = {name: str(scalar(value, name, problems)) for name, value in entry.fields.items()}
    if not is_id(told.get("codebook", "")):
        problems.at(whole.lines[key], f"{key!r} names no codebook by its id")
        return None
    return Side(**told)


def _link(entry: Entry, problems: Problems) -> Link | None:
    told = {name: str(scalar(value, name, problems)) for name, value in entry.fields.items()}
    relation, given = told.get("relation", ""), (told.get("from", ""), told.get("to", ""))
    line = entry.lines.get("relation", entry.line)
    if relation not in list(Relation):
        problems.at(line, f"relation {relation!r} is none of {', '.join(Relation)}")
        return None
    if relation == Relation.NONE:
        if all(given) or not any(given):
            problems.at(line, "relation none is of one code: give `from` or `to`, not both")
            return None
    elif not all(given):
        problems.at(line, f"relation {relation} takes `from` and `to`")
        return None
    rest = {name: told[name] for name in ("note", "by", "checked") if name in told}
    return Link(left=given[0], right=given[1], relation=Relation(relation), **rest)


def to_yaml(crosswalk: Crosswalk, left: Codebook, right: Codebook) -> str:
    """The crosswalk as a file to be edited: links in the order of the left codebook, each below
    the names of its codes."""
    head = HEAD.format(left=f"{left.id} {left.version}", right=f"{right.id} {right.version}")
    sides = dump({"from": _dumped(crosswalk.left), "to": _dumped(crosswalk.right)})
    blocks = [
        f"  # {_name(left, link.left)} | {_name(right, link.right)}\n" + _entry(link)
        for link in in_order(crosswalk.links, left, right)
    ]
    body = "".join(blocks)
    return f"{head}{sides}links:\n{body}" if body else f"{head}{sides}links: []\n"


def in_order(links: Iterable[Link], left: Codebook, right: Codebook) -> list[Link]:
    """Links by the order of the codes in the left codebook, then the right one."""
    ours = {code.id: at for at, code in enumerate(left.codes)}
    theirs = {code.id: at for at, code in enumerate(right.codes)}
    end = len(ours) + len(theirs)
    return sorted(links, key=lambda k: (ours.get(k.left, end), theirs.get(k.right, end)))


def _dumped(side: Side) -> dict[str, str]:
    return {"codebook": side.codebook, "version": side.version}


def _entry(link: Link) -> str:
    fields = {
        "from": link.left, "to": link.right, "relation": str(link.relation), "note": link.note,
        "by": link.by, "checked": link.checked,
    }  # fmt: skip
    return dump({"links": [{k: v for k, v in fields.items() if v}]}).removeprefix("links:\n")


def _name(book: Codebook, code: str) -> str:
    """A code's path, as a comment holds it."""
    path = book.path(code) if code in book.by_id else "nothing"
    return "".join(c if c.isprintable() else "·" for c in path)
