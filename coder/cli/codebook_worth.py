"""``coder codebook worth``: whether a sharper codebook made the model agree better with people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names

if TYPE_CHECKING:
    from coder.compare.worth import Worth


@click.command("worth")
@click.argument("old", shell_complete=run_names)
@click.argument("new", shell_complete=run_names)
def worth(old: str, new: str) -> None:
    """Compare run NEW, made with the refined codebook, with run OLD before it.

    Both against the same blind labels, on issues that no accepted rule was drafted from.
    """
    from coder.cli.terminal import console, safe
    from coder.compare.worth import worth as measure
    from coder.report.wording import describe_model
    from coder.storage.run import Run
    from coder.study import Study
    from coder.text.spelling import plural

    study = Study.open()
    before, after = (Run.open(study.runs, name) for name in (old, new))
    others = [Run(file.parent) for file in sorted(study.runs.glob("*/manifest.json"))]
    settings = study.settings
    found = measure(before, after, others, draws=settings.report.draws, seed=settings.seed)
    console.print(
        f"{plural(found.rules, 'accepted rule')}; left out: {found.drafted_from:,} issues that "
        f"rules were drafted from and {found.alike:,} near-duplicates of these.",
        soft_wrap=True,
    )
    console.print(
        "On issues held out by chance before any rule was drafted:"
        if found.drawn
        else "No issues had been held out. On those that no rule was drafted from, among which are "
        "fewer errors of the old codebook than usual, so that the difference flatters it:",
        soft_wrap=True,
    )
    models = [describe_model(run.manifest.model) for run in (before, after)]
    if models[0] != models[1]:
        console.print(
            f"[yellow]The runs differ in more than the codebook: {safe(models[0])} and "
            f"{safe(models[1])}.[/]",
            soft_wrap=True,
        )
    for one in found.found:
        _show(one)


def _show(one: Worth) -> None:
    from coder.cli.terminal import console, safe
    from coder.report.wording import figure

    p_value = one.test.p_value
    exact = "" if p_value is None else f", McNemar p {p_value:.3f}"
    console.print(
        f"[bold]{safe(one.rater)}[/], by {one.level}, n {one.n:,} in {one.clusters:,} clusters: "
        f"{one.test.only_left} newly right, {one.test.only_right} newly wrong{exact}",
        soft_wrap=True,
    )
    for what, change in (("agreement", one.share), ("kappa", one.kappa)):
        difference = change.difference
        note = f" ({safe(difference.note)})" if difference.value is None else ""
        console.print(
            f"  {what}: {figure(change.right)} -> {figure(change.left)}, difference "
            f"{figure(difference)}{note}",
            soft_wrap=True,
            markup=False,
        )
