"""The page in a real browser: drawn, usable by keyboard, silent, and deaf to what issues say."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.browser import Browser, Colour, browser
from support.runs import AT, TREE, Maker, issue, label

from coder.records import Action, Comment, Decision, Issue, Label, Mode
from coder.report import build_report, figures
from coder.report.calibrate import calibrate
from coder.report.figures import Scale
from coder.report.html import html
from coder.storage.run import Run

LEAVES = ("call", "set", "speed", "error")
ATTACKS = (
    "</script><script>alert(1)</script>",
    "</SCRIPT ><img src=x onerror=alert(2)>",
    "<!--<script>alert(3)//",
    "</style><style>*{display:none!important;background:url(https://evil.example/css)}</style>",
    '"><svg onload=alert(4)><a href="javascript:alert(5)">here</a>',
    "';alert(6);//\\u003cscript\\u003ealert(7)\u2028\u2029]]>",
    "<iframe src=https://evil.example/frame></iframe><base href=https://evil.example/>",
    '<meta http-equiv=refresh content="0;url=https://evil.example/">',
)

COLLISIONS = """[...document.querySelectorAll('svg')].flatMap(svg => {
  const boxes = [...svg.querySelectorAll('.tick')].map(t => [t, t.getBoundingClientRect()])
    .filter(([, b]) => b.width);
  return boxes.flatMap(([t, a], i) => boxes.slice(i + 1).filter(([, b]) =>
      a.left < b.right + 2 && b.left < a.right + 2 && a.top < b.bottom && b.top < a.bottom)
    .map(([u]) => [svg.closest('section').id, t.textContent, u.textContent]));
})"""
"""Pairs of tick labels of one figure with less than two pixels between them."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(rich_run(Maker(tmp_path_factory.mktemp("rich"))))


def written(run: Run) -> Path:
    file = run.path / "report.html"
    file.write_text(html(build_report(run, draws=100)), encoding="utf-8")
    return file


def opened(page: Browser, file: Path, width: int = 1280) -> None:
    page.size(width)
    page.open(file)


def how(confidence: float) -> str:
    return "explicit" if confidence > 0.5 else "interpretive"


def dated(issue_id: str, days: float) -> Issue:
    answer = Comment(author="bea", body="Yes.", created_at=AT + timedelta(days=days / 3))
    closed = AT + timedelta(days=days)
    return issue(
        issue_id, created_at=AT, closed_at=closed, author="ann", comments=(answer,)
    )  # fmt: skip


def rich_run(maker: Maker) -> Run:
    """Everything the page has a figure for: three raters, a review in all modes, a calibration."""
    draw = random.Random(7)
    maker.book = TREE
    ids = [f"{n:03}" for n in range(240)]
    truth = {i: draw.choice(LEAVES) for i in ids}
    sure = {i: draw.uniform(0.3, 0.99) for i in ids}

    def noisy(i: str, right: float) -> str:
        return truth[i] if draw.random() < right else draw.choice(LEAVES)

    said = {i: noisy(i, sure[i] ** 3) for i in ids}
    maker.issues = [dated(i, draw.expovariate(0.2)) for i in ids]
    run = maker.run(said, **{i: {"confidence": sure[i], "expression": how(sure[i])} for i in ids})
    modes = (Mode.HOLDOUT, Mode.BLIND_FIRST, Mode.ASSISTED)
    labels, decisions = [], []
    for n, i in enumerate(ids):
        mode, own = modes[n % 3], noisy(i, 0.85)
        more: dict[str, Any] = {"queue": "random", "chance": (n + 1) / 240, "mode": mode,
                                "at": AT + timedelta(minutes=n)}  # fmt: skip
        if mode is not Mode.ASSISTED:
            labels.append(Label(issue_id=i, rater="ann", codes=(own,), memo="Hm.", **more))
        if mode is not Mode.HOLDOUT:
            action = Action.ACCEPT if own == said[i] else Action.CORRECT
            decisions.append(Decision(id=f"d{i}", issue_id=i, proposal_id=f"p1-{i}", rater="ann",
                                      action=action, codes=(own,), **more))  # fmt: skip
    run.label_journal("ann").append(labels)
    run.decision_journal("ann").append(decisions)
    label(run, "bea", {i: noisy(i, 0.8) for i in ids[:150]})
    label(run, "cem", {i: noisy(i, 0.7) for i in ids[:150]})
    run.calibrations.append(calibrate(run))
    return run


def hostile_run(maker: Maker) -> Run:
    maker.issues = [
        issue(f"{n}", title=text, body=text, repo=text, url=f"javascript:alert({n})")
        for n, text in enumerate(ATTACKS)
    ]
    ids = [one.id for one in maker.issues]
    more = {i: {"rationale": t, "quotes": [t]} for i, t in zip(ids, ATTACKS, strict=True)}
    run = maker.run(dict.fromkeys(ids, "a"), **more)
    run.label_journal("anna").append(
        Label(issue_id=i, rater="anna", codes=("b",), memo=text, at=AT)
        for i, text in zip(ids, ATTACKS, strict=True)
    )
    return run


def titles(page: Browser) -> list[str]:
    found: list[str] = page.run(
        "[...document.querySelectorAll('#rows button.title')].map(b => b.textContent)"
    )
    return found


def choose(page: Browser, field: str, value: str) -> None:
    page.run(
        f"(() => {{ const f = document.getElementById('{field}'); f.value = {value!r};"
        "f.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_every_figure_is_drawn_and_the_page_is_silent(
    page: Browser, rich: Path, width: int
) -> None:
    opened(page, rich, width)
    sections = page.run("[...document.querySelectorAll('section')].map(s => s.id)")
    assert sections == [
        "coverage", "agreement", "codes", "standing-in", "prevalence", "confidence", "acceptance",
        "expressed",
        "sway", "time", "durations", "disagreements", "codebook", "reading",
    ]  # fmt: skip
    targets = page.run("[...document.querySelectorAll('nav a')].map(a => a.hash.slice(1))")
    assert set(targets) == set(sections)
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    drawn = page.run(
        """[...document.querySelectorAll('svg:not(.key)')].map(s => {
          const box = s.getBoundingClientRect();
          const marks = s.matches('.chart') ? '.dot, .curve' : 'circle, rect, line, text';
          const inside = [...s.querySelectorAll(marks)].filter(
            e => { const b = e.getBoundingClientRect(); return b.width || b.height; });
          return [s.getAttribute('class'), box.width, box.height, inside.length,
                  s.closest('section').id];
        })"""
    )
    kinds = {(section, css.split()[0]) for css, *_, section in drawn}
    assert {("confidence", "chart"), ("time", "chart"), ("codes", "heat"), ("prevalence", "row"),
            ("sway", "row"), ("standing-in", "row"), ("durations", "row"), ("durations", "chart"),
            ("agreement", "row")} <= kinds  # fmt: skip
    assert sum(css == "chart" and at == "confidence" for css, *_, at in drawn) == 3
    for css, wide, high, inside, section in drawn:
        assert wide > 50 and high > 10, (css, section)
        assert inside or css == "bar-row", (css, section)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.errors == []
    assert page.requests == [rich.as_uri()]


def test_every_chart_has_a_name_and_every_figure_its_n(page: Browser, rich: Path) -> None:
    opened(page, rich)
    unnamed = (
        "[...document.querySelectorAll('svg[role=img]')].filter(s => !s.querySelector('title'))"
    )
    assert page.run(f"{unnamed}.length") == 0
    bare = page.run(
        "[...document.querySelectorAll('figure')].filter(f => !/n = /.test(f.textContent))"
        ".map(f => f.textContent)"
    )
    assert bare == []
    tables = page.run(
        "[...document.querySelectorAll('details.table')].map(d => d.closest('section').id)"
    )
    assert {"codes", "standing-in", "prevalence", "confidence", "sway", "time", "durations"} == set(
        tables
    )


def test_disagreements_are_searched_filtered_and_sorted(page: Browser, maker: Maker) -> None:
    maker.issues = [issue("1", title="Delta gamma"), issue("2", title="alpha", body="needle"),
                    issue("3", title="Beta"), issue("4", title="Epsilon")]  # fmt: skip
    run = maker.run({"1": "a", "2": "b", "3": "c", "4": "a"}, **{
        "1": {"confidence": 0.5}, "2": {"confidence": 0.9}, "3": {"confidence": 0.7},
    })  # fmt: skip
    label(run, "anna", {"1": "b", "2": "c", "3": "a", "4": "a"})
    label(run, "bert", {"4": "c"})
    opened(page, written(run))
    assert titles(page)[:3] == ["alpha", "Epsilon", "Beta"]
    page.run("document.querySelector('[data-sort=title] button').click()")
    assert titles(page) == ["alpha", "Beta", "Delta gamma", "Epsilon", "Epsilon"]
    page.run("document.querySelector('[data-sort=title] button').click()")
    assert titles(page)[-1] == "alpha"
    head = "document.querySelector('[data-sort=title]').getAttribute('aria-sort')"
    assert page.run(head) == "descending"
    choose(page, "find", "NEEDLE")
    assert titles(page) == ["alpha"]
    choose(page, "find", "nothing like it")
    assert titles(page) == []
    assert page.run("document.getElementById('count').textContent") == "nothing found"
    choose(page, "find", "")
    choose(page, "code", "Gamma")
    assert sorted(titles(page)) == ["Beta", "Epsilon", "Epsilon", "alpha"]
    choose(page, "pair", "0")
    assert sorted(titles(page)) == ["Beta", "alpha"]


def test_assisted_answers_are_listed_only_when_asked_for(page: Browser, rich: Path) -> None:
    opened(page, rich)
    assert "assisted" not in page.run("document.getElementById('rows').textContent")
    choose(page, "pair", "assisted")
    shown = page.run("[...document.querySelectorAll('#rows .what small')].map(s => s.textContent)")
    assert shown and all("assisted" in line for line in shown)


def test_a_disagreement_opens_by_keyboard_with_all_that_was_said(
    page: Browser, maker: Maker
) -> None:
    maker.issues = [issue("1", body="The body.", url="https://example.org/1")]
    run = maker.run({"1": "a"}, **{"1": {"rationale": "The rationale.", "quotes": ["The quote"]}})
    run.label_journal("anna").append(
        [Label(issue_id="1", rater="anna", codes=("b",), memo="The memo.", at=AT)]
    )
    opened(page, written(run))
    page.run("document.querySelector('#rows button').focus()")
    page.press("Enter", text="\r")
    card = page.run("document.querySelector('tr.card').textContent")
    for said in ("Alpha", "Beta", "The rationale.", "The quote", "The memo.", "The body."):
        assert said in card
    assert page.run("document.querySelector('tr.card a').href") == "https://example.org/1"
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.press("Enter", text="\r")
    assert page.run("document.querySelector('tr.card')") is None


@pytest.mark.parametrize("width", [1280, 390])
def test_without_scripts_disagreements_are_read_all_the_same(
    page: Browser, maker: Maker, width: int
) -> None:
    ids = [f"{n:03}" for n in range(400)]
    run = maker.run(dict.fromkeys(ids, "a"), **{"000": {"confidence": 1, "rationale": "Because."}})
    label(run, "anna", dict.fromkeys(ids, "b"), memo="The memo.")
    file = written(run)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened(page, file, width)
        box = page.run("document.getElementById('rows').rows[0].getBoundingClientRect().toJSON()")
        assert box["height"] > 0 and box["right"] <= width
        first = page.run("document.getElementById('rows').rows[0].textContent")
        for said in ("Title of 000", "Because.", "The memo.", "Alpha", "Beta", "1.00"):
            assert said in first
        assert page.run("document.getElementById('rows').rows.length") == 300
        assert "300 of 400 disagreements" in page.run("document.body.innerText")
        hidden = "getComputedStyle(document.getElementById('controls')).display"
        assert page.run(hidden) == "none"
        assert (page.errors, page.dialogs) == ([], [])
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)
    opened(page, file, width)
    assert len(titles(page)) == 100
    assert page.run("document.querySelectorAll('#rows details').length") == 0
    assert page.run("document.getElementById('count').textContent") == "100 of 400"


def test_5000_disagreements_are_drawn_a_hundred_at_a_time(page: Browser, maker: Maker) -> None:
    ids = [f"{n:04}" for n in range(5000)]
    run = maker.run(dict.fromkeys(ids, "a"))
    label(run, "anna", dict.fromkeys(ids, "b"))
    opened(page, written(run))
    assert len(titles(page)) == 100
    assert page.run("document.getElementById('count').textContent") == "100 of 5,000"
    page.run("document.getElementById('more').click()")
    assert len(titles(page)) == 200
    assert page.run("document.activeElement.textContent") == titles(page)[100]
    choose(page, "find", "of 4999")
    assert titles(page) == ["Title of 4999"]
    assert page.run("document.getElementById('more').hidden") is True


def test_hostile_text_is_inert(page: Browser, maker: Maker) -> None:
    run = hostile_run(maker)
    opened(page, written(run))
    page.run("document.querySelectorAll('#rows button').forEach(b => b.click())")
    assert len(titles(page)) == len(ATTACKS)
    cards = page.run("document.getElementById('rows').textContent")
    for text in ATTACKS:
        assert text.split("\u2028")[0] in cards
    made = "#rows :is(script, img, svg, style, iframe, base, meta, a), head :is(base, script)"
    assert page.run(f"document.querySelectorAll('{made}').length") == 0
    assert page.run("document.querySelectorAll('style, script:not([type])').length") == 2
    visible = "getComputedStyle(document.querySelector('h1')).display"
    assert page.run(visible) == "block"
    assert page.dialogs == []
    assert page.errors == []
    assert page.requests == [(run.path / "report.html").as_uri()]


def test_print_shows_the_figures_and_no_controls(page: Browser, rich: Path, tmp_path: Path) -> None:
    opened(page, rich)
    page.call("Emulation.setEmulatedMedia", media="print")
    hidden = "getComputedStyle(document.querySelector('#controls')).display"
    assert page.run(hidden) == "none"
    assert page.run("document.querySelector('.chart').getBoundingClientRect().height") > 100
    page.size(717)  # A4 without its margins
    page.call("Emulation.setEmulatedMedia", media="print")
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.run("document.documentElement.scrollWidth") <= 717
    assert page.run(COLLISIONS) == []
    heads = "[...document.querySelectorAll('.cases thead, .forest.codes .head')]"
    assert page.run(f"{heads}.filter(h => !h.getBoundingClientRect().height).length") == 0
    page.print(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_the_contents_stay_in_sight_without_scripts(page: Browser, rich: Path) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        for width in (1280, 390):
            opened(page, rich, width)
            page.run("document.documentElement.style.scrollBehavior = 'auto'")
            for section in ("agreement", "confidence", "codebook"):
                page.run(f"document.querySelector('nav a[href=\"#{section}\"]').click()")
                nav, top = page.run(
                    f"""[document.querySelector('nav'), document.querySelector('#{section} h2')]
                    .map(e => e.getBoundingClientRect()).map((b, i) => i ? b.top : b.bottom)"""
                )
                assert 0 < nav <= top < 900, (width, section)
                assert page.run("document.querySelector('nav').getBoundingClientRect().top") == 0
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("width", [320, 390, 600, 720, 800, 820, 1000, 1280])
def test_no_two_ticks_collide_and_nothing_is_wider_than_the_page(
    page: Browser, rich: Path, width: int
) -> None:
    opened(page, rich, width)
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.run(COLLISIONS) == []
    assert page.run("document.documentElement.scrollWidth") <= width
    shown = page.run(
        "[...document.querySelectorAll('svg.ticks')].map(s => "
        "[...s.querySelectorAll('.tick')].filter(t => t.getBoundingClientRect().width).length)"
    )
    assert shown and min(shown) >= 3


@pytest.mark.parametrize("scale", [Scale(), Scale(-0.2), Scale(-1), Scale(-1, 0.5), Scale(-0.4)])
@pytest.mark.parametrize("bands", [True, False])
def test_no_scale_has_more_ticks_than_a_phone_has_room_for(
    page: Browser, tmp_path: Path, scale: Scale, bands: bool
) -> None:
    style = (Path(figures.__file__).parent / "templates" / "report.css").read_text()
    wide = 150 if bands else 288
    file = tmp_path / "axis.html"
    file.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<style>{style}</style><section id=axis style='width:{wide}px'>"
        f"{figures.axis(scale, bands)}</section>",
        encoding="utf-8",
    )
    opened(page, file, 390)
    assert page.run(COLLISIONS) == []


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_cut_off_to_a_side_casts_a_shadow_there(
    page: Browser, rich: Path, dark: bool
) -> None:
    """The shadow is seen where the box scrolls on, and is gone at the end of the scrolling."""
    page.size(390, height=6000, dark=dark)
    page.open(rich)
    cut = page.run(
        """[...document.querySelectorAll('.scroll, nav')]
        .filter(b => b.scrollWidth > b.clientWidth + 30).map(b => b.closest('section')?.id || 'nav')
        """
    )
    assert {"nav", "agreement", "coverage"} <= set(cut)
    for css in ("nav", "#agreement .scroll"):
        (paper, cut_right), (cut_left, end) = edges(page, css, 0), edges(page, css, 9999)
        assert end == paper and far(cut_right, paper) and far(cut_left, paper), css


def far(one: Colour, other: Colour) -> bool:
    """Whether two colours are told apart by a person who is not looking for it."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) >= 25


def edges(page: Browser, css: str, scrolled: int) -> tuple[Colour, Colour]:
    """The colour of a box a few pixels inside its left and its right edge, free of its text."""
    box = page.run(
        f"""(() => {{ const b = document.querySelector('{css}'); b.scrollLeft = {scrolled};
        const r = b.getBoundingClientRect(); return [r.left, r.top, r.right]; }})()"""
    )
    left, top, right = box
    return page.colour(left + 1, top + 3), page.colour(right - 2, top + 3)
