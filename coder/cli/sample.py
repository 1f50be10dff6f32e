"""``coder sample``: draws issues at random from a file, and says with what probability each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from coder.cli.arguments import open_run, run_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coder.records import Issue, Sampling


@click.command("sample")
@click.argument("issues", type=click.Path(path_type=Path))
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
@click.option("--by", type=click.Choice(("repo", "month", "code")), help="Draw in strata.")
@click.option(
    "--run", "name", shell_complete=run_names, metavar="RUN",
    help="Whose proposed codes --by code means.",
)  # fmt: skip
@click.option(
    "--allocation", type=click.Choice(("proportional", "equal")), default="proportional",
    show_default=True, help="Places for strata: by size, or as many for each.",
)  # fmt: skip
@click.option("--seed", type=int, help="[default: the study's]")
@click.option(
    "--extend", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="SAMPLE.jsonl", help="Draw on from this sample, as it was drawn.",
)  # fmt: skip
def command(
    issues: Path,
    output: Path,
    size: int | None,
    margin: float | None,
    kappa: float | None,
    width: float,
    chance: float | None,
    confidence: float,
    by: str | None,
    name: str | None,
    allocation: Literal["proportional", "equal"],
    seed: int | None,
    extend: Path | None,
) -> None:
    """Draw a random sample of ISSUES.

    Beside it stands how it was drawn (SAMPLE.sampling.json: frame, seed, strata) and each issue's
    inclusion probability (SAMPLE.sampling.csv). The same seed draws the same issues, and a larger
    sample holds the smaller one.
    """
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.escaping import no_formula
    from coder.files.atomic_write import write_atomically
    from coder.files.hashing import as_data_file
    from coder.report.escaping import csv_table
    from coder.sources.drawing import draw, sidecar, write_sampling
    from coder.sources.issues import load_issues
    from coder.study import Study
    from coder.text.spelling import plural

    frame = load_issues(issues)
    seed = Study.open().settings.seed if seed is None else seed
    before = _earlier(extend, frame) if extend else None
    if before is not None:
        seed, allocation, by = before.seed, before.allocation, before.by or None
    size, reason = _size(len(frame), size, margin, kappa, width, chance, confidence)
    if before is not None and size < before.size:
        raise UsageError(f"{extend} has {before.size:,} issues already", "draw more than these")
    if (by == "code") != (name is not None):
        raise UsageError("--by code and --run go together", "name the run whose codes are meant")
    drawn = draw(
        frame, size, name=issues.name, seed=seed, strata=_strata(frame, by, name), by=by or "",
        allocation=allocation, reason=reason,
    )  # fmt: skip
    write_atomically(output, "".join(issue.to_json() + "\n" for issue in drawn.issues))
    files = {
        "frame_file": as_data_file(issues, output.parent, len(frame)),
        "sample_file": as_data_file(output, output.parent, len(drawn.issues)),
    }
    write_sampling(output, drawn.sampling.model_copy(update=files))
    rows = (
        (no_formula(issue.id), drawn.stratum[issue.id], drawn.chance(issue.id))
        for issue in drawn.issues
    )
    chances = sidecar(output).with_suffix(".csv")
    write_atomically(chances, csv_table(("id", "stratum", "chance"), rows))
    console.print(
        f"[bold]{safe(output)}[/]: {plural(size, 'issue')} of {len(frame):,}, seed {seed}"
        + (f", {allocation} by {by} ({len(drawn.sampling.strata):,} strata)" if by else "")
        + (f"; {reason}" if reason else ""),
        soft_wrap=True,
    )
    console.print(f"how they were drawn: {safe(sidecar(output))}, {safe(chances)}", soft_wrap=True)
    empty = [group for group, (_, places) in drawn.sampling.strata.items() if not places]
    if empty:
        console.print(
            f"[yellow]No issue of {len(empty):,} strata[/], about which the sample says nothing: "
            f"{safe(', '.join(empty[:5]))}{' ...' if len(empty) > 5 else ''}",
            soft_wrap=True,
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
    from coder.ratings.delivered import RunAnswers
    from coder.sources.drawing import by_month, by_repository

    if by == "repo":
        return by_repository(frame)
    if by == "month":
        return by_month(frame)
    if by == "code":
        assert name is not None
        said = RunAnswers(open_run(name)).model.answers
        return {
            issue.id: (";".join(said[issue.id]) or "none") if issue.id in said else "(no answer)"
            for issue in frame
        }
    return None
