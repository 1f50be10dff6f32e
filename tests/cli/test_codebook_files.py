"""``coder codebook new|import|export`` and ``coder init --codebook``, as typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from coder.__main__ import run as coder
from coder.codebook import load as codebooks
from coder.study import Study


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_codebook_goes_out_and_comes_in(folder, capsys):
    assert coder(["codebook", "export", "ptm-screening", "-o", "book.qdc"]) == 0
    assert coder(["codebook", "import", "book.qdc", "-o", "book.yaml", "--id", "mine"]) == 0
    book = codebooks.load(folder / "book.yaml")
    assert (book.id, len(book.codes)) == ("mine", 2)
    before = (folder / "book.yaml").read_bytes()
    assert coder(["codebook", "import", "book.qdc", "-o", "book.yaml"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert coder(["codebook", "export", "ptm-reuse", "-o", "book.yaml"]) == 2
    assert (folder / "book.yaml").read_bytes() == before


def test_the_skeleton_is_valid(folder):
    assert coder(["codebook", "new", "-o", "my-codes.yaml"]) == 0
    assert codebooks.load(folder / "my-codes.yaml").id == "my-codes"


def test_labels_become_codes(folder, capsys):
    rows = ["id,title,verdict", "1,One,Use/API", "2,Two,Use > API", "3,\x1b[2J,Bug", "4,Four,none"]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    command = ["codebook", "new", "--from", "labels.csv", "--column"]
    assert coder([*command, "verdict", "-o", "new.yaml"]) == 0
    assert "1 × no code fits, which is no code" in capsys.readouterr().err
    book = codebooks.load(folder / "new.yaml")
    assert [code.id for code in book.codes] == ["use", "use.api", "bug"]
    assert "Given 2 times in labels.csv" in book.by_id["use.api"].definition
    assert "\x1b" not in (folder / "new.yaml").read_text()
    assert coder([*command, "verdikt", "-o", "other.yaml"]) == 3
    assert "did you mean 'verdict'" in capsys.readouterr().err


def test_a_study_begins_with_a_codebook_of_ones_own(folder):
    (folder / "our codes.csv").write_text("name,definition\nBug,A fault.\nWish,A request.\n")
    assert coder(["init", "study", "--codebook", "our codes.csv"]) == 0
    study = Study.open(folder / "study")
    assert study.settings.codebook == "our-codes"
    book = codebooks.load(folder / "study" / "codebook" / "our-codes.yaml")
    assert [code.name for code in book.codes] == ["Bug", "Wish"]


def test_a_codebook_that_is_none_makes_no_study(folder, capsys):
    assert coder(["init", "study", "--codebook", "nothing"]) == 3
    assert not (folder / "study").exists()
