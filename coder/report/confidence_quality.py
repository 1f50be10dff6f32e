"""What the model's confidence is worth, by one rater's blind labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from coder.agreement import Certificate, certify, reliability, workload
from coder.agreement.arrays import group_numbers
from coder.ratings.comparable import Codes, Confidence
from coder.ratings.delivered import least_sure
from coder.records import Codebook, Proposal
from coder.report.model import CertificateLabels, Choices, CodeCertificate, ConfidenceQuality


@dataclass(frozen=True)
class Drawn:
    """Labels that certificates may use.

    ``chance`` is the probability with which each labelled issue was drawn, ``None`` where the log
    does not tell; issues without one say nothing about others. Issues that a person reads in any
    case, as the model gave no answer, are ``unanswered``; those in ``taught`` are among the
    model's examples.
    """

    chance: Mapping[str, float] | None
    unanswered: Collection[str]
    taught: Collection[str]


def trust(
    book: Codebook,
    proposals: Mapping[str, Proposal],
    model: Mapping[str, Codes],
    labels: Mapping[str, Codes],
    rater: str,
    shown: Confidence,
    calibrated: bool,
    groups: Mapping[str, str],
    drawn: Drawn,
    choices: Choices,
) -> ConfidenceQuality | None:
    """The confidence of each proposed code against whether the label holds the code.

    Only issues whose answer is in ``model`` (not leaked) and whose label names no category alone.
    ``shown`` is the confidence people see. ``None`` when nothing can be compared.
    """
    ids, codes, stated, seen, right = [], [], [], [], []
    for issue_id in model:
        answer = labels.get(issue_id)
        if answer is None or any(code in book.children for code in answer):
            continue
        for scored in proposals[issue_id].codes:
            confidence = shown(scored)
            if scored.confidence is None or confidence is None:
                continue
            ids.append(issue_id)
            codes.append(scored.code)
            stated.append(scored.confidence)
            seen.append(confidence)
            right.append(scored.code in answer)
    if not ids:
        return None
    group = group_numbers(ids, groups or None)
    told, true = np.array(seen), np.array(right)
    return ConfidenceQuality(
        rater=rater,
        n=len(ids),
        stated=reliability(stated, right, group),
        calibrated=reliability(seen, right, group) if calibrated else None,
        workload=workload(told, true),
        clustered=choices.certificate_clustered,
        left_out=CertificateLabels(
            taught=sum(i in drawn.taught for i in labels if i in model),
            not_drawn=sum(_chance(drawn, i) == 0 for i in labels if i in model),
        ),
        sampling=_sampling(drawn, labels),
        certificates=tuple(_certificates(book, proposals, model, labels, groups, drawn, choices)),
        issue_ids=tuple(dict.fromkeys(ids)),
    )


def _certificates(
    book: Codebook,
    proposals: Mapping[str, Proposal],
    model: Mapping[str, Codes],
    labels: Mapping[str, Codes],
    groups: Mapping[str, str],
    drawn: Drawn,
    choices: Choices,
) -> Iterator[CodeCertificate]:
    """One over all proposed codes, and one for each code that a label holds.

    They are on the confidence the model stated: a calibration was fitted to these very labels.
    An issue is accepted when the least sure of its codes is sure enough.
    """
    usable = [
        i
        for i, codes in labels.items()
        if (i in model or i in drawn.unanswered)
        and not any(code in book.children for code in codes)
        and i not in drawn.taught
        and _chance(drawn, i) > 0
    ]
    held = [c.id for c in book.leaves if any(c.id in labels[i] for i in usable)]

    def certificate(rows: list[tuple[str, float, bool]]) -> Certificate:
        ids = [i for i, _, _ in rows]
        return certify(
            [confidence for _, confidence, _ in rows],
            [right for _, _, right in rows],
            weights=[1 / _chance(drawn, i) for i in ids],
            groups=group_numbers(ids, groups if choices.certificate_clustered and groups else None),
            epsilon=choices.certificate_epsilon,
            delta=choices.certificate_delta,
            certificates=len(held) + 1,
        )

    every = [
        (i, scored.confidence, scored.code in labels[i])
        for i in usable
        if i in model
        for scored in proposals[i].codes
        if scored.confidence is not None
    ]
    yield CodeCertificate(code="", labels=len(usable), certificate=certificate(every))
    for code in held:
        rows = [
            (i, least_sure(proposals[i]) if i in model else -1.0, code in model.get(i, ()))
            for i in usable
            if code in labels[i]
        ]
        yield CodeCertificate(code=code, labels=len(rows), certificate=certificate(rows))


def _chance(drawn: Drawn, issue_id: str) -> float:
    return 1.0 if drawn.chance is None else drawn.chance.get(issue_id, 0.0)


def _sampling(drawn: Drawn, labels: Mapping[str, Codes]) -> Literal["even", "uneven", "unknown"]:
    if drawn.chance is None:
        return "unknown"
    chances = [p for i in labels if (p := _chance(drawn, i)) > 0]
    return "uneven" if chances and max(chances) - min(chances) > 1e-12 else "even"
