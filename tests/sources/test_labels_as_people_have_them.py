"""Label files as people and programs write them: how issues, codes and nothing are spelled."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.runs import make_issue, make_run

from coder.cli.main import cli
from coder.codebook.load import parse, resolver
from coder.records import Issue
from coder.sources.github import IssueNames
from coder.sources.labels import LabelReport, read_labels
from coder.storage.run import Run

BOOK, _ = parse(
    """
id: b
name: B
codes:
  - {id: usage, name: Usage, definition: d, replaces: [how-to]}
  - {id: crash, name: Crash, definition: d}
  - {id: docs, name: Docs, definition: d}
"""
)
assert BOOK is not None
RESOLVE = resolver(BOOK, former=True)


def issues(*repos: str) -> IssueNames:
    return IssueNames(
        Issue(id=f"{repo}#{n}", repo=repo, number=n, url=f"https://github.com/{repo}/issues/{n}")
        for repo in repos
        for n in range(1, 13)
    )


def read(
    tmp_path: Path, text: str, name: str = "labels.csv", *, several: bool = True,
    known: IssueNames | None = None, one_hot: bool = False, **mapping: str,
) -> LabelReport:  # fmt: skip
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_labels(
        path, RESOLVE, known or issues("o/r"), rater="ann", single=not several,
        mapping=mapping, one_hot=one_hot,
    )  # fmt: skip


def codes(report: LabelReport) -> dict[str, tuple[str, ...]]:
    return {label.issue_id: label.codes for label in report.labels}


def reasons(report: LabelReport) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in report.set_aside]


@pytest.mark.parametrize(
    "name",
    [
        "o/r#1", "O/R#1", "https://github.com/o/r/issues/1", "http://www.github.com/o/r/issues/1/",
        "https://github.com/o/r/issues/1#issuecomment-7", "https://api.github.com/repos/o/r/issues/1",
        "1", "#1", "1.0", " o/r#1\u200b",
    ],
)  # fmt: skip
def test_an_issue_goes_by_any_of_its_names(tmp_path: Path, name: str) -> None:
    assert codes(read(tmp_path, f'id,code\n"{name}",usage\n')) == {"o/r#1": ("usage",)}


def test_an_issue_is_told_by_other_columns_than_id(tmp_path: Path) -> None:
    text = (
        "id,html_url,repo,number,code\n"
        "990001,https://github.com/o/r/issues/1,,,usage\n990002,,o/r,2,crash\n"
    )
    assert codes(read(tmp_path, text)) == {"o/r#1": ("usage",), "o/r#2": ("crash",)}


def test_a_number_alone_means_nothing_among_several_repositories(tmp_path: Path) -> None:
    report = read(tmp_path, "id,code\n1,usage\no/s#2,crash\n", known=issues("o/r", "o/s"))
    assert codes(report) == {"o/s#2": ("crash",)}
    assert reasons(report) == [(2, "unknown issue")]
    assert "several repositories" in report.set_aside[0].detail


def test_a_column_of_ones_own_is_found_beside_the_other_names(tmp_path: Path) -> None:
    mine = [Issue(id="q7", repo="o/r", number=1, url="https://github.com/o/r/issues/1")]
    for name in ("q7", "Q7", "o/r#1", "https://github.com/o/r/issues/1"):
        report = read(tmp_path, f"id,code\n{name},usage\n", known=IssueNames(mine))
        assert codes(report) == {"q7": ("usage",)}


def test_two_issues_of_one_name_are_no_issue(tmp_path: Path) -> None:
    twice = [Issue(id=i, url="https://example.org/7") for i in ("a", "b")]
    report = read(tmp_path, "id,code\nhttps://example.org/7,usage\n", known=IssueNames(twice))
    assert reasons(report) == [(2, "several issues go by this name")]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('"[""usage"",""crash""]"', ("usage", "crash")),
        ("\"['usage', 'docs']\"", ("usage", "docs")),
        ('"{""choices"":[""usage"",""crash""]}"', ("usage", "crash")),
        ("\"[{'name': 'usage'}, {'name': 'crash'}]\"", ("usage", "crash")),
        ("usage; crash", ("usage", "crash")),
        ("how-to", ("usage",)),
        ("usage\u200b", ("usage",)),
        ("\u00a0crash\u2003", ("crash",)),
    ],
)
def test_a_cell_is_read_as_what_it_is(tmp_path: Path, cell: str, expected: tuple[str, ...]) -> None:
    assert codes(read(tmp_path, f"id,code\no/r#1,{cell}\n")) == {"o/r#1": expected}


@pytest.mark.parametrize(
    "cell", ["usage / crash", '"usage\ncrash"', "usage|crash", '"usage, docs"']
)
def test_another_separator_is_named_with_the_one_there_is(tmp_path: Path, cell: str) -> None:
    report = read(tmp_path, f"id,code\no/r#1,{cell}\n")
    assert (codes(report), reasons(report)) == ({}, [(2, "unknown code")])
    assert "is several codes; separate them by ';'" in report.set_aside[0].detail


@pytest.mark.parametrize("cell", ["", "N/A", "nan", "-", " ", "[]"])
def test_nothing_is_no_label_and_not_no_code_fits(tmp_path: Path, cell: str) -> None:
    report = read(tmp_path, f"id,code\no/r#1,{cell}\no/r#2,usage\n")
    assert codes(report) == {"o/r#2": ("usage",)}
    assert reasons(report) == [(2, "no code")]


def test_a_file_of_empty_codes_has_a_code_column(tmp_path: Path) -> None:
    report = read(tmp_path, "id,code\no/r#1,\no/r#2,\n")
    assert reasons(report) == [(2, "no code"), (3, "no code")]


def test_objects_of_other_programs(tmp_path: Path) -> None:
    text = (
        '{"id":"o/r#1","text":"x","label":["usage","crash"]}\n'
        '{"id":"o/r#2","text":"x","label":[]}\n'
        '{"id":"o/r#3","code":{"name":"docs"}}\n'
    )
    report = read(tmp_path, text, "doccano.jsonl")
    assert codes(report) == {"o/r#1": ("usage", "crash"), "o/r#3": ("docs",)}
    assert reasons(report) == [(2, "no code")]


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_what_an_annotator_did_not_accept_is_no_label(tmp_path: Path, answer: str) -> None:
    text = (
        '{"id":"o/r#1","accept":["usage"],"options":[{"id":"usage"}],"answer":"accept"}\n'
        f'{{"id":"o/r#2","accept":["usage"],"answer":"{answer}"}}\n'
        f'{{"id":"o/r#3","label":"crash","answer":"{answer}"}}\n'
    )
    report = read(tmp_path, text, "prodigy.jsonl")
    assert codes(report) == {"o/r#1": ("usage",)}
    assert reasons(report) == [(n, "not accepted by the annotator") for n in (2, 3)]


def test_a_column_a_rater_is_named_by_the_hint_and_read_by_the_flag(tmp_path: Path) -> None:
    text = "id,rater1,rater2\no/r#1,usage,crash\no/r#2,crash,crash\n"
    with pytest.raises(Exception, match="no column 'code'") as caught:
        read(tmp_path, text)
    assert caught.value.hint == (  # type: ignore[attr-defined]
        "columns that hold codes: rater1, rater2; name one: --map code=rater1"
    )
    assert codes(read(tmp_path, text, code="rater2")) == {"o/r#1": ("crash",), "o/r#2": ("crash",)}


def test_a_column_a_code_is_read_by_one_flag(tmp_path: Path) -> None:
    text = "id,usage,crash,docs\no/r#1,1,0,\no/r#2,x,TRUE,no\no/r#3,0,0,0\no/r#4,2,0,0\n"
    with pytest.raises(Exception, match="no column 'code'") as caught:
        read(tmp_path, text)
    assert caught.value.hint.endswith("(usage, crash, docs, ...): --one-hot")  # type: ignore[attr-defined]
    report = read(tmp_path, text, one_hot=True)
    assert codes(report) == {"o/r#1": ("usage",), "o/r#2": ("usage", "crash")}
    assert reasons(report) == [(4, "no code"), (5, "wrong type")]


def coder(*words: str) -> Result:
    result = CliRunner().invoke(cli, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path / "runs", [make_issue(n) for n in range(1, 9)])


def test_what_is_set_aside_is_counted_by_spelling_and_kept_in_a_file(run: Run) -> None:
    rows = "".join(f"i{n},looks.gren\n" for n in range(1, 6))
    Path("ann.csv").write_text(f"id,code\n{rows}i6,taste.sour\ni7,sweet\n")
    result = coder("label", "import", "ann.csv", "--rater", "ann", "--run", run.name)
    told = " ".join(result.stderr.split())
    assert "5 times, first ann.csv:2: unknown code" in told
    assert "did you mean 'looks.green'?" in told
    assert "all of them: ann.set-aside.jsonl" in told
    kept = Path("ann.set-aside.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(kept) == 6 and '"given":"looks.gren"' in kept[0]
    assert [*run.labels("ann")] == ["i6"]
