"""How many issues are really in each code: the model's counts corrected by one rater's labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np

from coder.agreement import dsl, labels_alone, ppi
from coder.agreement.arrays import Bools, Floats
from coder.agreement.two_phase import Frame, in_frame
from coder.ratings.comparable import Codes, Levels, proposed
from coder.ratings.model import ExclusionReason, Level
from coder.records import NONE_CODE, Decision, Estimate, Label, Proposal
from coder.report.model import CodeShare, Corrected
from coder.revision.migration import Versions
from coder.storage.run import Run
from coder.storage.sampling import reached

UNKNOWN = (
    "the log does not say how the labelled issues were chosen: this holds if they are a random "
    "sample of the run"
)


def said_by_model(
    proposals: Mapping[str, Proposal], versions: Versions, issues: Iterable[str] | None = None
) -> dict[str, Codes]:
    """Every answer of the model, of ``issues`` alone if there are any, leaked ones too: this is
    what it said, however it came to say it, not how well."""
    return {
        i: codes
        for i in (proposals if issues is None else issues)
        if i in proposals
        and proposals[i].status.answered
        and not isinstance(codes := proposed(proposals[i], versions), ExclusionReason)
    }


def corrected(
    level: Level,
    levels: Levels,
    issues: Sequence[str],
    model: Mapping[str, Codes],
    labels: Mapping[str, Codes],
    rater: str,
    records: Sequence[Label | Decision],
    seen: frozenset[str],
    frame: Frame | None = None,
) -> Corrected | None:
    """The share of ``issues`` with each code of a level; ``None`` without any label.

    ``model`` and ``labels`` are answers by issue; issues in ``seen`` are those whose label the
    model may have learnt from, which count as not labelled. ``records`` are all that the rater
    wrote, oldest first: they tell how the labelled issues were chosen. ``frame`` is what the issues
    themselves were drawn from.
    """
    usable = levels.answers_at(
        level, {i: labels[i] for i in issues if i in labels and i not in seen}
    )
    if not usable:
        return None
    said = levels.member(level, (model.get(i) for i in issues))
    labelled = np.array([i in usable for i in issues])
    human = levels.member(level, (usable.get(i) for i in issues))
    known = probabilities(issues, labelled, records)
    alone = labels_alone(human[labelled], len(issues))
    if labelled.all():
        sampling, note = "all", ""
        # Nothing was left to chance, so there is no interval.
        shares = tuple(Estimate(value=float(share), n=len(issues)) for share in human.mean(0))
        alone = shares
    elif known is None:
        sampling, note = "unknown", UNKNOWN
        shares = ppi(human[labelled], said[labelled], said[~labelled])
    elif np.ptp(known[labelled]) < 1e-12:
        sampling, note = "random", ""
        shares = ppi(human[labelled], said[labelled], said[~labelled])
    else:
        sampling, note = "known", ""
        drawn = labelled & (known > 0)
        shares = dsl(np.where(drawn[:, None], human, np.nan), said, np.where(drawn, known, 1.0))
        uneven = "issues were drawn with unequal probabilities"
        alone = tuple(Estimate(value=None, n=int(drawn.sum()), note=uneven) for _ in shares)
    of_frame: tuple[Estimate | None, ...] = (None,) * len(shares)
    if frame is not None:
        of_frame = _carried(human, said, labelled, known, frame)
    return Corrected(
        level=level,
        rater=rater,
        sampling=sampling,
        n=int(labelled.sum()),
        shares=tuple(
            CodeShare(code=code, model=float(raw), labels=by_labels, corrected=share, frame=whole)
            for code, raw, by_labels, share, whole in zip(
                (*levels.codes(level), NONE_CODE),
                said.mean(0),
                alone,
                shares,
                of_frame,
                strict=True,
            )
        ),
        frame=0 if frame is None else int(frame.sizes.sum()),
        note=note,
        issue_ids=tuple(i for i in issues if i in usable),
    )


def _carried(
    human: Floats, said: Floats, labelled: Bools, known: Floats | None, frame: Frame
) -> tuple[Estimate, ...]:
    """The shares of the frame; where it is not ``known`` how labels came about, if at random."""
    if labelled.all():
        return in_frame(human, said, np.ones(len(human)), frame)
    chance = np.full(len(human), labelled.mean()) if known is None else known
    drawn = labelled & (chance > 0)
    human = np.where(drawn[:, None], human, np.nan)
    return in_frame(human, said, np.where(drawn, chance, 1.0), frame)


def frame_of(run: Run) -> Frame | None:
    """What the run's issues were drawn from; ``None`` where they are all there are, or only some of
    those drawn."""
    made, of = run.manifest.sampling, run.manifest.sampled_from
    if run.manifest.screening or (made and (of or len(run.issues) != made.size)):
        return None
    if of:
        return Frame(np.zeros(len(run.issues), dtype=np.int64), np.array([of]))
    if made is None:
        return None
    strata = [name for name, (_, places) in made.strata.items() if places]
    number = {name: at for at, name in enumerate(strata)}
    return Frame(
        np.array([number[made.stratum(i)] for i in run.issues], dtype=np.int64),
        np.array([made.strata[name][0] for name in strata], dtype=np.int64),
    )


def probabilities(
    issues: Sequence[str], labelled: np.ndarray, records: Sequence[Label | Decision]
) -> Floats | None:
    """The probability that each issue was to get its label; 0 where a label says nothing about the
    others, ``None`` where the log does not tell."""
    if not any(record.queue for record in records):
        return None
    certain, drawn = reached(records, whole=True)
    here = {i for i, has in zip(issues, labelled, strict=True) if has}
    if here.isdisjoint(drawn):
        return None  # the labels say nothing about what was not met
    elsewhere = {r.issue_id for r in records if isinstance(r, Label) and r.mode is None} & here
    # Of what was met in a review some were labelled blind, by a draw that is the same for all.
    mets = certain - elsewhere
    before, share = _share(here, mets), _share(here, drawn.keys())
    known = dict.fromkeys(mets, before) | {i: p * share for i, p in drawn.items()}
    known |= dict.fromkeys(elsewhere & certain, 1.0)
    return np.array([known.get(issue_id, 0.0) for issue_id in issues])


def _share(labelled: Set[str], met: Set[str]) -> float:
    return len(labelled & met) / len(met) if met else 0.0
