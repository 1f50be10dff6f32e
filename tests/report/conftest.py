"""The fixture every test of the report starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.runs import Maker

# Imported before anything is set: what is first imported while it is would keep the number.
import coder.compare.wording  # noqa: F401
from coder.report import conclusions, sentences, status


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs")


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of a handful of issues are shown, so that they can be followed by hand."""
    for module in (sentences, status, conclusions):
        monkeypatch.setattr(module, "FEWEST_SHARED", 1)
