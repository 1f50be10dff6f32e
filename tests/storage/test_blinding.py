"""Blinding: a draw that any process makes alike, and what a person saw in any run, as any pass."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from support.runs import make_issue, make_run

from coder.audit.log import check_log
from coder.cli.main import cli
from coder.ratings.model import ExclusionReason
from coder.records import Issue, Label, Mode, now
from coder.report import build_report
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.blinding import Shares, salt
from coder.storage.history import REVIEW
from coder.storage.run import Run

SHARE = st.floats(0, 1)
PAIRS = [(rater, f"i{n}") for rater in ("ann", "bea") for n in range(2000)]


def drawn(shares: Shares) -> dict[Mode, set[tuple[str, str]]]:
    found: dict[Mode, set[tuple[str, str]]] = {mode: set() for mode in Mode}
    for pair in PAIRS:
        found[shares.mode(*pair)].add(pair)
    return found


def test_the_shares_are_what_was_asked_for() -> None:
    found = drawn(Shares(blind=0.25, holdout=0.2, salt="s"))
    # Four standard errors of 4,000 draws: 0.025 and 0.027.
    assert abs(len(found[Mode.HOLDOUT]) / len(PAIRS) - 0.2) < 0.025
    assert abs(len(found[Mode.BLIND_FIRST]) / len(PAIRS) - 0.8 * 0.25) < 0.027


def test_raters_and_salts_are_drawn_apart() -> None:
    shares = Shares(holdout=0.5, salt="s")
    ann = {issue for rater, issue in drawn(shares)[Mode.HOLDOUT] if rater == "ann"}
    bea = {issue for rater, issue in drawn(shares)[Mode.HOLDOUT] if rater == "bea"}
    assert 800 < len(ann ^ bea) < 1200
    other = drawn(Shares(holdout=0.5, salt="t"))[Mode.HOLDOUT]
    assert 1600 < len(drawn(shares)[Mode.HOLDOUT] ^ other) < 2400


@given(SHARE, SHARE, SHARE, SHARE)
def test_a_raised_share_keeps_what_it_had(
    blind: float, more: float, holdout: float, held: float
) -> None:
    low, high = sorted((blind, more)), sorted((holdout, held))
    for pair in PAIRS[:50]:
        before = Shares(low[0], high[0], "s").mode(*pair)
        if before is Mode.HOLDOUT:
            assert Shares(low[1], high[1], "s").mode(*pair) is Mode.HOLDOUT
        elif before is Mode.BLIND_FIRST:
            assert Shares(low[1], high[0], "s").mode(*pair) is Mode.BLIND_FIRST


def test_all_and_none() -> None:
    assert drawn(Shares())[Mode.ASSISTED] == set(PAIRS)
    assert drawn(Shares(blind=1))[Mode.BLIND_FIRST] == set(PAIRS)
    assert drawn(Shares(blind=1, holdout=1))[Mode.HOLDOUT] == set(PAIRS)


def test_each_run_has_its_own_salt(tmp_path: Path) -> None:
    one, other = make_run(tmp_path, name="one"), make_run(tmp_path, 4, name="other")
    assert salt(one.manifest) != salt(other.manifest)
    assert salt(one.manifest) == salt(type(one).open(tmp_path, "one").manifest)


ASSISTED, BLIND, HOLDOUT = Shares(), Shares(blind=1), Shares(holdout=1)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def review(run: Run, rater: str, shares: Shares = ASSISTED) -> ReviewSession:
    return ReviewSession(run, rater, Order.FILE, shares=shares)


def hidden(run: Run, rater: str, shares: Shares = BLIND) -> bool:
    item = review(run, rater, shares).item
    assert item is not None and item.issue.id == "i1"
    return item.hidden


def label(rater: str, issue_id: str, code: str) -> Label:
    return Label(issue_id=issue_id, rater=rater, codes=(code,))


def coder(*words: str) -> Result:
    result = CliRunner().invoke(cli, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize("shares", [BLIND, HOLDOUT])
def test_what_was_seen_in_another_run_is_not_coded_blind(runs: Path, shares: Shares) -> None:
    first, second = make_run(runs, name="first"), make_run(runs, name="second")
    assert hidden(second, "cat", shares)
    review(first, "cat").accept()
    assert not hidden(second, "cat", shares)
    assert hidden(second, "ann", shares), "others have not seen it"
    # The answer has brought the next issue.
    assert review(second, "cat", shares).view.seen_elsewhere == {("first", "cat"): 2}


def test_what_one_pass_saw_the_next_does_not_code_blind(runs: Path) -> None:
    run = make_run(runs)
    review(run, "cat").accept()
    assert not hidden(run, "cat.2")
    assert review(run, "cat.2", BLIND).view.seen_elsewhere == {(run.name, "cat"): 2}


def test_a_suggestion_that_came_after_a_blind_label_was_seen_too(runs: Path) -> None:
    first, second = make_run(runs, name="first"), make_run(runs, name="second")
    session = review(first, "cat", BLIND)
    session.pick("taste.sour")
    assert not hidden(second, "cat")


def another(**fields: object) -> list[Issue]:
    return [make_issue(1, **fields), *(make_issue(n) for n in (2, 3))]


@pytest.mark.parametrize(
    ("issues", "same"),
    [
        (another(body="Edited since."), True),
        (another(id="9"), True),
        (another(body="About pears.", repo="acme/pears"), False),
        (another(body="About pears.", id="9"), False),
    ],
    ids=["another text", "another id", "another repository's", "another issue"],
)
def test_an_issue_is_the_same_by_its_id_or_its_text(
    runs: Path, issues: list[Issue], same: bool
) -> None:
    first = make_run(runs, name="first", issues=issues)
    second = make_run(runs, name="second")
    review(first, "cat").accept()
    assert hidden(second, "cat") is not same


def test_a_label_of_what_was_seen_in_another_run_is_not_imported(runs: Path) -> None:
    first, second = make_run(runs, name="first"), make_run(runs, name="second")
    review(first, "cat").accept()
    Path("cat.csv").write_text("id,code\ni1,looks.green\ni3,looks.green\n")
    result = coder("label", "import", "cat.csv", "--rater", "cat.2", "--run", "second")
    assert "Not blind, set aside: 1" in result.stderr
    assert "cat.2 had already seen, in run first as cat (i1)" in result.stderr
    assert [*second.labels("cat.2")] == ["i3"]


def test_a_label_given_elsewhere_before_the_suggestion_was_seen_is_brought_over(
    runs: Path,
) -> None:
    first, second = make_run(runs, name="first"), make_run(runs, name="second")
    given = label("cat", "i1", "looks.green")
    first.add_labels("cat", [given])
    review(first, "cat").accept()
    outcome = second.add_labels("cat", [label("cat", "i1", "looks.green")])
    assert [one.at for one in outcome.added] == [given.at]
    assert second.add_labels("cat", [label("cat", "i1", "taste.bland")]).not_blind.keys() == {"i1"}
    (pair,) = (p for p in build_report(second, draws=0).pairs if p.level == "code")
    assert pair.n == 1


def test_the_report_leaves_out_labels_given_after_a_look_elsewhere_and_says_so(runs: Path) -> None:
    first, second = make_run(runs, name="first"), make_run(runs, name="second")
    session = review(second, "ann", HOLDOUT)
    for _ in range(3):
        session.pick("taste.sour")
    # Written by an earlier version, which did not look beyond its own run.
    review(first, "cat").accept()
    second.label_journal("cat").append(
        Label(issue_id=i, rater="cat", codes=("taste.sour",), mode=Mode.HOLDOUT, source=REVIEW,
              at=now() + timedelta(seconds=1))
        for i in ("i1", "i3")
    )  # fmt: skip
    report = build_report(second, draws=0)
    cat = next(r for r in report.coverage.raters if r.rater == "cat")
    assert (cat.blind_labels, cat.usable, cat.set_aside) == (2, 1, {ExclusionReason.SEEN: 1})
    between = [p for p in report.pairs if {p.left, p.right} == {"ann", "cat"}]
    assert [(p.n, p.excluded[ExclusionReason.SEEN]) for p in between] == [(1, 1)] * len(between)
    assert "set aside: 1 labelled after the suggestion was seen" in coder("report", "second").output
    noted = {file.file: file.note for file in check_log(second)}
    assert noted["labels/cat.jsonl"] == (
        "1 label not counted as blind: the suggestion had been seen in run first as cat"
    )
    assert noted["labels/ann.jsonl"] == ""


def test_the_first_report_says_who_should_not_read_it_and_has_a_view_for_them(runs: Path) -> None:
    run = make_run(runs, name="first")
    session = review(run, "ann", HOLDOUT)
    session.pick("looks.green")
    first = " ".join(coder("report", "first").stderr.split())
    assert f"still labels blind (ann {len(run.issues) - 1}" in first
    assert "coder report first --for-raters" in first
    assert "labels blind" not in coder("report", "first").stderr, "once is enough"
    told = coder("report", "first", "--for-raters").output
    assert "of single issues is left out" in " ".join(told.split())
    folder = run.path / "report"
    titles = [issue.title for issue in run.issues.values()]
    whole = (folder / "report.html").read_text(encoding="utf-8")
    assert titles[0] in whole
    for file in (folder / "for-raters").rglob("*"):
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        assert not any(title in text for title in titles), file
    page = (folder / "for-raters" / "report.html").read_text(encoding="utf-8")
    assert "left out, for people who still label blind" in page


def test_nobody_is_warned_who_has_nothing_left_to_label(runs: Path) -> None:
    run = make_run(runs, name="first")
    session = review(run, "ann", HOLDOUT)
    while session.item is not None:
        session.pick("looks.green")
    assert "labels blind" not in coder("report", "first").stderr
