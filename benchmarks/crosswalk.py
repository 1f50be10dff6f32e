"""How far a crosswalk drafted by the embedder agrees with those that people made.

    python benchmarks/crosswalk.py

Drafts each crosswalk that comes with the package again, by the embedder alone, and counts for every
leaf of its left codebook whether the draft links it to a code that the made one links it to (or to
one above or below that). The draft's thresholds were chosen on these: the figures flatter it.
"""

from __future__ import annotations

from collections import Counter

from coder.codebook import crosswalk as crosswalks
from coder.codebook import load as codebooks
from coder.codebook.crosswalk_check import HOLDS
from coder.files.resources import shipped
from coder.records import Codebook
from coder.retrieval.embedders import MiniLM
from coder.revision.crosswalk_draft import draft


def kin(book: Codebook, one: str, other: str) -> bool:
    """Whether two codes are one, or one stands above the other."""
    return one in {c.id for c in book.lineage(other)} or other in {c.id for c in book.lineage(one)}


def main() -> None:
    encoder, total, held = MiniLM(), Counter[str](), Counter[str]()
    for path in sorted((shipped("codebook") / "crosswalks").glob("*.yaml")):
        made = crosswalks.load(path).crosswalk
        left, right = (
            codebooks.load(shipped("codebook") / f"{side.codebook}.yaml")
            for side in (made.left, made.right)
        )
        drafted = draft(left, right, encoder)
        for code in left.leaves:
            people = {k.right for k in made.of_left[code.id] if k.right}
            ours = {k.right for k in drafted.of_left[code.id] if k.right}
            hit = any(kin(right, one, other) for one in ours for other in people)
            total[
                ("same code" if hit else "another code")
                if people and ours
                else "people alone link it" if people
                else "draft alone links it" if ours
                else "neither links it"
            ] += 1  # fmt: skip
        for link in drafted.links:
            if link.relation in HOLDS:
                same = [k for k in made.of_left[link.left] if k.relation in HOLDS]
                held[str(any(k.right == link.right for k in same))] += 1
    n = sum(total.values())
    print(f"n = {n}: {', '.join(f'{count} {what}' for what, count in total.most_common())}")
    print(f"drafted as same or narrower, and so by people: {held['True']} of {sum(held.values())}")


if __name__ == "__main__":
    main()
