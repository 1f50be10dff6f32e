"""The embedded proposer: fitted to a codebook and whatever labels there are, asked in a stream.

No label ever reaches its own issue or a near-duplicate of it: such an issue is judged by a model
that has seen neither, and the labels kept away are listed in the proposal.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coder.codebook.load import can_hold
from coder.proposers.base import Proposer, SaveCalls
from coder.proposers.embedded.choice import Choice
from coder.proposers.embedded.evidence import find_evidence
from coder.proposers.embedded.features import Extractor, Features, Read, joined
from coder.proposers.embedded.folds import CrossFitted, assign_folds, components
from coder.proposers.embedded.lexical import Lexical, blocks_of
from coder.proposers.embedded.null import Null
from coder.proposers.embedded.prototypes import TOO_FAR, Prototypes, Scores, code_texts
from coder.proposers.embedded.rationale import ENOUGH, Grounds, rationale
from coder.proposers.embedded.regression import Targets
from coder.proposers.embedded.shared_words import shared_words
from coder.proposers.embedded.views import View, grams, view
from coder.records import (
    Cardinality,
    Codebook,
    Example,
    Issue,
    Neighbour,
    Proposal,
    ScoredCode,
    Status,
    content_hash,
)
from coder.retrieval.embedders import Encoder
from coder.retrieval.near_duplicates import Duplicates
from coder.text.spelling import plural

MODEL = "embedded"
BATCH = 16
NEIGHBOURS = 3
RUNNERS_UP = 4


class EmbeddedProposer(Proposer):
    """Make one with :meth:`fit`."""

    def __init__(
        self,
        codebook: Codebook,
        examples: Sequence[Example],
        *,
        encoder: Encoder | None,
        seed: int,
        name: str = MODEL,
        quick: bool = False,
    ) -> None:
        # By id: ties and last digits must not depend on where a code stands in the codebook.
        codebook = codebook.changed(codes=tuple(sorted(codebook.codes, key=lambda code: code.id)))
        self._codebook = codebook
        self._encoder = encoder
        self._name = name
        self._leaves = [code.id for code in codebook.leaves]
        self._none = len(self._leaves)
        self._single = codebook.cardinality is Cardinality.SINGLE
        self._examples = [e for e in examples if can_hold(codebook, e.codes)]
        self._unused = len(examples) - len(self._examples)
        views = [view(e.issue) for e in self._examples]
        described = [[g for text in code_texts(codebook, c) for g in grams(text)]
                     for c in codebook.leaves]  # fmt: skip
        lexical = Lexical([*map(blocks_of, views), *((d, d, ()) for d in described)])
        self._extractor = Extractor(encoder, lexical)
        self._prototypes = Prototypes(codebook, encoder, lexical)
        self._labelled = self._read_all(views)
        issues = [e.issue for e in self._examples]
        self._duplicates = Duplicates(issues)
        self._unsure = self._proposed = 0
        self._groups = components(self._duplicates, issues)
        self._folds = assign_folds(self._groups, issues, seed)
        self._targets = self._targets_of(self._examples)
        self._models = CrossFitted(
            self._prototypes, self._labelled, self._targets, self._folds, self._single, quick
        )

    @classmethod
    def fit(
        cls,
        codebook: Codebook,
        examples: Sequence[Example],
        *,
        encoder: Encoder | None,
        seed: int = 0,
        name: str = MODEL,
        quick: bool = False,
    ) -> EmbeddedProposer:
        """Reads the labelled issues; models are fitted when first needed.

        Without examples proposals rest on the codebook's words alone; without an encoder, on shared
        words instead of meaning. Labels that this codebook cannot hold (an unknown code, a
        category, several codes where one is asked for) are left out and counted in
        :meth:`describe`. ``name`` is what its proposals give as their model; a ``quick`` one is
        calibrated on fewer labels, for being fitted again soon.
        """
        return cls(codebook, examples, encoder=encoder, seed=seed, name=name, quick=quick)

    def describe(self) -> dict[str, Any]:
        """See :class:`coder.proposers.base.Proposer`."""
        counts = self._targets.sum(axis=0).tolist()
        return {
            "kind": "classifier",
            "name": MODEL,
            "encoder": self._encoder.id if self._encoder else "none: shared words only",
            "labels": len(self._examples),
            "labels_unused": self._unused,
            "labels_per_code": dict(zip([*self._leaves, "none"], counts, strict=True)),
            "calibrated": bool(self._examples),
        }

    def measured(self) -> dict[str, Any]:
        """How often the likeliest code was right on labelled issues the model had not seen, and the
        rule that chooses codes for issues without a label."""
        choice = self._models.choice(())
        return {
            "cross_validated": self._cross_validated(),
            "choice": {"frequency_weight": choice.frequency_weight}
            if self._single
            else {"threshold": choice.threshold},
        }

    def margins(self) -> dict[str, float]:
        """For each labelled issue how much likelier its own codes are than any other code, judged
        by models that have not seen it nor a near-duplicate; below 0 another code is likelier.
        Needs labels of issues in at least two folds."""
        return dict(zip((e.issue.id for e in self._examples), self._models.margins(), strict=True))

    def propose(self, issues: Iterable[Issue], save_calls: SaveCalls) -> Iterator[Proposal]:
        """One proposal for each issue, in order; ``BATCH`` issues are in memory at a time.

        Makes no calls, so ``save_calls`` is never used.
        """
        stream = iter(issues)
        while batch := list(islice(stream, BATCH)):
            started = time.perf_counter()
            reads = self._extractor.read([view(issue) for issue in batch])
            shared = (time.perf_counter() - started) / len(batch)
            for read in reads:
                started = time.perf_counter()
                yield self._propose(read, shared, started)

    def remark(self) -> str:
        """Of how many issues it was not sure, and what would change that."""
        if not self._unsure:
            return ""
        return (
            f"Not sure of {self._unsure:,} of {plural(self._proposed, 'issue')}: there the nearest "
            f"codes are ranked and none is proposed. Some {ENOUGH} labels (--labels) would change "
            "that; coder review --order uncertain begins with such issues."
        )

    def _propose(self, read: Read, spent: float, started: float) -> Proposal:
        issue = read.view.issue
        groups = {self._groups[i] for i in self._duplicates.positions(issue)}
        twins = [i for i, group in enumerate(self._groups) if group in groups]
        unseen = {self._folds[i] for i in twins}
        excluded = tuple(sorted({self._examples[i].issue.id for i in twins}))
        model = self._models.model(unseen)

        def probabilities(features: Features) -> Scores:
            return self._models.probabilities(features, unseen)

        p = probabilities(read.features)[0]
        similarity = self._prototypes.similarity(read.features)[0]
        near = self._neighbours(read.features, set(excluded))
        nearest = max([float(similarity.max()), *(n.score for n in near)])
        unsure = self._is_unsure(read)
        self._unsure, self._proposed = self._unsure + unsure, self._proposed + 1
        choice = self._models.choice(unseen)
        chosen = [] if unsure else self._choose(p, choice, nearest, read.view, model.counts)
        ranked = sorted(range(self._none), key=lambda i: (-p[i], i))
        codes = tuple(self._scored(i, p) for i in chosen)
        others = tuple(self._scored(i, p) for i in ranked if i not in chosen)[:RUNNERS_UP]
        evidence = find_evidence(read, self._extractor, chosen, probabilities)
        first, other = (group[0].code if group else None for group in (codes, others))
        grounds = Grounds(
            codes=codes,
            none_probability=float(p[self._none]),
            nearest_code=self._leaves[int(similarity.argmax())],
            evidence=evidence,
            neighbours=near,
            labels=int(sum(fold not in unseen for fold in self._folds)),
            own_labels=int(model.counts[chosen[0]]) if chosen else 0,
            blank=read.view.blank,
            met=shared_words(read.view, self._codebook, first, other) if first else None,
            next_code=others[0] if others else None,
            unsure=unsure,
            next_labels=int(model.counts[self._leaves.index(other)]) if other else 0,
        )
        said = {
            "issue_id": issue.id,
            "issue_hash": issue.hash,
            "status": Status.UNSURE if unsure else Status.OK if codes else Status.ABSTAINED,
            "codes": codes,
            "runners_up": others,
            "rationale": rationale(self._codebook, grounds),
            "evidence": evidence,
            "retrieved": near,
            "excluded": excluded,
            "model": self._name,
        }
        return _proposal(said, self._codebook.hash, spent + time.perf_counter() - started)

    def _is_unsure(self, read: Read) -> bool:
        """Whether the codes are ranked and none of them proposed, for want of labels."""
        if self._null is None or (read.view.blank and self._codebook.allow_none):
            return False
        return not self._null.stands_out(read.features)

    def _choose(
        self, p: Scores, choice: Choice, nearness: float, read: View, counts: NDArray[np.int64]
    ) -> list[int]:
        """Columns of the codes to propose, best first; none of them means abstaining."""
        worth = choice.utility(p[None], counts)[0] if self._single else p
        ranked = sorted(range(self._none), key=lambda i: (-worth[i], i))
        if self._codebook.allow_none:
            far = nearness < TOO_FAR and counts[self._none] == 0
            if read.blank or far or worth[self._none] > worth[ranked[0]]:
                return []
        if self._single:
            return ranked[:1]
        return [i for i in ranked if p[i] > choice.threshold] or ranked[:1]

    def _scored(self, column: int, p: Scores) -> ScoredCode:
        return ScoredCode(code=self._leaves[column], confidence=round(float(p[column]), 4))

    def _neighbours(self, features: Features, excluded: set[str]) -> tuple[Neighbour, ...]:
        if self._labelled is None:
            return ()
        if self._encoder is not None:
            scores = (self._labelled.whole @ features.whole.T)[:, 0]
        else:
            # Title, body and structure are each of length 1.
            scores = (self._labelled.lexical @ features.lexical.T).toarray()[:, 0] / 3
        found: list[Neighbour] = []
        for i in np.argsort(-scores, kind="stable"):
            example = self._examples[i]
            if example.issue.id not in excluded:
                score = round(float(scores[i]), 4)
                found.append(Neighbour(issue_id=example.issue.id, codes=example.codes, score=score))
            if len(found) == NEIGHBOURS:
                break
        return tuple(found)

    def _targets_of(self, examples: Sequence[Example]) -> Targets:
        targets = np.zeros((len(examples), len(self._leaves) + 1), dtype=bool)
        for row, example in enumerate(examples):
            for code in example.codes:
                targets[row, self._leaves.index(code)] = True
            targets[row, self._none] = not example.codes
        return targets

    def _read_all(self, views: Sequence[View]) -> Features | None:
        batches = [views[start : start + BATCH] for start in range(0, len(views), BATCH)]
        return joined([self._extractor.features(batch) for batch in batches]) if batches else None

    @cached_property
    def _null(self) -> Null | None:
        """Made when first needed. Labels say more; and shared words alone, ``the`` and ``of``, are
        as many in texts about other matters."""
        if self._examples or self._encoder is None:
            return None
        return Null(self._prototypes, self._extractor)

    def _cross_validated(self) -> dict[str, Any]:
        if len(set(self._folds)) < 2:
            return {"accuracy": None, "n": 0, "note": "needs labels of at least two issues"}
        scores, true = self._models.held_out
        right = true[np.arange(len(true)), scores.argmax(axis=1)]
        return {"accuracy": round(float(right.mean()), 3), "n": len(right), "note": ""}


def _proposal(said: dict[str, Any], codebook_hash: str, seconds: float) -> Proposal:
    draft = Proposal(id="-", seconds=round(seconds, 4), **said)
    stated = draft.model_dump(mode="json", exclude={"id", "seconds", "at"})
    name = content_hash("proposal.v1", {**stated, "codebook": codebook_hash})[:16]
    return draft.model_copy(update={"id": name})
