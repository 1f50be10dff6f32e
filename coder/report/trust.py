"""What the model's confidence is worth, by one rater's blind labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from coder.agreement import certify, reliability, workload
from coder.agreement.encode import group_numbers
from coder.confidence import Confidence
from coder.records import Codebook, Proposal
from coder.report.model import CodeCertificate, Trust
from coder.report.sides import Codes

EPSILON, DELTA = 0.1, 0.05
"""Certificates bound the error by the first, with a confidence of 1 minus the second."""


def trust(
    book: Codebook,
    proposals: Mapping[str, Proposal],
    model: Mapping[str, Codes],
    labels: Mapping[str, Codes],
    rater: str,
    shown: Confidence,
    calibrated: bool,
    groups: Mapping[str, str],
    *,
    seed: int,
) -> Trust | None:
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
    of_code = np.array(codes)
    used = [code.id for code in book.leaves if (of_code == code.id).any()]
    one = DELTA / max(1, len(used))
    return Trust(
        rater=rater,
        n=len(ids),
        stated=reliability(stated, right, group),
        calibrated=reliability(seen, right, group) if calibrated else None,
        workload=workload(told, true),
        certificates=(
            CodeCertificate(
                code="",
                certificate=certify(told, true, epsilon=EPSILON, delta=DELTA, seed=seed),
            ),
            *(
                CodeCertificate(
                    code=code,
                    certificate=certify(
                        told[of_code == code], true[of_code == code],
                        epsilon=EPSILON, delta=one, seed=seed,
                    ),
                )
                for code in used
            ),
        ),
        issue_ids=tuple(dict.fromkeys(ids)),
    )  # fmt: skip
