"""The files and the terminal: complete, the same every time, and harmless whatever the text is."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.runs import AT, MULTIPLE, TREE, Maker, decide, issue, label

from coder.cli.main import cli
from coder.records import Action, Label, Status
from coder.report import Report, build_report, disagreements, write_report
from coder.report.disagreements import disagreements_csv
from coder.report.html import html
from coder.report.markdown import markdown
from coder.report.write import to_json
from coder.storage.run import Run

pytestmark = pytest.mark.usefixtures("few_are_enough")

TITLE = "<script>alert(1)</script> | [x](javascript:y) \x1b[31m \u202egnp.exe\u2028 `c` **b**"
HOSTILE = (
    "</script></style><script>alert(1)</script><img src=x onerror=alert(2)> | [x](javascript:y) "
    "`code` **bold** [red]markup[/red] \x1b[31mred\x1b]8;;http://x\x07 \u202egnp.exe\u2028 "
    "{{ 7 * 7 }} {% raw %}"
)


def hostile_run(maker: Maker) -> Run:
    maker.issues = [
        issue(
            "1", title=TITLE, body=HOSTILE, repo=HOSTILE, url='javascript:alert("1")',
        ),
        issue("2", title="=HYPERLINK(1)", body="=1+1", url='https://x.org/" onclick="alert(1)'),
        issue("3", title="@SUM(1)", body="", url="https://example.org/issues/3"),
    ]  # fmt: skip
    run = maker.run(
        dict.fromkeys("123", "a"),
        **{
            "1": {"rationale": HOSTILE, "quotes": [HOSTILE]},
            "2": {"rationale": "=cmd|' /C calc'!A0", "quotes": ["+1"]},
            "3": {"rationale": " -1"},
        },
    )
    run.label_journal("anna").append(
        Label(issue_id=i, rater="anna", codes=("b",), memo=HOSTILE, at=AT) for i in "123"
    )
    return run


def plain_run(maker: Maker) -> Run:
    maker.book = TREE
    codes = ["call", "set", "speed", "error"] * 5
    run = maker.run({f"{i}": code for i, code in enumerate(codes)})
    label(run, "anna", {f"{i}": codes[i // 2] for i in range(18)})
    label(run, "bert", {f"{i}": codes[i // 3] for i in range(12)})
    decide(run, "dora", {f"{i}": Action.ACCEPT for i in range(4)})
    return run


def report_of(run: Run) -> Report:
    return build_report(run, draws=100)


class Page(HTMLParser):
    """The tags, links, ids and text of a page as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.data: dict[str, Any] = {}
        self.styles: list[str] = []
        self.open: str = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open = "data" if dict(attrs).get("type") == "application/json" else tag

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open == "script":
            self.scripts.append(data)
        elif self.open == "style":
            self.styles.append(data)
        elif self.open == "data":
            self.data = json.loads(data)


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_page_runs_only_its_own_script(maker: Maker) -> None:
    page = Page(html(report_of(hostile_run(maker))))
    assert len(page.scripts) == len(page.styles) == 1
    policy = next(
        a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest(page.scripts[0])}'" in policy
    assert f"style-src 'sha256-{digest(page.styles[0])}'" in policy
    assert "unsafe" not in policy
    for tag, attributes in page.tags:
        assert tag not in {"img", "iframe", "object", "embed", "base"}
        # The policy blocks both; a page that relies on neither has no console error.
        assert not any(name.startswith("on") or name == "style" for name in attributes)


def test_the_page_loads_nothing_and_links_only_web_addresses(maker: Maker) -> None:
    page = Page(html(report_of(hostile_run(maker))))
    assert not any("src" in attributes for _, attributes in page.tags)
    assert [a["href"] for t, a in page.tags if t == "link"] == ["data:,"]
    links = {str(a["href"]) for t, a in page.tags if t == "a" and a["href"][:1] != "#"}
    assert links <= {"https://example.org/issues/3"}
    urls = {case["id"]: case["url"] for case in page.data["cases"]}
    assert urls == {"1": "", "2": "", "3": "https://example.org/issues/3"}


def test_hostile_text_is_shown_as_text(maker: Maker) -> None:
    text = html(report_of(hostile_run(maker)))
    cases = Page(text).data["cases"]
    assert cases[0]["why"].startswith("</script></style><script>alert(1)")
    assert "{{ 7 * 7 }}" in cases[0]["text"]
    assert "alert(1)" in text and "<script>alert" not in text and "</style><" not in text
    assert not re.search("[\x1b\x07\u202e\u2028]", text)


def test_how_a_code_stands_in_the_text_goes_with_each_disagreement(maker: Maker) -> None:
    said = {"1": {"expression": "interpretive"}, "2": {"expression": "explicit"}}
    run = maker.run(dict.fromkeys("123", "a"), **said)
    label(run, "anna", dict.fromkeys("123", "b"))
    report = report_of(run)
    expected = {"1": "interpretive", "2": "explicit", "3": ""}
    assert {case.issue_id: case.expression for case in report.cases} == expected
    assert {c["id"]: c["how"] for c in Page(html(report)).data["cases"]} == expected
    rows = csv.DictReader(io.StringIO(disagreements_csv(report)))
    assert {row["issue_id"]: row["expression"] for row in rows} == expected


def test_markdown_shows_hostile_text_as_text(maker: Maker) -> None:
    text = markdown(report_of(hostile_run(maker)))
    assert "<script" not in text and "<img" not in text
    assert r"\| \[x\](javascript:y)" in text
    assert not re.search("[\x1b\x07\u202e\u2028]", text)
    row = next(line for line in text.split("\n") if "alert" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert "](<https://example.org/issues/3>)" in text


def test_no_csv_cell_is_a_formula(maker: Maker) -> None:
    table = list(csv.DictReader(io.StringIO(disagreements_csv(report_of(hostile_run(maker))))))
    assert len(table) == 3
    for row in table:
        for cell in row.values():
            assert cell.lstrip()[:1] not in {"=", "+", "-", "@"}
            assert "\x1b" not in cell
    assert table[1]["title"] == "'=HYPERLINK(1)"


def run_cli(run: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    study = run.path.parent.parent
    (study / "study.toml").write_text("[report]\ndraws = 100\n", encoding="utf-8")
    monkeypatch.chdir(study)
    result = CliRunner().invoke(cli, ["report", run.name], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_terminal_obeys_no_text(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "[red]Al\x1b[2Jpha[/nope]"
    maker.book = maker.book.replace("name: Alpha", 'name: "[red]Al\\e[2Jpha[/nope]"')
    run = maker.run({"1": "a", "2": "b"})
    label(run, "anna", {"1": "b", "2": "b"})
    assert run.codebook.by_id["a"].name == hostile
    output = run_cli(run, monkeypatch)
    assert "[red]Al·[2Jpha[/nope]" in output
    assert "\x1b" not in output


def test_the_terminal_shows_the_main_figures_in_80_columns(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = plain_run(maker)
    output = run_cli(run, monkeypatch)
    lines = output.split("\n")
    assert all(len(line) <= 80 for line in lines if str(run.path) not in line)
    for expected in (
        "model, anna", "anna, bert", "by subcategory", "20 issues", "not agreement",
        "Left out of model and anna: 2 without a blind label", "report.html",
    ):  # fmt: skip
        assert expected in output


def test_the_terminal_marks_figures_with_a_caveat_and_says_it(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = maker.run({"1": "a", "2": "b", "3": "c"})
    label(run, "anna", {"1": "a", "2": "b", "3": "c"})
    output = " ".join(run_cli(run, monkeypatch).split())
    assert "model, anna†" in output
    assert "† only 3 groups" in output
    assert "every draw gives the same value" in output


def test_the_same_run_gives_the_same_bytes(maker: Maker, tmp_path: Path) -> None:
    run = plain_run(maker)
    first = write_report(report_of(run), tmp_path / "first")
    second = write_report(report_of(Run(run.path)), tmp_path / "second")
    names = ["report.html", "report.md", "report.json", "disagreements.csv", "tables.tex"]
    assert [f.name for f in first if f.parent.name == "first"] == names
    assert {f.parent.name for f in first[len(names) :]} == {"tables"}
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in second]


def test_json_keeps_its_documented_shape(maker: Maker) -> None:
    found = json.loads(to_json(report_of(plain_run(maker))))
    assert found["format"] == 1
    assert found["run"]["name"] == "demo"
    assert {"issues", "proposed", "by_status", "leaked", "raters"} <= found["coverage"].keys()
    for pair in found["pairs"]:
        assert pair["kind"] in ("blind", "assisted")
        assert pair["level"] in ("category", "code")
        for name in ("percent_agreement", "cohen_kappa", "krippendorff_alpha", "gwet_ac1"):
            assert pair[name].keys() == {"value", "low", "high", "n", "note"}
        wanted = {"left", "right", "n", "per_code", "confusion", "disagreements", "excluded"}
        assert wanted <= pair.keys()
    assert found["acceptance"][0]["rater"] == "dora"
    assert found["prevalence"][0]["model"].keys() == {"count", "of"}
    assert Report.model_validate(found) == report_of(Run(maker.runs / "demo"))


def test_without_labels_the_report_says_what_to_do(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = maker.run({"1": "a", "2": Status.FAILED})
    report = report_of(run)
    for text in (html(report), markdown(report), run_cli(run, monkeypatch)):
        assert "There are no blind labels in this run" in " ".join(text.split())
        assert "coder label import" in " ".join(text.split())
        assert "failed" in text
    assert disagreements_csv(report).count("\n") == 1


def test_a_run_without_any_answer_to_compare_is_reported(maker: Maker) -> None:
    maker.issues = [issue("1"), issue("2")]
    run = maker.run({"2": "a"})
    label(run, "anna", {"1": "a"})
    report = report_of(run)
    assert "No issue has both" in markdown(report)
    assert "1 without a proposal" in html(report)


def test_several_codes_have_their_own_figures(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.book = MULTIPLE
    run = maker.run({"1": ("a", "b"), "2": ("a",)})
    label(run, "anna", {"1": ("b",), "2": ("a",)})
    assert "Mean Jaccard" in html(report_of(run))
    _, said = " ".join(run_cli(run, monkeypatch).split()).split("Mean Jaccard (alpha is MASI)")
    assert said.startswith(" pair by code") and "model and anna .75" in said
    assert "Alpha; Beta" in markdown(report_of(run))


def test_the_page_says_how_many_disagreements_it_holds(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disagreements, "SHOWN", 5)
    ids = [f"{i}" for i in range(12)]
    run = maker.run(dict.fromkeys(ids, "a"))
    label(run, "anna", dict.fromkeys(ids, "b"))
    report = report_of(run)
    page = html(report)
    assert len(Page(page).data["rows"]) == 5
    assert "5 of 12 on this page" in page
    assert disagreements_csv(report).count("\n") == 13


def test_a_pair_with_few_disagreements_leaves_its_room_to_the_others(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disagreements, "SHOWN", 8)
    ids = [f"{i}" for i in range(12)]
    run = maker.run(dict.fromkeys(ids, "a"))
    label(run, "anna", dict.fromkeys(ids, "b"))
    label(run, "bert", {"1": "b", "2": "a"})
    found = disagreements.listed(report_of(run))
    assert [(len(one.rows), one.total) for one in found] == [(6, 12), (1, 1), (1, 1)]


def test_an_undefined_figure_is_a_dash_with_its_reason(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "a"})
    label(run, "anna", {"1": "a", "2": "a"})
    text = markdown(report_of(run))
    assert "only one code was used" in text
    assert "| – |" in text
