"""``coder sample``: draws issues at random from a file, and says with what probability each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from coder.cli.arguments import open_run, run_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coder.records import Issue, Sampling
    from coder.sources.drawing import Drawn


@click.command("sample")
@click.argument("issues", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, metavar="SAMPLE.jsonl",
    type=click.Path(path_type=Path, dir_okay=False), help="Replaced when it exists.",
)  # fmt: skip
@click.option("--size", type=click.IntRange(min=1), metavar="N", help="How many to draw.")
@click.option(
    "--margin", type=click.FloatRange(0, 0.5, min_open=True), metavar="E",
    help="As many as tell any share to within E, e.g. 0.05.",
)  # fmt: skip
@click.option(
    "--kappa", type=click.FloatRange(0, 1), metavar="K",
    help="As many as tell a kappa of about K to within --width.",
)  # fmt: skip
@click.option(
    "--width", type=click.FloatRange(0, 1, min_open=True), default=0.2, show_default=True,
    metavar="W", help="Of the interval of that kappa.",
)  # fmt: skip
@click.option(
    "--chance", type=click.FloatRange(0, 1, max_open=True), metavar="P",
    help="Agreement by chance, for --kappa.  [default: of equally frequent categories]",
)  # fmt: skip
@click.option(
    "--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, metavar="P",
    help="Of --margin and --width.",
)  # fmt: skip
@click.option(
    "--where", metavar="RUN=CODE",
    help="Only issues whose final code in a run is CODE, or, with !=, is not.",
)  # fmt: skip
@click.option("--by", type=click.Choice(("repo", "month", "code")), help="Draw in strata.")
@click.option(
    "--run", "name", shell_complete=run_names, metavar="RUN",
    help="Whose proposed codes --by code means, and whose errors neyman goes by.",
)  # fmt: skip
@click.option(
    "--allocation", type=click.Choice(("proportional", "equal", "neyman")), default="proportional",
    show_default=True, help="Places for strata: by size, as many for each, by size and errors.",
)  # fmt: skip
@click.option("--seed", type=int, help="[default: the study's]")
@click.option(
    "--extend", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="SAMPLE.jsonl", help="Draw on from this sample, as it was drawn.",
)  # fmt: skip
def command(
    issues: Path | None,
    output: Path,
    where: str | None,
    by: str | None,
    name: str | None,
    allocation: Literal["proportional", "equal", "neyman"],
    seed: int | None,
    extend: Path | None,
    **sizes: Any,
) -> None:
    """Draw a random sample of issues.

    Of ISSUES, or of those that a run screens in or out.

    Beside it stands how it was drawn (SAMPLE.sampling.json: frame, seed, strata) and each issue's
    inclusion probability (SAMPLE.sampling.csv). The same seed draws the same issues, and a larger
    sample holds the smaller one.
    """
    from coder.errors import UsageError
    from coder.sources.drawing import draw
    from coder.study import Study

    if name is not None and by != "code" and allocation != "neyman":
        raise UsageError(f"--run {name} would not be used", "add --by code, or leave it out")
    if issues is not None and output.resolve() == issues.resolve():
        raise UsageError(f"{output} would be replaced by its own sample", "name another file: -o")
    frame = _frame(issues, where)
    seed = Study.open().settings.seed if seed is None else seed
    before = _earlier(extend, frame) if extend else None
    if before is not None:
        seed, allocation, by = before.seed, before.allocation, before.by or None
    size, reason = _size(len(frame), **sizes)
    if before is not None and size < before.size:
        raise UsageError(f"{extend} has {before.size:,} issues already", "draw more than these")
    strata = _strata(frame, by, name)
    if allocation == "neyman" and strata is None:
        raise UsageError("--allocation neyman is for strata", "say which: --by")
    spread = _spread(strata, name) if allocation == "neyman" and strata and not before else None
    drawn = draw(
        frame, size, name=issues.name if issues else where or "", seed=seed, strata=strata,
        by=by or "", allocation=allocation, spread=before.spread if before else spread,
        where=where or "", reason=reason,
    )  # fmt: skip
    if extend is not None:
        _require_held(extend, drawn)
    _write(output, drawn, issues)
    _say(output, drawn.sampling)


def _say(output: Path, made: Sampling) -> None:
    """What was drawn, and about what it says nothing."""
    from coder.cli.terminal import console, safe
    from coder.sources.drawing import sidecar
    from coder.text.spelling import plural

    console.print(
        f"[bold]{safe(output)}[/]: {plural(made.size, 'issue')} of {made.issues:,}, "
        f"seed {made.seed}"
        + (f", {made.allocation} by {made.by} ({len(made.strata):,} strata)" if made.by else "")
        + (f"; {made.reason}" if made.reason else ""),
        soft_wrap=True,
    )
    console.print(
        f"how they were drawn: {safe(sidecar(output))}, {safe(sidecar(output, '.csv'))}",
        soft_wrap=True,
    )
    empty = [group for group, (_, places) in made.strata.items() if not places]
    if empty:
        console.print(
            f"[yellow]No issue of {len(empty):,} strata[/], about which the sample says nothing: "
            f"{safe(', '.join(empty[:5]))}{' ...' if len(empty) > 5 else ''}",
            soft_wrap=True,
        )


def _frame(issues: Path | None, where: str | None) -> list[Issue]:
    """The issues drawn from: those of the file, of these the ones that a run screens in."""
    from coder.cli.screening import take
    from coder.errors import UsageError
    from coder.sources.issues import load_issues
    from coder.study import Study

    if where is None:
        if issues is None:
            raise UsageError("there is nothing to draw from", "name a file of issues, or --where")
        return load_issues(issues)
    taken, _ = take(Study.open(), where)
    return [i for i in load_issues(issues) if i.id in taken] if issues else [*taken.values()]


def _write(output: Path, drawn: Drawn, frame: Path | None) -> None:
    """The issues, and beside them how they were drawn."""
    from coder.escaping import no_formula
    from coder.files.atomic_write import write_atomically
    from coder.files.hashing import as_data_file
    from coder.report.escaping import csv_table
    from coder.sources.drawing import sidecar, write_sampling

    write_atomically(output, "".join(issue.to_json() + "\n" for issue in drawn.issues))
    rows = (
        (no_formula(i.id), no_formula(drawn.stratum[i.id]), drawn.chance(i.id))
        for i in drawn.issues
    )
    write_atomically(sidecar(output, ".csv"), csv_table(("id", "stratum", "chance"), rows))
    issues = None if drawn.sampling.where else drawn.sampling.issues
    files = {
        "frame_file": as_data_file(frame, output.parent, issues) if frame else None,
        "sample_file": as_data_file(output, output.parent, len(drawn.issues)),
    }
    write_sampling(output, drawn.sampling.model_copy(update=files))


def _require_held(sample: Path, drawn: Drawn) -> None:
    """Stops where the issues of ``sample`` are not among those drawn on from it."""
    from coder.errors import UsageError
    from coder.sources.issues import load_issues

    lost = {issue.id for issue in load_issues(sample)} - {issue.id for issue in drawn.issues}
    if lost:
        raise UsageError(
            f"{len(lost):,} issues of {sample} would not be drawn again",
            "the strata are others than they were, or the file was changed",
        )


def _earlier(sample: Path, frame: Sequence[Issue]) -> Sampling:
    """How the sample that is drawn on from was drawn; ``UsageError`` where it was not from here."""
    from coder.errors import UsageError
    from coder.sources.drawing import read_sampling, sidecar
    from coder.storage.run import data_hash

    found = read_sampling(sample)
    if found is None:
        raise UsageError(f"there is no {sidecar(sample)}", "only a sample can be drawn on from")
    if found.frame_hash != data_hash(frame):
        raise UsageError(
            f"{sample} was drawn from another set of issues", f"its frame was {found.frame}"
        )
    return found


def _size(
    issues: int,
    size: int | None,
    margin: float | None,
    kappa: float | None,
    width: float,
    chance: float | None,
    confidence: float,
) -> tuple[int, str]:
    """How many to draw, and what for; told in one way."""
    from coder.agreement.planning import size_for_kappa, size_for_margin
    from coder.errors import UsageError

    if sum(one is not None for one in (size, margin, kappa)) != 1:
        raise UsageError("the size is to be told once", "give --size, --margin or --kappa")
    if size is not None:
        return size, ""
    if margin is not None:
        reason = f"any share to within {margin:g} with confidence {confidence:.0%}"
        return size_for_margin(issues, margin, confidence), reason
    assert kappa is not None
    agreed = 1 / _categories() if chance is None else chance
    return size_for_kappa(issues, kappa, width, agreed, confidence), (
        f"an interval of {width:g} for a kappa of {kappa:g} with confidence {confidence:.0%}, if "
        f"raters agree in {agreed:.0%} by chance"
    )


def _categories() -> int:
    """How many categories the study's codebook has."""
    from coder.codebook import load as codebooks
    from coder.files.resources import find
    from coder.study import Study

    study = Study.open()
    book = codebooks.load(find("codebook", study.settings.codebook, ".yaml", study.root))
    return max(2, len(book.children[None]))


def _strata(frame: Sequence[Issue], by: str | None, name: str | None) -> dict[str, str] | None:
    from coder.errors import UsageError
    from coder.ratings.delivered import RunAnswers
    from coder.ratings.strata import by_code
    from coder.sources.drawing import by_month, by_repository

    if by == "repo":
        return by_repository(frame)
    if by == "month":
        return by_month(frame)
    if by is None:
        return None
    if name is None:
        raise UsageError("--by code and --run go together", "name the run whose codes are meant")
    return by_code(RunAnswers(open_run(name)), frame)


def _spread(strata: Mapping[str, str], name: str | None) -> dict[str, float]:
    """How far the run's model errs in each stratum, by the rater with most labels."""
    from coder.errors import UsageError
    from coder.ratings.delivered import RunAnswers
    from coder.ratings.strata import spread_of_errors
    from coder.report.coverage import most_labels

    if name is None:
        raise UsageError("neyman goes by a model's errors", "name the run they are told by: --run")
    found = RunAnswers(open_run(name))
    rater = most_labels(found.raters)
    return spread_of_errors(found, rater.blind.answers if rater else {}, strata)
