"""The replication package: whole, checkable by anybody, and nothing in it that should not leave."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.runs import AT, Maker, decide, issue, label

from coder.__main__ import run as coder
from coder.files.archives import unpack
from coder.records import Action, Adjudication, Decision
from coder.storage.run import Run

WORDS = "The crate of Zanzibar cloves smells of nothing at all."


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose raters disagreed, were shown suggestions and adjudicated."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(
        'name = "Cloves"\n[report]\ndraws = 200\n'
        '[stages.label]\ncommand = "label import a.csv --rater ann --run demo"\n'
    )
    issues = [issue(f"i{n}", body=f"{WORDS} {n}") for n in range(6)]
    maker = Maker(tmp_path / "runs", issues=issues)
    run = maker.run(dict.fromkeys([one.id for one in issues], "a"))
    label(run, "ann", {"i0": "a", "i1": "b", "i2": "a"})
    label(run, "ann.2", {"i0": "b"})
    label(run, "bea", {"i0": "a", "i1": "c"}, memo="as ann said")
    decide(run, "bea", {"i3": Action.ACCEPT, "i4": (Action.CORRECT, "b")})
    said = {"ann": ("b",), "bea": ("c",)}
    run.adjudications.append(
        [Adjudication(issue_id="i1", by="eve", codes=("b",), judged=said, blind=True, at=AT)]
    )
    return tmp_path


def files(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def changed(archive: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The archive with its files changed."""
    inside = files(archive)
    change(inside)
    made = archive.with_name("changed.zip")
    with zipfile.ZipFile(made, "w") as file:
        for name, data in inside.items():
            file.writestr(name, data)
    return made


def test_a_package_is_the_same_whenever_it_is_made_and_verifies(study, capsys):
    assert coder(["package", "demo", "-o", "one.zip"]) == 0
    assert coder(["package", "demo", "-o", "two.zip"]) == 0
    assert (study / "one.zip").read_bytes() == (study / "two.zip").read_bytes()
    capsys.readouterr()
    assert coder(["verify", "one.zip"]) == 0
    said = capsys.readouterr().out
    assert "wrong" not in said and "made again" in said
    inside = files(study / "one.zip")
    run = study / "runs" / "demo"
    for name in ("labels/bea.jsonl", "decisions/bea.jsonl", "proposals.jsonl", "issues.jsonl"):
        assert inside[f"runs/demo/{name}"] == (run / name).read_bytes()
    assert b"Cloves" in inside["README.md"] and b"Cloves" in inside["CITATION.cff"]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("labels/ann.jsonl", b'"codes":["b"]', b'"codes":["c"]', "labels/ann.jsonl:3"),
        ("report/report.md", b"ann", b"bob", "report.md is not what coder makes of the run"),
        ("issues.jsonl", b"Zanzibar", b"Tanzania", "the text of i0 is not what was coded"),
        ("codebook.yaml", b"The first", b"The last", "not the codebook of the manifest"),
    ],
)
def test_whatever_was_changed_is_named_even_with_new_checksums(study, capsys, file, old, new, said):
    import hashlib

    assert coder(["package", "demo", "-o", "one.zip"]) == 0

    def change(inside: dict[str, bytes]) -> None:
        name = f"runs/demo/{file}"
        assert old in inside[name]
        inside[name] = inside[name].replace(old, new)
        sums = (f"{hashlib.sha256(d).hexdigest()}  {n}\n" for n, d in inside.items()
                if n != "checksums.sha256")  # fmt: skip
        inside["checksums.sha256"] = "".join(sums).encode()

    capsys.readouterr()
    assert coder(["verify", str(changed(study / "one.zip", change))]) == 4
    told = capsys.readouterr()
    assert said in told.out and "not hold" in told.err


def test_a_file_that_is_missing_added_or_changed_is_named(study, capsys):
    assert coder(["package", "demo", "-o", "one.zip"]) == 0

    def change(inside: dict[str, bytes]) -> None:
        del inside["LICENCES.md"]
        inside["extra.txt"] = b"x"
        inside["README.md"] += b"!"

    capsys.readouterr()
    assert coder(["verify", str(changed(study / "one.zip", change))]) == 4
    said = capsys.readouterr().out
    for line in ("LICENCES.md is missing", "extra.txt is in no list", "README.md was changed"):
        assert line in said


def test_without_text_and_names_neither_stands_anywhere(study, capsys):
    assert coder(["package", "demo", "-o", "one.zip", "--no-text", "--pseudonyms"]) == 0
    warned = capsys.readouterr().err
    assert "a rater's own name in" in warned
    assert "runs/demo/labels/rater-2.jsonl (2 lines)" in warned
    inside = files(study / "one.zip")
    whole = b"\n".join(inside.values())
    assert b"Zanzibar" not in whole
    assert b"runs/demo/labels/rater-1.2.jsonl" in inside["checksums.sha256"]
    memos = whole.replace(b"as ann said", b"")
    for name in (b'"ann"', b'"bea"', b'"eve"', b"--rater ann", b"ann.2", b"by ann"):
        assert name not in memos
    assert b"--rater rater-1" in inside["study.toml"]
    assert coder(["verify", "one.zip"]) == 0
    run = study / "runs" / "demo"
    assert coder(["verify", "one.zip", "--issues", str(run / "issues.jsonl")]) == 0
    assert "6 of 6 issues found" in capsys.readouterr().out
    text = (run / "issues.jsonl").read_text().replace("Zanzibar", "Tanzania", 1)
    (study / "edited.jsonl").write_text(text)
    assert coder(["verify", "one.zip", "--issues", "edited.jsonl"]) == 4
    assert "1 issue changed since: i0" in capsys.readouterr().out


def test_a_run_that_tells_what_is_not_blind_comes_along(study, capsys):
    """Without the other run bea's label on i0 would be taken for an independent judgement."""
    other = Maker(study / "runs", issues=[issue("i0", body=f"{WORDS} 0")]).run({"i0": "a"}, "first")
    looked = AT.replace(year=2025)
    other.decision_journal("bea").append(
        [
            Decision(
                id="d",
                issue_id="i0",
                proposal_id="p1-i0",
                rater="bea",
                action=Action.ACCEPT,
                at=looked,
            )
        ]
    )
    assert coder(["package", "demo", "-o", "one.zip"]) == 0
    assert "With first" in capsys.readouterr().out
    assert "runs/first/decisions/bea.jsonl" in files(study / "one.zip")
    assert coder(["verify", "one.zip"]) == 0


def test_the_run_that_screened_comes_along(study, capsys):
    (study / "study.toml").write_text('codebook = "codes"\n[retrieval]\nembedder = "none"\n')
    (study / "codebook").mkdir()
    book = (study / "runs" / "demo" / "codebook.yaml").read_text()
    (study / "codebook" / "codes.yaml").write_text(book)
    assert coder(["propose", "--run", "second", "--where", "demo=a"]) == 0
    assert coder(["package", "second", "-o", "one.zip"]) == 0
    assert "With demo" in capsys.readouterr().out
    assert coder(["verify", "one.zip"]) == 0


def test_a_secret_does_not_leave(study, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "quite-a-secret-value")
    run = Run.open(study / "runs", "demo")
    label(run, "bea", {"i5": "a"}, memo="my key is quite-a-secret-value")
    assert coder(["package", "demo", "-o", "one.zip"]) == 2
    said = capsys.readouterr().err
    assert "runs/demo/labels/bea.jsonl holds the value of OPENAI_API_KEY" in said
    assert "quite-a-secret-value" not in said
    assert not (study / "one.zip").exists()


def test_an_archive_can_neither_write_elsewhere_nor_fill_the_disk(tmp_path, capsys):
    def made(name: str, data: bytes = b"x", mode: int = 0o644) -> Path:
        path = tmp_path / "bad.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            file.writestr(entry, data)
        return path

    for number, (name, mode) in enumerate(
        [("../out", 0o644), ("/out", 0o644), ("a/../../out", 0o644), ("c:/out", 0o644),
         ("..\\out", 0o644), ("link", stat.S_IFLNK | 0o777)]
    ):  # fmt: skip
        assert coder(["verify", str(made(name, mode=mode))]) == 3, name
        assert "cannot be unpacked" in capsys.readouterr().err
        with pytest.raises(Exception, match="cannot be unpacked"):
            unpack(made(name, mode=mode), tmp_path / f"{number}")
    with pytest.raises(Exception, match="unpacks to more than 1,000 bytes"):
        unpack(made("zeros", b"\0" * 5000), tmp_path / "bomb", most_bytes=1000)
    assert not (tmp_path / "out").exists() and not (tmp_path.parent / "out").exists()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no more", b"text"])
def test_what_is_no_package_is_said_in_a_line(tmp_path, capsys, data):
    (tmp_path / "x.zip").write_bytes(data)
    assert coder(["verify", str(tmp_path / "x.zip")]) == 3
    assert "cannot be unpacked" in capsys.readouterr().err
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as file:
        file.writestr("readme", "x")
    assert coder(["verify", str(tmp_path / "y.zip")]) == 3
    assert "is no replication package" in capsys.readouterr().err
