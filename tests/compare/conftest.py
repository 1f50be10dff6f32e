"""The fixture every test of comparisons starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.runs import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs")
