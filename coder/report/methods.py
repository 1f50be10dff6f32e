"""What guidelines for studies with language models ask a paper to tell, filled in from a run.

The topics are those of arXiv 2508.15503 (guidelines for empirical studies in software engineering
involving large language models). What a run's files tell is filled in; what only the authors know
is left as a blank that says what is missing, and nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from coder.proposers.chat.providers import address_of
from coder.ratings.model import MODEL
from coder.records import Cardinality, CodeChange, Consent
from coder.report import conclusions, durations_words
from coder.report.model import Report
from coder.report.sentences import (
    agreements,
    baseline_notes,
    between_first_passes,
    enough,
    sample,
    warnings,
)
from coder.report.stages import Stage, screening, told
from coder.report.wording import (
    STATUS,
    coefficient_notes,
    decisions,
    describe_model,
    interval_note,
    plural,
    reasons,
    spent,
)
from coder.revision.new_version import sentence
from coder.storage.run import Run

BLANK = "TO FILL IN: "
"""What begins everything that the authors have to add."""


@dataclass(frozen=True)
class Logged:
    """What a run's files tell beyond its report.

    ``first`` and ``last`` are when the model answered, ``shortened`` counts the issues it was not
    shown in full, ``asked`` are the models that requests named, ``resolved`` counts the issues
    whose disagreement was resolved. ``versions`` are those the codebook had in this run, in order,
    ``consents`` those that texts of this run were sent with, ``dropped`` the parameters that the
    model does not take and that were left out. ``stage`` is what is known of the run that screened,
    ``flow`` the steps from the first row to the run's issues.
    """

    first: datetime | None
    last: datetime | None
    asked: tuple[str, ...]
    shortened: int
    reserved: int
    resolved: int
    consents: tuple[Consent, ...]
    versions: tuple[Version, ...] = ()
    dropped: tuple[str, ...] = ()
    stage: Stage | None = None
    flow: str = ""


@dataclass(frozen=True)
class Version:
    """One version of a run's codebook: how it came about, and what was said under it."""

    name: str
    hash: str
    since: datetime
    changes: tuple[CodeChange, ...]
    labels: int
    decisions: int


@dataclass(frozen=True)
class Topic:
    """A heading of the guidelines, and what there is to say under it: (what, answer)."""

    name: str
    entries: tuple[tuple[str, str], ...]


def logged(run: Run, consents: Iterable[Consent], stage: Stage | None = None) -> Logged:
    """Reads all files of the run; ``consents`` are those of the whole study."""
    latest = run.latest_proposals().values()
    resolutions = {made.issue_id: made for made in run.adjudications}
    times = sorted(proposal.at for proposal in latest)
    dropped = {name for call in run.calls for name in call.request.get("dropped", ())}
    return Logged(
        first=times[0] if times else None,
        last=times[-1] if times else None,
        asked=tuple(sorted({call.model for call in run.calls})),
        shortened=sum(proposal.left_out > 0 for proposal in latest),
        reserved=len(run.reserved),
        resolved=sum(not last.withdrawn for last in resolutions.values()),
        consents=tuple(_relied_on(run, consents)),
        versions=tuple(_versions(run)),
        dropped=tuple(sorted(dropped)),
        stage=stage,
    )


def _relied_on(run: Run, consents: Iterable[Consent]) -> Iterator[Consent]:
    """Consents to send texts as this run sent them, to where it did, given before it was done."""
    model = run.manifest.model
    if model.get("kind") != "llm":
        return
    provider, _, _ = str(model.get("name", "")).partition(":")
    address = address_of(provider, str(model.get("base_url") or ""))
    calls = [call.at for call in run.calls if not call.cached]
    until = max([run.manifest.created_at, *calls])
    for given in consents:
        sent_there = given.is_for(address) if address else given.host == provider
        as_agreed = model.get("redact") or not given.redacted
        if sent_there and as_agreed and given.at <= until:
            yield given


def _versions(run: Run) -> Iterator[Version]:
    """What stands under each version; a record that names none was made under the first."""
    made = run.manifest
    said: Counter[tuple[str, str]] = Counter()
    for rater in run.raters():
        for label in run.labels(rater).values():
            said[label.codebook_hash or made.codebook_hash, "label"] += 1
        for decision in run.decisions(rater).values():
            said[decision.codebook_hash or made.codebook_hash, "decision"] += 1
    first = Version(made.codebook_version, made.codebook_hash, made.created_at, (), 0, 0)
    later = (Version(m.to_version, m.to_hash, m.at, m.changes, 0, 0) for m in run.history)
    for one in (first, *later):
        yield replace(one, labels=said[one.hash, "label"], decisions=said[one.hash, "decision"])


def topics(report: Report, log: Logged) -> list[Topic]:
    """Every topic of the guidelines, with its answers and blanks."""
    return [
        Topic(name, tuple(entries))
        for name, entries in (
            ("Use and role of the model", _role()),
            ("Model, version and configuration", _model(report, log)),
            ("Data and codebook", _data(report, log)),
            *([("Screening, the stage before", told(log.stage))] if log.stage else ()),
            ("System around the model", _system(report, log)),
            ("Prompts and logs", _prompts(report)),
            ("Human validation", _people(report, log)),
            ("Open model as a baseline", _open()),
            ("Baselines and metrics", _metrics(report)),
            ("Cost", _cost(report)),
            ("Data leaving the machine", _leaving(report, log)),
            ("Limits", _limits(report, log)),
        )
    ]


Entries = Iterator[tuple[str, str]]


def _role() -> Entries:
    yield "What the model did", "It proposed codes for issues, with a rationale and quotes."
    yield "Why a model, and what for", f"{BLANK}purpose, and which results rest on its codes"


def _model(report: Report, log: Logged) -> Entries:
    model = report.run.model
    yield "Model", describe_model(model)
    if model.get("kind") == "llm":
        yield "Named in requests", ", ".join(log.asked) or f"{BLANK}no request is on record"
        yield "Version", f"{BLANK}the exact snapshot, if the name is an alias; training cut-off"
        yield "Server", str(model.get("base_url") or "the provider's own service")
        yield "Parameters", parameters(model)
        if log.dropped:
            yield "Of these not sent, as the model does not take them", ", ".join(log.dropped)
        yield "Fine-tuning", f"{BLANK}of the model itself, if any; coder makes none"
    else:
        yield "Encoder", str(model.get("encoder", "–"))
        yield "Labels it learnt from", f"{report.coverage.learnt_from:,}"
    yield "Answered", when(log)
    yield "Seed", str(report.run.seed)
    made = report.calibrations
    sources = ", ".join(f"{c.source} by {c.method}, labels of {c.rater}" for c in made)
    yield "Calibration of confidences", sources or "none"


def _data(report: Report, log: Logged) -> Entries:
    run, book, cover = report.run, report.codebook, report.coverage
    yield "Issues", f"{cover.issues:,}{where(report)}"
    if log.flow:
        yield "Flow of issues", log.flow
    yield "Sampling", sample(report) or "all issues of the file"
    if (made := run.sampling) is not None and made.reason:
        yield "Size of the sample", f"chosen for {made.reason}"
    if run.screening is not None:
        yield "Screening", screening(run.screening)
    yield "Hash of the issues", run.data_hash
    yield "Where the issues come from", f"{BLANK}source, period, criteria, licence"
    codes = plural(len(book.codes), "code")
    how = f"{'one code' if book.cardinality is Cardinality.SINGLE else 'several codes'} an issue"
    yield "Codebook", f"{book.name}, version {book.version}, {codes}, {how}"
    yield "Hash of the codebook", book.hash
    if len(log.versions) > 1:
        for at, version in enumerate(log.versions):
            yield f"Codebook version {version.name}", _version(version, first=at == 0)
    yield "How the codebook was made", f"{BLANK}by whom, from what, with which pilots"


def _version(version: Version, *, first: bool) -> str:
    said = f"hash {version.hash}; in this run since {version.since:%Y-%m-%d}"
    if first:
        said += "; the model answered under it"
    said += (
        f"; under it stand {plural(version.labels, 'blind label')} and "
        f"{plural(version.decisions, 'decision')}"
    )
    changed = "; ".join(map(sentence, version.changes))
    return f"{said}. Changes to the one before: {changed}" if changed else said


def _system(report: Report, log: Logged) -> Entries:
    run, model = report.run, report.run.model
    yield "Software", ", ".join(f"{name} {v}" for name, v in run.versions.items()) or "–"
    if commit := run.git.get("commit"):
        if "dirty" in run.git:
            changed = ", with local changes" if run.git["dirty"] else ""
        else:
            changed = ", local changes not looked for"
        yield "Commit of the study folder", f"{commit}{changed}"
    yield "Hardware", f"{BLANK}of a model that runs on own machines"
    if model.get("kind") == "llm":
        yield (
            "Retrieval",
            (
                f"{model.get('neighbours', 0)} labelled issues and {model.get('definitions', 0)} "
                f"definitions at most for each issue, by {model.get('embedder', '–')}"
            ),
        )
        yield "Context", f"{model.get('context_tokens', '–')} tokens"
    yield "Labels the model could learn from", f"{report.coverage.learnt_from:,}"
    yield "Labels kept from it for evaluation", f"{log.reserved:,}"
    yield "Issues not shown in full", f"{log.shortened:,}"


def _prompts(report: Report) -> Entries:
    model = report.run.model
    if model.get("kind") == "llm":
        yield "Prompt", f"{model.get('prompt', '–')}, hash {model.get('prompt_hash', '–')}"
        yield "System message", f"hash {model.get('system_hash', '–')}"
        yield "Words of the prompt", f"{BLANK}attach the output of: coder prompt show"
        yield "Development of the prompt", f"{BLANK}versions tried, and on which issues"
        yield "Logs", "every request and raw answer is in calls.jsonl of the run"
    else:
        yield "Prompt", "none: a classifier"
        yield "Logs", "every proposal is in proposals.jsonl of the run"
    yield "Where the run's files are archived", f"{BLANK}address, and what had to be left out"


def _people(report: Report, log: Logged) -> Entries:
    for r in (r for r in report.coverage.raters if r.answered):
        said = f"{plural(r.blind_labels, 'blind label')}, {r.usable:,} usable"
        if r.set_aside:
            said += f" ({reasons(r.set_aside)})"
        yield f"Rater {r.rater}", f"{said}; {decisions(r) or 'no decision'}"
    yield "Who the raters are", f"{BLANK}experience, training, relation to the authors"
    for found in report.corrected[:1]:
        how = found.note or conclusions.SAMPLED[found.sampling]
        yield f"How {found.rater}'s issues were chosen", how
    yield from agreements(report)
    pairs = [pair for pair in between_first_passes(report) if pair.level == "category"]
    if all(pair.left == MODEL or pair.intra_rater for pair in pairs):
        yield "Agreement between people", f"{BLANK}there are not two raters in this run"
    for tested in report.stand_in:
        yield "Alternative annotator test", " ".join(conclusions.stand_in(report, tested))
    if not report.stand_in:
        yield "Alternative annotator test", conclusions.NO_STAND_IN
    swayed = [" ".join(conclusions.sway(report, found)) for found in report.sway]
    yield "Sway of suggestions", " ".join(swayed) or conclusions.NO_SWAY
    resolved = f"{plural(log.resolved, 'resolution')} on record; " if log.resolved else ""
    how = f"{resolved}{BLANK}by discussion, by a third person, not at all"
    yield "How disagreements were resolved", how


def _open() -> Entries:
    yield "Open model on the same issues", f"{BLANK}its name and agreement, or why there is none"


def _metrics(report: Report) -> Entries:
    yield (
        "Baseline",
        ("the agreement that always answering the reference's most frequent code would reach"),
    )
    for line in baseline_notes(report):
        yield "Not above the baseline", line
    blind = enough(pair for pair in report.pairs if pair.kind == "blind")
    if blind:
        yield "Coefficients", " ".join(coefficient_notes(report, blind))
    yield "Intervals", interval_note(report)
    if any(found.sampling != "all" for found in report.corrected):
        yield (
            "Intervals of corrected counts",
            "score intervals of the share of these very issues, exact (hypergeometric) where few "
            "counts are left open; the chance in them is which issues were labelled, so "
            "repositories are not resampled",
        )
    for found in report.corrected:
        yield "Corrected counts", " ".join(conclusions.corrected(report, found))
    yield "Confidence", " ".join(conclusions.confidence(report))
    if report.durations is not None:
        yield "Times of issues", " ".join(durations_words.measured(report.durations))
    few = report.trust is not None and conclusions.few_compared(report.trust)
    if not few and (said := conclusions.certificate(report)):
        yield "Accepting unseen", f"{said} {conclusions.certified_codes(report)}".rstrip()


def _cost(report: Report) -> Entries:
    yield "Calls, tokens and money", spent(report.usage) if report.usage else "no call to a model"
    yield "People's time", f"{BLANK}hours of labelling and review"


def _leaving(report: Report, log: Logged) -> Entries:
    model = report.run.model
    if model.get("kind") != "llm":
        yield "Texts sent", "none: the classifier runs on the own machine"
        return
    to = model.get("base_url") or f"the service behind {model.get('name', 'the model')}"
    yield "Texts sent", f"titles, bodies and comments of the issues, to {to}"
    yield (
        "Masked before sending",
        (
            "keys, e-mail addresses, user names and IP addresses"
            if model.get("redact")
            else "nothing"
        ),
    )
    for given in log.consents:
        masked = "masked texts" if given.redacted else "whole texts"
        yield (
            "Agreed to in this study",
            (f"{masked} to {given.endpoint or given.host} ({given.provider}), {given.at:%Y-%m-%d}"),
        )
    if not log.consents:
        yield "Agreed to in this study", "not on record; it is not asked for one's own server"
    yield "Ethics and terms of use", f"{BLANK}approval, and the provider's terms on the data sent"


def _limits(report: Report, log: Logged) -> Entries:
    yield "Failures", failures(report)
    if leaked := report.coverage.leaked:
        yield (
            "Leaked",
            (
                f"{plural(leaked, 'issue')} whose own label the model may have learnt from; in no "
                "comparison with it"
            ),
        )
    if log.shortened:
        yield "Long issues", f"of {plural(log.shortened, 'issue')} the model saw a part only"
    for line in warnings(report):
        yield "Warning", line.removeprefix("Warning: ")
    if report.run.model.get("kind") == "llm":
        yield "Known to the model", f"{BLANK}may issues or codebook be in its training data?"
        yield "Repeating it", f"{BLANK}does it answer alike when asked again (coder audit order)?"
    yield "What the results hold for", f"{BLANK}other projects, times, codebooks, models"


# --- what several of them say -------------------------------------------------------------------


def where(report: Report) -> str:
    repositories = report.coverage.repositories
    return f" of {plural(repositories, 'repository')}" if repositories else ""


def when(log: Logged) -> str:
    if log.first is None or log.last is None:
        return "nothing yet"
    if log.first.date() == log.last.date():
        return f"on {log.first:%Y-%m-%d} (UTC)"
    return f"between {log.first:%Y-%m-%d} and {log.last:%Y-%m-%d} (UTC)"


def failures(report: Report) -> str:
    without = {s: n for s, n in report.coverage.by_status.items() if s not in ("ok", "abstained")}
    told = ", ".join(f"{n:,} {STATUS[status]}" for status, n in without.items())
    return f"{told}; none failed" if {*without} == {"unsure"} else told or "none failed"


def prompt(model: dict[str, Any]) -> str:
    return f"prompt {model.get('prompt', '–')} (hash {str(model.get('prompt_hash', '–'))[:12]})"


def parameters(model: dict[str, Any]) -> str:
    found = dict(model.get("parameters") or {})
    for key in ("strategy", "decode", "samples", "sample_temperature", "evidence", "logprobs"):
        if key in model:
            found[key] = model[key]
    return ", ".join(f"{key} {value}" for key, value in found.items()) or "no parameters on record"
