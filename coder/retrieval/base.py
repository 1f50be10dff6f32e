"""What every retriever is: something that finds labelled issues and codes near to an issue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from coder.records import Code, Codebook, Example, Issue, Neighbour
from coder.retrieval.duplicates import same_issue
from coder.retrieval.embedders import open_embedder
from coder.study import Study


@dataclass(frozen=True)
class Found:
    """What is near to an issue: ``examples`` and ``neighbours`` go together, the nearest first;
    ``excluded`` are labelled issues that were near but kept away, because they are the issue itself
    or a near-duplicate of it; ``definitions`` are ids of codes."""

    neighbours: tuple[Neighbour, ...] = ()
    examples: tuple[Example, ...] = ()
    excluded: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()


class Retriever(Protocol):
    """Looks things up for an issue. ``embedder`` names what similarity means here."""

    embedder: str

    def look_up(self, issue: Issue, neighbours: int, definitions: int) -> Found:
        """At most so many labelled issues and codes, never the issue itself or a near-duplicate."""
        ...


def open_retriever(study: Study, codebook: Codebook, examples: Sequence[Example]) -> Retriever:
    """The retriever a study is set to; by words alone when it has no embedder."""
    setting = study.settings.retrieval.embedder
    encoder = open_embedder(setting)
    if encoder is None:
        from coder.retrieval.lexical import LexicalIndex

        return LexicalIndex(codebook, examples)
    from coder.retrieval.index import LabelIndex

    return LabelIndex(study.cache / "chroma", setting, encoder, codebook, examples)


def split_duplicates(
    issue: Issue, near: Sequence[Neighbour], examples: Mapping[str, Example]
) -> tuple[list[Neighbour], list[str]]:
    """``near`` without the issue and its near-duplicates, and the ids of those left out."""
    kept, excluded = [], []
    for neighbour in near:
        if same_issue(issue, examples[neighbour.issue_id].issue):
            excluded.append(neighbour.issue_id)
        else:
            kept.append(neighbour)
    return kept, excluded


def code_text(code: Code) -> str:
    """What of a code is compared with an issue: name, definition, what it includes, examples."""
    return "\n".join([f"{code.name}. {code.definition}", *code.include, *code.examples])
