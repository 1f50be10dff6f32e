"""Drafts a crosswalk between two codebooks by what their codes mean: definitions and examples."""

from __future__ import annotations

from collections import Counter

import numpy as np

from coder.codebook.crosswalk import Crosswalk, Link, Relation, Side
from coder.errors import ModelError
from coder.records import Codebook
from coder.retrieval.embedders import Encoder, Vectors, normalised
from coder.retrieval.search import code_text

SAME, PART, LINKED = 0.6, 0.35, 0.15
"""How alike two codes are (cosine, what all codes have in common taken away) from which on they are
drafted as the same where each is the other's nearest, as one part of the other, as linked at all.
benchmarks/crosswalk.py holds such drafts against crosswalks that people made."""


def draft(left: Codebook, right: Codebook, encoder: Encoder | None) -> Crosswalk:
    """A link for every leaf of both codebooks. Likeness knows no direction: where one code is the
    nearest of several, it is taken for the broader one. Raises ``ModelError`` without an embedder.
    """
    if encoder is None:
        raise ModelError(
            "codes are held against each other by their meaning, which takes an embedder",
            'install the one of this package, set retrieval.embedder = "minilm", or name a chat '
            "model with --model",
        )
    alike = likeness(left, right, encoder)
    ours = [code.id for code in left.codes]
    theirs = [code.id for code in right.codes]
    rows = [at for at, code in enumerate(left.codes) if code.id not in left.children]
    columns = [at for at, code in enumerate(right.codes) if code.id not in right.children]
    nearest = {row: int(alike[row].argmax()) for row in rows}
    near_row = {column: rows[int(alike[rows, column].argmax())] for column in columns}
    taken = Counter(nearest[row] for row in rows if alike[row, nearest[row]] >= LINKED)
    by = f"embedder {encoder.id.split(':')[0]}"
    links = []
    for row, column in nearest.items():
        cosine = float(alike[row, column])
        below = cosine >= PART and (column not in columns or taken[column] > 1)
        links.append(
            Link(left=ours[row], relation=Relation.NONE, note=_near(theirs[column], cosine), by=by)
            if cosine < LINKED
            else Link(
                left=ours[row], right=theirs[column], note=f"alike {cosine:.2f}", by=by,
                relation=Relation.SAME if cosine >= SAME and near_row.get(column) == row
                else Relation.NARROWER if below else Relation.RELATED,
            )
        )  # fmt: skip
    met = {link.right for link in links}
    for column, row in near_row.items():
        if theirs[column] in met or met & {up.id for up in right.lineage(theirs[column])}:
            continue
        cosine = float(alike[row, column])
        if cosine < LINKED or any(k.left == ours[row] and not k.right for k in links):
            note = _near(ours[row], cosine)
            links.append(Link(right=theirs[column], relation=Relation.NONE, note=note, by=by))
        else:
            links.append(
                Link(
                    left=ours[row], right=theirs[column], relation=Relation.RELATED,
                    note=f"alike {cosine:.2f}", by=by,
                )
            )  # fmt: skip
    sides = (Side(codebook=book.id, version=book.version) for book in (left, right))
    return Crosswalk(left=next(sides), right=next(sides), links=tuple(links))


def likeness(left: Codebook, right: Codebook, encoder: Encoder) -> Vectors:
    """How alike every two codes are, (left codes, right codes)."""
    texts = [code_text(code) for book in (left, right) for code in book.codes]
    vectors = encoder.encode(texts)
    vectors = normalised(vectors - vectors.mean(axis=0))
    cut = len(left.codes)
    return np.asarray(vectors[:cut] @ vectors[cut:].T, dtype=np.float32)


def _near(code: str, cosine: float) -> str:
    return f"nearest: {code}, alike {cosine:.2f}"
