"""What is public can be imported, and costs nothing before it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

import coder


@pytest.mark.parametrize("name", coder.__all__)
def test_what_is_public_is_there(name):
    assert getattr(coder, name).__doc__
    assert name in dir(coder)


def test_what_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        coder.Nothing  # noqa: B018


def test_importing_the_package_imports_nothing_of_it():
    script = "import coder, sys; print([m for m in sys.modules if m.startswith('coder.')])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['coder.telemetry']"


def test_every_public_name_is_in_its_page():
    from pathlib import Path

    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    for name in coder.__all__:
        assert f"`{name}`" in page or f"coder.{name}" in page, name
