"""``coder codebook diff|bump|migrate``, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coder.__main__ import run as coder
from coder.codebook import load as codebooks
from coder.files.resources import shipped
from coder.records import Action, Change, Decision
from coder.storage.run import Run

BOOK = """\
# What people complain about. Keep this comment.
id: pets
name: Pets   # not the shop
version: '1.2'  # raised by coder
codes:
- {id: cat, name: Cat, definition: Cats meow and purr.}

- id: dog
  name: Dog
  definition: >-
    Dogs bark
    and fetch sticks.
"""
BIRD = "- {id: bird, name: Bird, definition: Birds sing.}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "study.toml").write_text('codebook = "pets"\n[retrieval]\nembedder = "none"\n')
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(BOOK)
    rows = [
        {"id": "c", "title": "The cat purrs", "body": "All night."},
        {"id": "d", "title": "My dog barks", "body": "At sticks."},
    ]
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "blind.csv").write_text("id,code\nc,cat\nd,dog\n")
    return tmp_path


@pytest.fixture
def proposed(folder, capsys) -> Path:
    assert coder(["propose", "issues.jsonl", "--run", "first"]) == 0
    assert coder(["label", "import", "blind.csv", "--rater", "ann", "--run", "first"]) == 0
    capsys.readouterr()
    return folder


def typed(capsys, *arguments: str) -> tuple[int, str]:
    code = coder(["codebook", *arguments])
    said = capsys.readouterr()
    return code, said.out + said.err


def edit(folder: Path, before: str, after: str) -> None:
    path = folder / "codebook" / "pets.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_the_first_bump_keeps_what_there_is_and_the_next_one_raises_the_version(folder, capsys):
    code, said = typed(capsys, "bump")
    assert code == 0 and "There is no earlier 1.2" in said
    assert (folder / "codebook" / "pets.yaml").read_text() == BOOK
    code, said = typed(capsys, "bump")
    assert code == 2 and "nothing changed" in said
    edit(folder, "Cats meow and purr.", "Cats meow.")
    code, said = typed(capsys, "bump", "--note", "Purring was never asked about.")
    assert code == 0 and "1.2 -> 2.0" in said
    text = (folder / "codebook" / "pets.yaml").read_text()
    assert text == BOOK.replace("'1.2'", "'2.0'").replace("meow and purr", "meow")
    assert (folder / "codebook" / ".versions" / "pets@1.2.yaml").read_text() == BOOK
    assert (folder / "codebook" / ".versions" / "pets@2.0.yaml").read_text() == text
    edit(folder, "- id: dog", BIRD + "- id: dog")
    assert "2.0 -> 2.1" in typed(capsys, "bump", "pets", "--note", "Birds came up.")[1]
    told = (folder / "codebook" / "pets.CHANGELOG.md").read_text()
    assert told.startswith("# Changes of Pets\n\n## 2.1 - ")
    assert told.index("added bird") < told.index("## 2.0 - ") < told.index("Purring was never")
    assert "- redefined cat (definition)" in told


def test_a_run_tells_what_the_version_before_was(proposed, capsys):
    edit(proposed, "name: Cat,", "name: Cats,")
    code, said = typed(capsys, "bump")
    assert code == 0 and "1.2 -> 2.0" in said
    assert "renamed cat (Cat -> Cats)" in said
    assert "coder codebook migrate first --dry-run" in said


@pytest.mark.parametrize(
    ("version", "change", "after"),
    [
        ("1", ("Cats meow and purr.", "Cats."), "2"),
        ("1.2.3", ("Cats meow and purr.", "Cats."), "2.0.0"),
        ("1.2.3", ("- id: dog", BIRD + "- id: dog"), "1.3.0"),
        ("1.2.3", ("Dogs bark", "dogs bark"), "1.2.4"),
        ("v9", ("Cats meow and purr.", "Cats."), "v10"),
    ],
)
def test_which_number_is_raised(version, change, after, folder, capsys):
    edit(folder, "'1.2'", version)
    typed(capsys, "bump")
    edit(folder, *change)
    assert typed(capsys, "bump")[0] == 0
    book = codebooks.load(folder / "codebook" / "pets.yaml")
    assert book.version == after


def test_a_codebook_without_a_version_gets_one(folder, capsys):
    edit(folder, "version: '1.2'  # raised by coder\n", "")
    typed(capsys, "bump")
    edit(folder, "Cats meow and purr.", "Cats.")
    assert "1 -> 2" in typed(capsys, "bump")[1]
    text = (folder / "codebook" / "pets.yaml").read_text()
    assert 'id: pets\nversion: "2"\nname: Pets' in text


def test_line_ends_and_a_byte_order_mark_do_not_hinder(folder, capsys):
    path = folder / "codebook" / "pets.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BOOK.replace("\n", "\r\n").encode())
    typed(capsys, "bump")
    path.write_bytes(path.read_bytes().replace(b"Cats meow and purr.", b"Cats."))
    assert "1.2 -> 2.0" in typed(capsys, "bump")[1]
    assert b"version: '2.0'  # raised by coder\r\n" in path.read_bytes()


def test_a_version_that_is_no_number_cannot_be_raised(folder, capsys):
    edit(folder, "'1.2'", "draft")
    code, said = typed(capsys, "bump")
    assert code == 3 and "does not end in a number" in said


def test_a_codebook_that_comes_with_coder_is_not_written_to(folder, capsys):
    code, said = typed(capsys, "bump", "ptm-screening")
    assert code == 2 and "copy it into" in said
    assert not (shipped("codebook") / ".versions").exists()


def test_diff_shows_texts_and_finds_kept_versions(folder, capsys):
    typed(capsys, "bump")
    edit(folder, "Cats meow and purr.", "Cats meow.")
    code, said = typed(capsys, "diff", "pets@1.2", "pets")
    assert code == 0
    assert "redefined cat (definition)" in said
    assert "- definition: Cats meow and purr." in said
    assert "+ definition: Cats meow." in said
    code, said = typed(capsys, "diff", "pets@7", "pets")
    assert code == 3 and "kept: 1.2" in said
    same = str(folder / "codebook" / "pets.yaml")
    assert "The two are the same" in typed(capsys, "diff", same, "pets")[1]


def test_a_run_is_migrated_and_goes_on_proposing_as_it_was_made(proposed, capsys):
    edit(proposed, "id: cat, name: Cat", "id: feline, replaces: [cat], name: Cat")
    edit(proposed, "    and fetch sticks.", "    and fetch.")
    code, said = typed(capsys, "migrate", "first", "--dry-run")
    assert code == 0 and "redefined dog (definition)" in said and "Carried over" in said
    assert not (proposed / "runs" / "first" / "migrations.jsonl").exists()
    code, said = typed(capsys, "migrate", "first")
    assert code == 2 and "coder codebook bump" in said
    typed(capsys, "bump")
    code, said = typed(capsys, "migrate", "first")
    assert code == 0
    assert "goes on with version 2.0; it was at 1.2. 2 answers are stale" in said
    assert (proposed / "runs" / "first" / "codebooks" / "1.yaml").is_file()

    # As a crash leaves it: one proposal is missing.
    proposals = proposed / "runs" / "first" / "proposals.jsonl"
    proposals.write_text(proposals.read_text().split("\n")[0] + "\n")
    assert coder(["propose", "issues.jsonl", "--run", "first"]) == 0
    said = capsys.readouterr().out
    assert "began with version 1.2 of its codebook" in " ".join(said.split())
    run = Run(proposed / "runs" / "first")
    known = {s.code for p in run.proposals for s in (*p.codes, *p.runners_up)}
    assert len(run.latest_proposals()) == 2 and known <= {"cat", "dog"}
    assert coder(["report", "first"]) == 0
    said = capsys.readouterr().out
    assert "set aside: 1 made stale" in said
    page = (run.path / "report" / "report.md").read_text()
    assert "version 2.0" in page and "was asked with version 1.2" in page
    assert coder(["audit", "log", "first"]) == 0
    assert "The log is whole" in capsys.readouterr().out
    assert coder(["audit", "leakage", "first"]) == 0


def test_bump_names_the_memos_that_asked_for_what_was_done(proposed, capsys):
    run = Run(proposed / "runs" / "first")

    def memo(number: int, change: Change | None, *codes: str, undoes: str = "") -> Decision:
        return Decision(
            id=f"m{number}", issue_id="d", proposal_id="p", rater="bea", codes=codes, change=change,
            action=Action.UNDO if undoes else Action.MEMO, memo=f"memo {number}", undoes=undoes,
        )  # fmt: skip

    run.decision_journal("bea").append(
        [
            memo(1, Change.RULE, "dog"),
            memo(2, Change.RULE, "cat"),
            memo(3, Change.NEW),
            memo(4, None, "dog"),
            memo(5, Change.SPLIT, "dog"),
            memo(6, None, undoes="m5"),
        ]
    )
    edit(proposed, "    and fetch sticks.", "    and fetch.")
    said = typed(capsys, "bump")[1]
    assert "first, bea on d: rule dog: memo 1" in said
    assert not any(f"memo {n}" in said for n in (2, 3, 4, 5))
    edit(proposed, "- id: dog", BIRD + "- id: dog")
    said = typed(capsys, "bump")[1]
    assert "new: memo 3" in said and "memo 1" not in said
