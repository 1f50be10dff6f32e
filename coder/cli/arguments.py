"""Arguments that many verbs take: names of runs, which a shell completes, and names of raters."""

from __future__ import annotations

import click

from coder.resources import study_root
from coder.spelling import visible


def run_names(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """The runs of the study one stands in, for a shell that completes what is typed."""
    try:
        made = sorted(file.parent.name for file in (study_root() / "runs").glob("*/manifest.json"))
    except OSError:
        return []
    return [name for name in made if name.startswith(begun)]


def rater_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """A name as it is kept: letters composed, and nothing in it that nobody sees."""
    return None if name is None else visible(name)
