"""A study folder for the tests that go through the command line."""

from __future__ import annotations

import json

import pytest

PETS = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats., include: [kittens]}
  - {id: dog, name: Dog, definition: Dogs.}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a codebook and six issues; the model is asked as it comes, with the
    retries and time limits that users have."""
    (tmp_path / "pets.yaml").write_text(PETS)
    issues = [{"id": f"i{n}", "title": f"Cat {n}", "body": "It meows."} for n in range(6)]
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(issue) + "\n" for issue in issues))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODER_RETRIEVAL__EMBEDDER", "none")
    monkeypatch.setenv("CODER_CODEBOOK", "pets.yaml")
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path
