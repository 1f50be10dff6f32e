"""``coder codebook refine``: rules for the borders of codes that were taken for each other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import rater_name, run_names
from coder.cli.asking import agree_to_run, agree_to_send, say_used, send_to

if TYPE_CHECKING:
    from coder.ratings.confusions import Confusions
    from coder.records.refinement import Confusion, Draft, HeldOut, Verdict
    from coder.revision.refine import Contrast
    from coder.storage.run import Run
    from coder.study import Study

USUAL_SHARE = 0.25
"""The issues that are held out, to measure on them what the rules are worth."""
SHOWN = 6
"""Issues of a pair that the terminal names; all are counted."""


@click.command("refine")
@click.argument("name", shell_complete=run_names)
@click.option(
    "--rater", "only", multiple=True, metavar="NAME", help="Only this rater's answers; repeatable."
)
@click.option("--by", callback=rater_name, help="Who decides about the drafts.")
@click.option("--model", help="The chat model that drafts; the study's by default.")
@click.option(
    "--hold-out", type=click.FloatRange(0, 1, max_open=True), metavar="SHARE",
    help=f"Issues no rule is drafted from, drawn by chance the first time [{USUAL_SHARE}].",
)  # fmt: skip
@click.option(
    "--pairs", type=click.IntRange(min=1), default=10, show_default=True,
    help="Look at so many pairs of codes, the most confused first.",
)  # fmt: skip
@click.option("--list", "listing", is_flag=True, help="Show the drafts and ask nobody.")
@click.option("--apply", "applying", is_flag=True, help="Make what was accepted the next version.")
@send_to
def refine(
    name: str,
    only: tuple[str, ...],
    by: str | None,
    model: str | None,
    hold_out: float | None,
    pairs: int,
    listing: bool,
    applying: bool,
    send_to: tuple[str, ...],
) -> None:
    """Draft rules where raters, or the model and raters, differ in run NAME.

    A chat model drafts them; without one, the issues are shown to write a rule from. You accept,
    edit or reject each. The same command goes on where you stopped.
    """
    from coder.cli.terminal import console
    from coder.errors import UsageError
    from coder.ratings.confusions import confusions, reserved_issues
    from coder.storage.run import Run
    from coder.study import Study

    study = Study.open(model={"name": model})
    run = Run.open(study.runs, name)
    if applying:
        _apply(study, run)
        return
    if by is None and not listing:
        raise UsageError(
            "who decides about the drafts is not said",
            f"add --by NAME, or see them first: coder codebook refine {name} --list",
        )
    others = [Run(file.parent) for file in sorted(study.runs.glob("*/manifest.json"))]
    found = confusions(run, reserved_issues(others), _draw(study, run, hold_out), only)
    chosen = found.pairs[:pairs]
    left = f"; the {len(chosen)} most confused are looked at" if found.pairs[pairs:] else ""
    console.print(
        f"{len(found.pairs):,} pairs of codes were taken for each other, not counting "
        f"{len(found.kept_away):,} issues that are held out or reserved{left}.",
        soft_wrap=True,
    )
    if chosen:
        drafts = _drafts(study, run, chosen, found, send_to)
        _decide(run, chosen, drafts, None if listing else by)


def _draw(study: Study, run: Run, share: float | None) -> HeldOut:
    """The issues held out: as they were drawn the first time."""
    from coder.errors import UsageError
    from coder.records.refinement import HeldOut
    from coder.revision.refine import hold_outs

    journal = hold_outs(run)
    with journal.writing("coder codebook refine"):
        known = next(iter(journal), None)
        if known is None:
            known = HeldOut(share=USUAL_SHARE if share is None else share, seed=study.settings.seed)
            journal.append([known])
    if share not in (None, known.share):
        raise UsageError(
            f"run {run.name!r} holds out {known.share:g} of its issues since it was first refined",
            "leave --hold-out away: issues that were read cannot be held out any more",
        )
    return known


@dataclass(frozen=True)
class _Drafts:
    by_pair: dict[tuple[str, str], list[Draft]]
    contrasts: dict[tuple[str, str], list[Contrast]]


def _drafts(
    study: Study,
    run: Run,
    pairs: Sequence[Confusion],
    found: Confusions,
    send_to: tuple[str, ...],
) -> _Drafts:
    if study.settings.model.name == "embedded":
        return _to_write(study, run, pairs, found)
    from coder.cli.terminal import err_console, safe
    from coder.proposers.chat.border_rules import draft_rules, shown_of
    from coder.records import Call
    from coder.revision.refine import FOLDER
    from coder.storage.journal import Journal

    shown = dict.fromkeys(issue_id for pair in pairs for issue_id in shown_of(pair))
    agree_to_send(study, [run.issues[issue_id] for issue_id in shown], send_to)
    calls = Journal(run.path / FOLDER / "calls.jsonl", Call)
    with calls.writing("coder codebook refine"):
        made = draft_rules(study, run.codebook, run.issues, pairs, calls)
    say_used(study, calls, "drafting")
    if aside := made.set_aside:
        why = ", ".join(f"{n} × {safe(reason)}" for reason, n in aside.most_common())
        err_console.print(f"Of the model's answers {aside.total()} set aside: {why}.")
    drafts: dict[tuple[str, str], list[Draft]] = {}
    for draft in made.drafts:
        drafts.setdefault(draft.pair, []).append(draft)
    return _Drafts(drafts, {})


def _to_write(study: Study, run: Run, pairs: Sequence[Confusion], found: Confusions) -> _Drafts:
    from coder.proposers.chat.border_rules import settled, shown_of
    from coder.retrieval.embedders import open_embedder
    from coder.revision.refine import contrasts, to_write

    agree_to_run(study, len(run.issues))
    encoder = open_embedder(study.settings.retrieval.embedder, study.root)
    drafts = {
        pair.codes: [to_write(pair, shown_of(pair), settled(pair, shown_of(pair)))]
        for pair in pairs
    }
    near = {pair.codes: contrasts(run, pair, found.coded, encoder) for pair in pairs}
    return _Drafts(drafts, near)


def _decide(run: Run, pairs: Sequence[Confusion], found: _Drafts, by: str | None) -> None:
    """Go through what nobody has decided; every verdict is on disk before the next draft shows.
    With nobody to decide, all is listed."""
    from coder.cli.terminal import console, safe
    from coder.revision.refine import accepted, verdicts

    journal = verdicts(run)
    with journal.writing("coder codebook refine"):
        done = {verdict.draft: verdict for verdict in journal}
        left = sum(d.id not in done for drafts in found.by_pair.values() for d in drafts)
        for pair in pairs:
            drafts = [
                d for d in found.by_pair.get(pair.codes, ()) if by is None or d.id not in done
            ]
            if not drafts and by is not None:
                continue
            _show_pair(run, pair, found.contrasts.get(pair.codes, ()))
            for draft in drafts:
                _show(draft, done.get(draft.id))
                if by is None:
                    continue
                verdict = _asked(draft, by)
                if verdict is None:
                    console.print(f"{left} left; the same command goes on here.")
                    return
                journal.append([verdict])
                left -= 1
        if by is None:
            return
        count = len(accepted(journal))
    console.print(f"All drafts are decided; {count} accepted.")
    if count:
        console.print(f"Next: coder codebook refine {safe(run.name)} --apply")


def _show_pair(run: Run, pair: Confusion, near: Sequence[Contrast]) -> None:
    from collections import Counter

    from coder.cli.terminal import console, safe
    from coder.revision.code_suggestions import heading

    one, other = (run.codebook.path(code) for code in pair.codes)
    kinds: Counter[str] = Counter(dispute.kind for dispute in pair.disputes)
    told = (
        ("raters", "between raters"),
        ("model", "of model and rater"),
        ("correction", "corrected"),
    )
    counts = ", ".join(f"{kinds[kind]} {words}" for kind, words in told if kinds[kind])
    console.print(
        f"\n[bold]{safe(one)}[/] / [bold]{safe(other)}[/]: {len(pair.issues)} issues ({counts})",
        soft_wrap=True,
    )
    for issue_id in pair.issues[:SHOWN]:
        said = dict.fromkeys(
            said
            for dispute in pair.disputes
            if dispute.issue_id == issue_id
            for said in zip(dispute.who, dispute.codes, strict=True)
        )
        answers = ", ".join(f"{who}: {code}" for who, code in said)
        title = heading(run.issues[issue_id])
        console.print(f"  {safe(issue_id)}  {safe(title)} [dim]({safe(answers)})[/]")
        for memo in pair.memos.get(issue_id, ()):
            console.print(f"      [dim]memo: {safe(' '.join(memo.split()))}[/]")
    if len(pair.issues) > SHOWN:
        console.print(f"  ... and {len(pair.issues) - SHOWN} more")
    if near:
        console.print("  Alike, and coded differently by everyone who coded them:")
    for found in near:
        console.print(
            f"    {safe(found.one.id)}  {safe(heading(found.one))}\n"
            f"    {safe(found.other.id)}  {safe(heading(found.other))} "
            f"[dim]alike {found.similarity:.2f}[/]"
        )


def _show(draft: Draft, decided: Verdict | None = None) -> None:
    from coder.cli.terminal import console, safe

    if decided is not None:
        what = {"accept": "accepted", "edit": "accepted as", "reject": "rejected"}[decided.action]
        as_it_is = f" {safe(decided.rule.line)}" if decided.action == "edit" else ""
        console.print(f"  [dim]Decided, {what}:[/]{as_it_is}", soft_wrap=True)
    if not draft.text:
        console.print("  No model drafted a rule: e writes one, r goes on without.", soft_wrap=True)
        return
    alone = " [yellow]It rests on a single issue.[/]" if len(draft.issues) == 1 else ""
    console.print(
        f"  [bold]{safe(draft.code)}[/] {draft.kind}s: {safe(draft.line)}\n"
        f"    rests on {safe(', '.join(draft.issues))}; these are {draft.settles} of the pair's "
        f"{draft.disputes} disagreements.{alone}",
        soft_wrap=True,
    )


def _asked(draft: Draft, by: str) -> Verdict | None:
    """The verdict of a person; ``None`` when they stop here."""
    from coder.records.refinement import Verdict

    keys = "a accept, e edit, r reject, q quit" if draft.text else "e write, r skip, q quit"
    while True:
        said = _line(f"  {keys}: ")
        if said is None or said.lower() == "q":
            return None
        if said.lower() == "r":
            return Verdict(by=by, draft=draft.id, action="reject", rule=draft)
        if said.lower() == "a" and draft.text:
            return Verdict(by=by, draft=draft.id, action="accept", rule=draft)
        if said.lower() == "e":
            rule = _edited(draft)
            if rule is not None:
                return Verdict(by=by, draft=draft.id, action="edit", rule=rule)


def _edited(draft: Draft) -> Draft | None:
    """The rule as a person words it; an empty line keeps what is in brackets."""
    from coder.records import NONE_CODE

    codes = [code for code in draft.pair if code != NONE_CODE]
    code = _choice("  of which code", codes, draft.code if draft.code in codes else codes[0])
    kind = _choice("  include or exclude", ["include", "exclude"], draft.kind)
    to = ""
    others = [other for other in codes if other != code]
    if kind == "exclude" and others:
        to = _choice("  which code it gets instead", [*others, "-"], draft.to or others[0])
        to = "" if to == "-" else to
    text = " ".join((_line(f"  the rule [{draft.text}]: ") or draft.text).split())
    if not text:
        click.echo("  A rule has words; nothing was changed.")
        return None
    return draft.model_copy(update={"code": code, "kind": kind, "to": to, "text": text})


def _choice(what: str, options: Sequence[str], usual: str) -> str:
    usual = usual if usual in options else options[0]
    while True:
        said = _line(f"{what} ({', '.join(options)}) [{usual}]: ")
        if not said:
            return usual
        if said in options:
            return said


def _line(ask: str) -> str | None:
    """A line that is typed, without space around it; ``None`` at the end of the input."""
    from coder.cli.terminal import plain_line

    click.echo(plain_line(ask).rstrip() + " ", nl=False)
    said = sys.stdin.readline()
    return said.strip() if said else None


def _apply(study: Study, run: Run) -> None:
    """Accepted rules become lines of the codebook's file and so its next version; says what is
    stale by it."""
    from coder.cli.codebook import bump_and_tell, show_effects
    from coder.cli.terminal import console, safe
    from coder.codebook import load as codebooks
    from coder.errors import CoderError, UsageError
    from coder.files.atomic_write import write_atomically
    from coder.files.reading import read_text
    from coder.revision import migration
    from coder.revision import new_version as files
    from coder.revision.refine import accepted, open_rules, verdicts, write_rules
    from coder.text.spelling import plural

    path = files.resolve(study, study.settings.codebook)
    book = codebooks.load(path)
    if book.id != run.codebook.id:
        raise UsageError(
            f"the study is set to codebook {book.id!r}, and run {run.name!r} is coded with "
            f"{run.codebook.id!r}",
            "set codebook in study.toml to the one of the run",
        )
    rules = open_rules(book, accepted(verdicts(run)))
    if not rules:
        raise UsageError(
            f"no accepted rule of run {run.name!r} is missing in {path}",
            f"decide about drafts first: coder codebook refine {run.name}",
        )
    if files.version_file(study, path, book.id, book.version) is None:
        files.bump(study, path)
    before = read_text(path)
    write_rules(path, rules)
    try:
        bump_and_tell(study, path, f"{plural(len(rules), 'rule')} from run {run.name}.")
    except CoderError:
        write_atomically(path, before)
        raise
    alone = [rule for rule in rules if len(rule.issues) == 1]
    if alone:
        console.print(f"[yellow]{len(alone)} of the rules rest on a single issue.[/]")
    planned, effects = migration.plan(run, path)
    show_effects(planned.changes, effects)
    console.print(
        "What the rules are worth, on issues they were not drafted from: propose a new run with "
        f"this version, then: coder codebook worth {safe(run.name)} NEW_RUN",
        soft_wrap=True,
    )
