"""What of a codebook one question is about: all of it, its categories, one category, one code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coder.records import Cardinality, Codebook


@dataclass(frozen=True)
class CodeSubset:
    """Codes to choose from, and how an issue coded by the whole codebook is coded by these."""

    whole: Codebook
    codebook: Codebook
    name: str = ""
    """Empty for the whole codebook."""
    others_are_none: bool = False
    """Whether an issue with other codes is an example of "no code fits", or of nothing."""

    def within(self, codes: Sequence[str]) -> tuple[str, ...] | None:
        """The codes an issue has in this scheme; ``None`` when its codes say nothing here."""
        leaves = {code.id for code in self.codebook.leaves}
        line = [above.id for code in codes for above in self.whole.lineage(code)]
        seen = tuple(dict.fromkeys(code for code in line if code in leaves))
        return seen if seen or not codes or self.others_are_none else None


def everything(codebook: Codebook) -> CodeSubset:
    """All codes at once."""
    return CodeSubset(codebook, codebook)


def categories(codebook: Codebook) -> CodeSubset:
    """The categories, each with its codes by name and definition as what it includes."""
    tops = []
    for top in codebook.children[None]:
        names = (f"{code.name}: {code.definition}" for code in codebook.children.get(top.id, ()))
        tops.append(top.model_copy(update={"include": (*top.include, *names)}))
    return CodeSubset(codebook, codebook.changed(codes=tuple(tops)), "categories")


def below(codebook: Codebook, category: str) -> CodeSubset:
    """The codes of one category."""
    chosen = tuple(code for code in codebook.codes if codebook.category(code.id) == category)
    return CodeSubset(codebook, codebook.changed(codes=chosen), category)


def alone(codebook: Codebook, code: str) -> CodeSubset:
    """One code, which fits or does not."""
    one = codebook.changed(
        codes=codebook.lineage(code), cardinality=Cardinality.SINGLE, allow_none=True
    )
    return CodeSubset(codebook, one, code, others_are_none=True)
