"""The figures for a paper: complete, vector, the same every time, and only of what there is."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.runs import Maker, label
from test_report_browser import rich_run

from coder.cli.main import cli
from coder.report import build_report, paper
from coder.report.html import html
from coder.report.paper import write_figures

pytestmark = pytest.mark.usefixtures("few_are_enough")

SVG = "{http://www.w3.org/2000/svg}"
NAMES = {
    "agreement", "codes-category", "codes-code", "confusion-category", "confusion-code",
    "prevalence-category", "prevalence-code", "reliability", "workload", "standing-in-category",
    "standing-in-code", "anchoring", "over-time", "durations-resolution-boxes",
    "durations-resolution-curves", "durations-response-boxes", "durations-response-curves",
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = rich_run(Maker(tmp_path_factory.mktemp("rich")))
    folder = run.path / "figures"
    write_figures(build_report(run, draws=100), folder)
    return folder


def test_every_figure_is_there_as_svg_and_pdf(drawn: Path) -> None:
    assert {file.stem for file in drawn.glob("*.svg")} == NAMES
    assert {file.stem for file in drawn.glob("*.pdf")} == NAMES


def test_figures_hold_shapes_and_text_not_pixels(drawn: Path) -> None:
    for file in drawn.glob("*.svg"):
        root = ET.parse(file).getroot()
        assert not list(root.iter(f"{SVG}image")), file.name
        assert list(root.iter(f"{SVG}text")), file.name
        assert not list(root.iter(f"{SVG}script"))
    for file in drawn.glob("*.pdf"):
        held = file.read_bytes()
        assert not re.search(rb"/Subtype\s*/Image", held), file.name
        assert not re.search(rb"/Type3", held) and re.search(rb"/Subtype\s*/Type0", held)
        assert b"Roboto" in held and re.search(rb"/FontFile[23] ", held), "its font is embedded"


def test_all_that_is_drawn_has_a_print_style(drawn: Path) -> None:
    style = (Path(paper.__file__).parent / "templates" / "paper.css").read_text(encoding="utf-8")
    styled = set(re.findall(r"\.([a-z-]+)", style))
    frames = {"chart", "row", "ticks", "shares", "two", "heat", "row-name", "blind", "count"}
    for file in drawn.glob("*.svg"):
        held = file.read_text(encoding="utf-8")
        classes = {name for names in re.findall(r'class="([^"]*)"', held) for name in names.split()}
        assert classes - frames <= styled, file.name
        assert not set("↑→↓") & set(held), "the font has no arrows"


def test_a_figure_says_what_it_shows_and_of_how_many(drawn: Path) -> None:
    words = " ".join(ET.parse(drawn / "prevalence-code.svg").getroot().itertext())
    assert "Prevalence by subcategory" in words
    assert "share of 240 issues; n = 160 labels by ann" in words
    assert "Calls" in words
    held = (drawn / "prevalence-code.pdf").read_bytes()
    assert b"/Title(Prevalence by subcategory)" in held, "for whoever searches"
    assert b"/Alt(Prevalence by subcategory)" in held, "for whoever has it read out"
    assert "dc:date" not in (drawn / "prevalence-code.svg").read_text(encoding="utf-8")


def test_the_same_report_gives_the_same_bytes(maker: Maker, tmp_path: Path) -> None:
    run = maker.run({f"{n}": "abc"[n % 3] for n in range(12)})
    label(run, "anna", {f"{n}": "abc"[n % 2] for n in range(12)})
    first, second = (
        write_figures(build_report(run, draws=50), tmp_path / name) for name in ("one", "two")
    )
    assert [file.name for file in first] == [file.name for file in second]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    for file in first:
        assert not re.search(rb"CreationDate|<dc:date>", file.read_bytes())


def test_names_are_text_whatever_they_say(maker: Maker, tmp_path: Path) -> None:
    maker.book = maker.book.replace("name: Alpha", "name: '$x_1$ </text><script> \\frac é 漢字'")
    run = maker.run({f"{n}": "abc"[n % 3] for n in range(12)})
    label(run, "anna", {f"{n}": "abc"[n % 2] for n in range(12)})
    write_figures(build_report(run, draws=50), tmp_path)
    root = ET.parse(tmp_path / "codes-category.svg").getroot()
    assert any(r"$x_1$ </text><script> \frac é 漢字" in text for text in root.itertext())
    assert not list(root.iter(f"{SVG}script"))


def test_only_what_there_is_is_drawn_and_old_figures_go(maker: Maker, tmp_path: Path) -> None:
    run = maker.run({"1": "a", "2": "b"})
    (tmp_path / "over-time.svg").write_text("of an earlier report", encoding="utf-8")
    (tmp_path / "mine.txt").write_text("not a figure", encoding="utf-8")
    assert write_figures(build_report(run, draws=50), tmp_path) == ()
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["mine.txt"]


def test_the_command_draws_only_when_asked(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    run = maker.run({"1": "a", "2": "b"})
    label(run, "anna", {"1": "a", "2": "c"})
    monkeypatch.chdir(run.path.parent.parent)
    (Path.cwd() / "study.toml").write_text("[report]\ndraws = 100\n", encoding="utf-8")
    folder = run.path / "report" / "figures"
    CliRunner().invoke(cli, ["report", run.name], catch_exceptions=False)
    assert not folder.exists()
    result = CliRunner().invoke(cli, ["report", run.name, "--figures"], catch_exceptions=False)
    assert "as SVG and PDF in figures/" in result.output
    assert (folder / "agreement.svg").exists() and (folder / "agreement.pdf").exists()


@pytest.mark.parametrize("issues", [40, 400])
def test_a_line_is_called_certified_only_where_a_threshold_is(maker: Maker, issues: int) -> None:
    """In the page and in the file: of 40 labels nothing can be certified, of 400 all."""
    truth = {f"{n:03}": "b" if n % 33 == 0 else "a" for n in range(issues)}
    run = maker.run(dict.fromkeys(truth, "a"), **{i: {"confidence": 0.97} for i in truth})
    label(run, "ann", truth)
    report = build_report(run, draws=100)
    write_figures(report, run.path)
    file = (run.path / "workload.svg").read_text(encoding="utf-8")
    certified = "certified: 100%"
    assert (certified in file) == (certified in html(report)) == (issues == 400)


@pytest.mark.parametrize("labelled", [60, 20])
def test_a_prevalence_figure_has_a_bar_for_each_name_in_its_legend(
    maker: Maker, labelled: int
) -> None:
    """Where every issue is labelled, the labels alone are the count, with no bar of their own."""
    ids = [f"{n:03}" for n in range(60)]
    run = maker.run({i: "ab"[n % 2] for n, i in enumerate(ids)})
    label(run, "ann", {i: "ab"[n // 2 % 2] for n, i in enumerate(ids[:labelled])})
    report = build_report(run, draws=100)
    write_figures(report, run.path)
    file = "".join(ET.parse(run.path / "prevalence-category.svg").getroot().itertext())
    page = html(report).split('id="prevalence"')[1].split("</figure>")[0]
    whole = labelled == 60
    assert ("labels alone" in file) == ("the labels alone" in page) == (not whole)
    assert ('class="share labels"' in page) == (not whole)
    assert ("that rater's count" in file) == ("that rater’s count" in page) == whole
    assert page.count('class="share ') == 2 * (2 if whole else 3)
