"""A run's coded data as a data frame, for notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coder.exports.table import table
from coder.exports.table_files import frame
from coder.ratings.delivered import RunAnswers
from coder.report.certified import certified_threshold
from coder.report.model import Choices
from coder.storage.run import Run
from coder.study import Study

if TYPE_CHECKING:
    import pandas as pd


def load(run: Run | Path | str, *, wide: bool = False) -> pd.DataFrame:
    """One row an issue of a run, with what each rater and the model said of it and the final code;
    the columns are those of ``coder export``.

    ``run`` is a run, its folder, or its name in the study of the current folder. Needs pandas
    (``pip install 'issue-coder[tables]'``). Raises ``CoderError`` where there is no such run.
    """
    if isinstance(run, str) and not Path(run, "manifest.json").is_file():
        run = Run.open(Study.open().runs, run)
    elif not isinstance(run, Run):
        path = Path(run).resolve()
        run = Run.open(path.parent, path.name)
    study = Study.open(run.path)
    choices = Choices(**study.settings.report.model_dump(exclude={"draws"}))
    answers = RunAnswers(run)
    return frame(table(answers, certified=certified_threshold(answers, choices), wide=wide))
