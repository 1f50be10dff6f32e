"""The words that an issue shares with a code's rule and not with another code's."""

from __future__ import annotations

from coder.proposers.embedded.prototypes import code_texts
from coder.proposers.embedded.views import View, words
from coder.records import Codebook

MOST = 3
SHORTEST = 3
_COMMON_WORDS = """
    about after all also and another any anything are because been before being both but can cannot
    could did does doing done each either else every for from get gets getting give given goes going
    got had has have having here how into its just know like made make makes making may might more
    most much must need needs new not now off one ones only other others our out over own please
    same see seem seems she should since some something still such take than that the their them
    then there these they thing things this those through too try trying two under use used uses
    using very want wants was way well were what when where whether which while who whose why will
    with without work works would yes you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def shared_words(
    view: View, codebook: Codebook, code: str, other: str | None
) -> tuple[tuple[str, ...], str] | None:
    """At most ``MOST`` words, and the rule of ``code`` they stand in: the one that shares most with
    what people say in the issue. Words of ``other`` tell nothing and do not count; ``None`` when
    nothing is left.
    """
    text = view.issue.text
    said = {*words(view.title)}
    for segment in view.quotable:
        if segment.kind.is_quotable:
            said.update(words(text[segment.start : segment.end]))
    if other is not None:
        said -= {w for rule in code_texts(codebook, codebook.by_id[other]) for w in words(rule)}
    entry = codebook.by_id[code]
    best: tuple[tuple[str, ...], str] | None = None
    for rule in (entry.definition, *entry.include, *entry.examples):
        found = tuple(
            word
            for word in dict.fromkeys(words(rule))
            if word in said and len(word) >= SHORTEST and word.isalpha() and word not in _COMMON
        )
        if found and (best is None or len(found) > len(best[0])):
            best = found, rule
    return best and (best[0][:MOST], best[1])
