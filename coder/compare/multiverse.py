"""Would another prompt, model or retrieval have led to another conclusion?

Each run is one way the study could have been done. That conclusions drawn from a model's codes
hang on such choices, and how often, is shown in arXiv 2509.08825. Runs that agree may all be wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

from coder.agreement.durations import kruskal
from coder.compare.inputs import Labels, RunInputs, first_passes, member, pooled, shared, take
from coder.compare.model import (
    CategoryCount,
    Conclusion,
    Multiverse,
    Setting,
    Universe,
)
from coder.compare.pairs import NO_PRICES
from coder.compare.wording import SIGNIFICANT
from coder.proposers.budget import Price
from coder.ratings.comparable import Codes, Levels
from coder.records import canonical_json, content_hash
from coder.report.corrected import corrected, said_by_model
from coder.report.coverage import summary
from coder.revision.migration import Versions
from coder.storage.run import Run

DIFFERENT, ALIKE = "differs", "no difference shown"
_FOLLOWS = {"systems", "labels_per_code", "labels_unused", "calibrated", "tokens_counted_by"}
"""What only follows from other settings, as do all hashes."""

Name = Literal["largest", "order", "time", "corrected"]


def multiverse(
    runs: Sequence[Run], *, prices: Mapping[str, Price | None] = NO_PRICES
) -> Multiverse:
    """What each of ``runs`` concludes on the issues that all of them have. Writes nothing.

    Raises ``UsageError`` as :func:`coder.compare.compare` does.
    """
    taken = take(runs)
    issues = shared(taken)
    rater, labels = _labels(taken, issues)
    universes = tuple(_universe(one, issues, rater, labels, taken) for one in taken)
    settings = _settings(runs)
    return Multiverse(
        codebook=summary(runs[0].codebook),
        runs=tuple(member(one, issues, prices.get(one.name)) for one in taken),
        shared=len(issues),
        rater=rater,
        labels=len(labels.answers) if labels else 0,
        settings=settings,
        universes=universes,
        conclusions=tuple(_conclusions(universes, settings, bool(labels))),
    )


def _labels(taken: Sequence[RunInputs], issues: Sequence[str]) -> tuple[str, Labels | None]:
    """The rater with most labels that hold for all runs, the first by name on a tie."""
    names = first_passes(taken)
    found = {name: pooled(name, taken, issues) for name in names}
    best = max(found, key=lambda name: len(found[name].answers), default="")
    if not best or not found[best].answers:
        return "", None
    return best, found[best]


def _universe(
    one: RunInputs,
    issues: Sequence[str],
    rater: str,
    labels: Labels | None,
    taken: Sequence[RunInputs],
) -> Universe:
    levels = Levels(one.run.codebook)
    answers = said_by_model(one.proposals, Versions(one.run), issues)
    said = {i: levels.at("category", codes) for i, codes in answers.items()}
    counts = Counter(code for codes in said.values() for code in codes)
    shares = _corrected(one, levels, issues, said, rater, labels, taken) if labels else {}
    return Universe(
        run=one.name,
        answered=len(said),
        counts=tuple(
            CategoryCount(code=code, count=counts[code], corrected=shares.get(code))
            for code in levels.codes("category")
        ),
        none=sum(not codes for codes in said.values()),
        time=kruskal(
            (one.run.issues[i] for i in issues), said, levels.codes("category")
        ),
    )  # fmt: skip


def _corrected(
    one: RunInputs,
    levels: Levels,
    issues: Sequence[str],
    said: Mapping[str, Codes],
    rater: str,
    labels: Labels,
    taken: Sequence[RunInputs],
) -> dict[str, Any]:
    # How the labelled issues were drawn is told by the run in which most of them were labelled.
    holders = [other.people[rater] for other in taken if rater in other.people]
    records = max(holders, key=lambda person: len(person.labels)).log
    found = corrected(
        "category", levels, issues, said, labels.answers, rater,
        sorted(records, key=lambda record: record.at), one.model.leaked,
    )  # fmt: skip
    return {share.code: share.corrected for share in found.shares} if found else {}


# --- conclusions --------------------------------------------------------------------------------


def _conclusions(
    universes: Sequence[Universe], settings: Sequence[Setting], labelled: bool
) -> list[Conclusion]:
    told: dict[Name, dict[str, str | None]] = {
        "largest": {u.run: _largest({c.code: c.count for c in u.counts}) for u in universes},
        "order": {u.run: _order({c.code: c.count for c in u.counts}) for u in universes},
        "time": {u.run: _time(u) for u in universes},
    }
    if labelled:
        told["corrected"] = {u.run: _corrected_largest(u) for u in universes}
    return [_conclusion(name, values, settings) for name, values in told.items()]


def _largest(counts: Mapping[str, float]) -> str | None:
    most = max(counts.values(), default=0)
    return " = ".join(code for code, count in counts.items() if count == most) if most else None


def _order(counts: Mapping[str, float]) -> str | None:
    """Codes from the most frequent down; tied ones are joined by ``=``."""
    if not any(counts.values()):
        return None
    steps: dict[float, list[str]] = {}
    for code, count in counts.items():
        steps.setdefault(count, []).append(code)
    return " > ".join(" = ".join(steps[count]) for count in sorted(steps, reverse=True))


def _time(universe: Universe) -> str | None:
    p_value = universe.time.p_value
    if p_value is None:
        return None
    return DIFFERENT if p_value < SIGNIFICANT else ALIKE


def _corrected_largest(universe: Universe) -> str | None:
    shares = {c.code: c.corrected for c in universe.counts}
    known = {code: share.value for code, share in shares.items() if share is not None}
    return _largest({code: value for code, value in known.items() if value is not None})


def _conclusion(
    name: Name, values: Mapping[str, str | None], settings: Sequence[Setting]
) -> Conclusion:
    told = {run: value for run, value in values.items() if value is not None}
    ranked = Counter(told.values()).most_common(2)
    single = ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1])
    majority = ranked[0][0] if single else None
    pairs = list(combinations(told, 2))
    by_setting: dict[str, tuple[int, int]] = {}
    for left, right in pairs:
        differing = [s.name for s in settings if s.values[left] != s.values[right]]
        if len(differing) == 1:
            among, apart = by_setting.get(differing[0], (0, 0))
            by_setting[differing[0]] = among + 1, apart + (told[left] != told[right])
    return Conclusion(
        name=name,
        values=dict(values),
        majority=majority,
        told=len(told),
        against=sum(value != majority for value in told.values()) if majority else 0,
        pairs=len(pairs),
        apart=sum(told[left] != told[right] for left, right in pairs),
        by_setting=by_setting,
    )


# --- settings -----------------------------------------------------------------------------------


def _settings(runs: Sequence[Run]) -> tuple[Setting, ...]:
    """What differs between the runs, by name; by its hash alone where only a hash tells."""
    plain = {run.name: _plain(run) for run in runs}
    names = sorted({name for values in plain.values() for name in values})
    found = {name: {run: plain[run].get(name, "–") for run in plain} for name in names}
    differ = {name: values for name, values in found.items() if len(set(values.values())) > 1}
    rest = {run.name: content_hash("model.v1", run.manifest.model)[:8] for run in runs}
    hidden = any(
        rest[left] != rest[right] and all(v[left] == v[right] for v in differ.values())
        for left, right in combinations(rest, 2)
    )
    if hidden:
        differ["text of the prompt or schema (hash)"] = rest
    return tuple(Setting(name=name, values=values) for name, values in differ.items())


def _plain(run: Run) -> dict[str, str]:
    made = run.manifest
    found = {
        "codebook": made.codebook_hash[:8],
        "seed": str(made.seed),
        "labels": f"{len(run.examples):,}" + (f" ({made.labels_hash[:8]})" * bool(run.examples)),
    }
    for name, value in made.model.items():
        if name in _FOLLOWS or name.endswith("_hash") or name == "labels":
            continue
        if isinstance(value, Mapping):
            found |= {f"{name}.{key}": _text(one) for key, one in value.items()}
        else:
            found[name] = _text(value)
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)
