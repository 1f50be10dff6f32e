"""What is compared with what, what is left out, and the figures of runs small enough to count."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.runs import MULTIPLE, TREE, Maker, decide, issue, label, proposal

from coder.compare import compare
from coder.ratings.model import ExclusionReason
from coder.records import Action, Change, Decision, Example, Label, Mode, Status
from coder.report import Report, build_report
from coder.report.html import html
from coder.report.markdown import markdown
from coder.report.model import Pair
from coder.report.sentences import headline
from coder.report.wording import accepter, changes
from coder.storage.run import Run


def report_of(run: Run) -> Report:
    return build_report(run, draws=100)


def pair(report: Report, pair_id: str) -> Pair:
    return next(p for p in report.pairs if p.id == pair_id)


def test_figures_of_a_run_counted_by_hand(maker: Maker) -> None:
    model = dict(zip("0123456789", "aaaaabbbcc", strict=True))
    anna = dict(zip("0123456789", "aaaababbcb", strict=True))
    run = maker.run(model)
    label(run, "anna", anna)
    found = pair(report_of(run), "blind.category.model_vs_anna")
    assert found.n == 10
    # Same code on 0-3, 6-7 and 8: 7 of 10. Model 5a 3b 2c, anna 5a 4b 1c.
    assert found.percent_agreement.value == pytest.approx(0.7)
    by_chance = (5 * 5 + 3 * 4 + 2 * 1) / 100
    assert found.cohen_kappa.value == pytest.approx((0.7 - by_chance) / (1 - by_chance))
    # Alpha: 20 values, 10a 7b 3c; D_o = .3; D_e = 2(10*7 + 10*3 + 7*3)/(20*19).
    assert found.krippendorff_alpha.value == pytest.approx(1 - 0.3 / (242 / 380))
    # AC1: pi = .5, .35, .15; p_e = (.25 + .2275 + .1275)/2.
    assert found.gwet_ac1.value == pytest.approx((0.7 - 0.3025) / (1 - 0.3025))
    beta = next(c for c in found.per_code if c.code == "b")
    assert beta.precision.value == pytest.approx(2 / 3)
    assert beta.recall.value == pytest.approx(2 / 4)
    assert beta.f1.value == pytest.approx(4 / 7)
    assert found.confusion is not None
    assert found.confusion.matrix == ((4, 1, 0), (1, 2, 0), (0, 1, 1))
    assert {d.issue_id for d in found.disagreements} == {"4", "5", "9"}
    assert found.issue_ids == tuple("0123456789")


def test_category_and_subcategory_are_compared_apart(maker: Maker) -> None:
    maker.book = TREE
    run = maker.run({"1": "call", "2": "call", "3": "speed", "4": "error", "5": "call"})
    label(run, "anna", {"1": "call", "2": "set", "3": "speed", "4": "call", "5": "use"})
    report = report_of(run)
    category = pair(report, "blind.category.model_vs_anna")
    code = pair(report, "blind.code.model_vs_anna")
    assert (category.n, category.percent_agreement.value) == (5, 0.8)
    # Anna coded 5 by its category alone: no subcategory to compare.
    assert (code.n, code.percent_agreement.value) == (4, 0.5)
    assert code.excluded == {ExclusionReason.CATEGORY_ONLY: 1}
    assert code.subcategory_given_category is not None
    assert code.subcategory_given_category.n == 3
    assert code.subcategory_given_category.percent_agreement.value == pytest.approx(2 / 3)
    assert code.tree_alpha is not None and category.tree_alpha is None
    assert code.tree_alpha.value is not None and code.krippendorff_alpha.value is not None
    assert code.tree_alpha.value > code.krippendorff_alpha.value


def test_several_codes_per_issue(maker: Maker) -> None:
    maker.book = MULTIPLE
    run = maker.run({"1": ("a", "b"), "2": ("a",), "3": ("b", "c")})
    label(run, "anna", {"1": ("b", "a"), "2": ("a",), "3": ("b",)})
    found = pair(report_of(run), "blind.category.model_vs_anna")
    assert found.sets
    assert found.mean_jaccard is not None
    assert found.mean_jaccard.value == pytest.approx((1 + 1 + 0.5) / 3)
    assert found.cohen_kappa.value is None and found.cohen_kappa.note
    assert found.krippendorff_alpha.value is not None
    alpha = next(c for c in found.per_code if c.code == "a")
    assert alpha.cohen_kappa.value == pytest.approx(1)


def test_no_code_fits_is_an_answer(maker: Maker) -> None:
    run = maker.run({"1": Status.ABSTAINED, "2": "a", "3": "b"})
    label(run, "anna", {"1": (), "2": (), "3": ("none",)})
    found = pair(report_of(run), "blind.category.model_vs_anna")
    assert found.n == 3
    assert found.percent_agreement.value == pytest.approx(1 / 3)


def test_raters_are_compared_with_each_other(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": Status.FAILED, "3": "c"})
    label(run, "anna", {"1": "a", "2": "b", "3": "a"})
    label(run, "bert", {"2": "b", "3": "c"})
    label(run, "cleo", {"1": "a", "2": "b"})
    report = report_of(run)
    found = pair(report, "blind.category.anna_vs_bert")
    assert (found.n, found.percent_agreement.value) == (2, 0.5)
    assert found.excluded == {ExclusionReason.NO_LABEL: 1}
    (together,) = report.together
    assert together.agreement.raters == ("anna", "bert", "cleo")
    assert together.agreement.n == 3


# --- blind and assisted -----------------------------------------------------------------------


def blind_part(report: Report) -> list[Mapping[str, object]]:
    return [p.model_dump() for p in report.pairs if p.kind == "blind"]


def test_no_assisted_decision_moves_a_blind_figure(maker: Maker) -> None:
    model = {"1": "a", "2": "b", "3": "c", "4": "a"}
    reports = []
    for name, action in (
        ("none", None),
        ("accept", Action.ACCEPT),
        ("reject", Action.REJECT),
        ("correct", (Action.CORRECT, "b")),
    ):
        run = maker.run(model, name)
        label(run, "anna", {"1": "a", "2": "a", "3": "c"})
        if action is not None:
            decide(run, "anna", dict.fromkeys(model, action))
            decide(run, "dora", dict.fromkeys(model, action))
        reports.append(report_of(run))
    assert all(blind_part(r) == blind_part(reports[0]) for r in reports)
    assert all(headline(r) == headline(reports[0]) for r in reports)
    assisted = [pair(r, "assisted.category.model_vs_dora") for r in reports[1:]]
    assert [p.percent_agreement.value for p in assisted] == [1.0, 0.0, 0.25]


def test_decisions_alone_make_no_headline(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "b"})
    decide(run, "dora", {"1": Action.ACCEPT, "2": Action.ACCEPT})
    report = report_of(run)
    assert headline(report) is None
    assert blind_part(report) == []


def test_acceptance_counts_every_action(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("123456", "a"))
    decide(
        run,
        "dora",
        {
            "1": Action.ACCEPT,
            "2": Action.ACCEPT,
            "3": (Action.CORRECT, "b"),
            "4": Action.REJECT,
            "5": Action.SKIP,
            "6": Action.FLAG,
        },
    )
    run.decision_journal("dora").append(
        [
            Decision(
                id="m", issue_id="1", proposal_id="p1-1", rater="dora", action="memo", memo="!"
            ),
            Decision(
                id="u", issue_id="2", proposal_id="p1-2", rater="dora", action="undo",
                undoes="d-dora-2",
            ),
        ]
    )  # fmt: skip
    (found,) = report_of(run).acceptance
    counts = (found.accept, found.correct, found.reject, found.skip, found.flag, found.memos)
    assert counts == (1, 1, 1, 1, 1, 1)
    assert found.decisions == 5
    assert (found.acceptance.n, found.acceptance.value) == (3, pytest.approx(1 / 3))


def test_a_decision_is_compared_with_the_proposal_that_was_shown(maker: Maker) -> None:
    run = maker.run({"1": "a"})
    decide(run, "dora", {"1": Action.ACCEPT})
    run.proposals.append([proposal("1", "b", number=2)])
    found = pair(report_of(run), "assisted.category.model_vs_dora")
    assert (found.n, found.percent_agreement.value) == (1, 1.0)


def test_an_accepted_failure_is_never_read_as_no_code_fits(maker: Maker) -> None:
    run = maker.run({"1": Status.FAILED})
    decide(run, "dora", {"1": Action.ACCEPT})
    report = report_of(run)
    assert pair(report, "assisted.category.model_vs_dora").n == 0
    assert report.acceptance[0].set_aside == {ExclusionReason.NOT_PROPOSED: 1}
    assert report.acceptance[0].acceptance.value is None


# --- what is left out, and why ----------------------------------------------------------------


def test_failures_are_counted_and_never_become_codes(maker: Maker) -> None:
    maker.issues = [issue(i) for i in "12345678"]
    run = maker.run(
        {
            "1": "a", "2": Status.FAILED, "3": Status.UNPARSED, "4": Status.REFUSED,
            "5": Status.OFF_CODEBOOK, "6": Status.ABSTAINED, "8": Status.FAILED,
        }
    )  # fmt: skip
    label(run, "anna", dict.fromkeys("1234567", "a"))
    report = report_of(run)
    found = pair(report, "blind.category.model_vs_anna")
    assert found.n == 2
    assert found.excluded == {
        ExclusionReason.NO_LABEL: 1, ExclusionReason.NOT_PROPOSED: 1,
        ExclusionReason.UNPARSED: 1, ExclusionReason.OFF_CODEBOOK: 1, ExclusionReason.REFUSED: 1,
        ExclusionReason.FAILED: 1,
    }  # fmt: skip
    cover = report.coverage
    assert (cover.issues, cover.proposed, cover.answered) == (8, 7, 2)
    assert sum(cover.by_status.values()) == 8
    assert cover.by_status["not_proposed"] == 1


def test_what_the_model_is_not_sure_of_is_no_answer_and_counted_apart(maker: Maker) -> None:
    maker.issues = [issue(i) for i in "123"]
    run = maker.run({"1": "a", "2": Status.UNSURE, "3": Status.UNSURE})
    label(run, "anna", dict.fromkeys("123", "a"))
    decide(run, "dora", {"1": Action.ACCEPT, "2": Action.CORRECT, "3": Action.SKIP})
    report = report_of(run)
    found = pair(report, "blind.category.model_vs_anna")
    assert (found.n, found.excluded) == (1, {ExclusionReason.UNSURE: 2})
    assert report.coverage.by_status == {"ok": 1, "unsure": 2}
    assert report.coverage.answered == 1
    (row,) = report.acceptance
    assert row.set_aside == {ExclusionReason.UNSURE: 1}, "there was nothing to correct"
    assert (row.acceptance.value, row.correct, row.skip) == (1.0, 0, 1)


def test_only_the_last_proposal_counts(maker: Maker) -> None:
    run = maker.run({"1": Status.FAILED})
    run.proposals.append([proposal("1", "b", number=2)])
    label(run, "anna", {"1": "b"})
    report = report_of(run)
    assert pair(report, "blind.category.model_vs_anna").percent_agreement.value == 1
    assert report.coverage.by_status == {"ok": 1}


def test_leaked_issues_are_in_no_pair_with_the_model(maker: Maker) -> None:
    examples = [Example(issue=issue(i), codes=("a",)) for i in "234"]
    maker.examples = tuple(examples)
    run = maker.run(
        dict.fromkeys("12345", "a"),
        **{
            "1": {"shown": ["5", "1"]},  # shown its own label
            "2": {},  # learnt from, not recorded as kept away
            "3": {"excluded": ["3"]},  # learnt from by others, kept away from itself
            "4": {"excluded": ["2"]},
            "5": {"shown": ["3"]},
        },
    )
    label(run, "anna", {"1": "b", "2": "b", "3": "a", "4": "b", "5": "a"})
    label(run, "bert", dict.fromkeys("12345", "b"))
    report = report_of(run)
    found = pair(report, "blind.category.model_vs_anna")
    assert found.issue_ids == ("3", "5")
    assert found.excluded == {ExclusionReason.LEAKED: 3}
    assert found.percent_agreement.value == 1
    assert report.coverage.leaked_issue_ids == ("1", "2", "4")
    assert pair(report, "blind.category.anna_vs_bert").n == 5


def test_stale_and_unknown_labels_are_set_aside_and_counted(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("12345", "a"))
    label(run, "anna", {"1": "a"}, codebook_hash=run.codebook.hash)
    label(run, "anna", {"2": "a"}, codebook_hash="another")
    label(run, "anna", {"3": "gone", "4": ("a", "b"), "5": "a", "elsewhere": "a"})
    report = report_of(run)
    (cover,) = report.coverage.raters
    assert (cover.blind_labels, cover.usable, cover.not_in_run) == (5, 2, 1)
    aside = {
        ExclusionReason.STALE: 1,
        ExclusionReason.UNKNOWN_CODE: 1,
        ExclusionReason.SEVERAL_CODES: 1,
    }
    assert cover.set_aside == aside
    assert pair(report, "blind.category.model_vs_anna").excluded == aside


def test_n_and_what_is_left_out_add_up_to_the_run(maker: Maker) -> None:
    maker.book = TREE
    maker.issues = [issue(i) for i in "123456789"]
    run = maker.run({"1": "call", "2": "set", "3": Status.FAILED, "4": "speed", "5": "error"})
    label(run, "anna", {"1": "use", "2": "gone", "3": "call", "4": "speed"})
    label(run, "bert", {"4": "speed", "5": "call", "6": "call"})
    decide(run, "bert", {"1": Action.ACCEPT, "2": Action.SKIP})
    report = report_of(run)
    assert len(report.pairs) == 8
    for found in report.pairs:
        assert found.n + sum(found.excluded.values()) == 9
        assert found.n == len(found.issue_ids)


def test_raters_without_a_common_issue(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "b"})
    label(run, "anna", {"1": "a"})
    label(run, "bert", {"2": "b"})
    found = pair(report_of(run), "blind.category.anna_vs_bert")
    assert found.n == 0
    assert found.cohen_kappa.value is None
    assert found.cohen_kappa.note


def test_prevalence_is_raw_counts(maker: Maker) -> None:
    maker.book = TREE
    run = maker.run({"1": "call", "2": "set", "3": Status.ABSTAINED, "4": Status.FAILED})
    label(run, "anna", {"1": "speed", "2": "use"})
    rows = {(p.level, p.code): p for p in report_of(run).prevalence}
    assert (rows["category", "use"].model.count, rows["category", "use"].model.of) == (2, 3)
    assert rows["category", "none"].model.count == 1
    assert rows["code", "call"].model.count == 1
    assert rows["category", "use"].raters["anna"].count == 1
    assert rows["category", "perf"].raters["anna"].of == 2


def test_a_case_holds_everything_said_about_the_issue(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "a"}, **{"1": {"quotes": ["body text"]}})
    run.label_journal("anna").append(
        [Label(issue_id="1", rater="anna", codes=("b",), memo="On the border.")]
    )
    decide(run, "dora", {"1": Action.ACCEPT})
    (case,) = report_of(run).cases
    assert case.issue_id == "1"
    assert case.evidence[0].quote == "body text"
    assert [(j.rater, j.kind, j.codes, j.memo) for j in case.judgements] == [
        ("anna", "blind", ("b",), "On the border."),
        ("dora", "assisted", ("a",), ""),
    ]


def test_decisions_after_a_blind_label_are_counted_apart(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("1234", "a"))
    label(run, "dora", {"3": "b", "4": "a"}, mode="blind-first", source="review")
    decide(run, "dora", {"1": Action.ACCEPT, "2": (Action.CORRECT, "b")})
    run.decision_journal("dora").append(
        Decision(
            id=f"r{i}", issue_id=i, proposal_id=f"p1-{i}", rater="dora", action=Action.ACCEPT,
            codes=("a",), mode=Mode.BLIND_FIRST, shown=("a",), before=before,
        )
        for i, before in (("3", ("b",)), ("4", ("a",)))
    )  # fmt: skip
    report = report_of(run)
    found = {row.mode: (row.decisions, row.acceptance.value) for row in report.acceptance}
    assert found == {Mode.ASSISTED: (2, 0.5), Mode.BLIND_FIRST: (2, 1.0)}
    assert pair(report, "blind.category.model_vs_dora").n == 2
    assert [accepter(row) for row in report.acceptance] == ["dora", "dora (after a blind label)"]


def test_a_withdrawn_label_is_no_label(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "a"})
    label(run, "dora", {"1": "a", "2": "b"}, mode="holdout", source="review")
    run.label_journal("dora").append(
        [Label(issue_id="2", rater="dora", codes=(), withdrawn=True, source="review")]
    )
    assert pair(report_of(run), "blind.category.model_vs_dora").n == 1


def test_proposed_changes_are_listed_unless_taken_back(maker: Maker) -> None:
    run = maker.run({"1": "a"})
    run.decision_journal("dora").append(
        Decision(
            id=i, issue_id="1", proposal_id="p1-1", rater="dora", action=action, memo=memo,
            codes=("a",), change=change, undoes=undoes,
        )
        for i, action, memo, change, undoes in (
            ("x", Action.MEMO, "too wide", Change.SPLIT, ""),
            ("y", Action.MEMO, "no", Change.NEW, ""),
            ("z", Action.UNDO, "", None, "y"),
        )
    )  # fmt: skip
    report = report_of(run)
    (asked,) = report.codebook_changes
    assert (asked.rater, asked.issue_id, asked.change, asked.codes, asked.memo) == (
        "dora", "1", Change.SPLIT, ("a",), "too wide",
    )  # fmt: skip
    assert changes(report) == "Codebook changes proposed while coding: 1 to split a code."
    assert "too wide" in markdown(report)
    assert "too wide" in html(report)


def test_a_memo_that_a_blind_label_carries_is_told_once(maker: Maker) -> None:
    run = maker.run({"1": "a"})
    label(run, "dora", {"1": "b"}, mode="holdout", source="review", memo="odd")
    run.decision_journal("dora").append(
        [
            Decision(
                id="m", issue_id="1", proposal_id="p1-1", rater="dora", action=Action.MEMO,
                memo="odd", mode=Mode.HOLDOUT, seen=False,
            )
        ]
    )  # fmt: skip
    (case,) = report_of(run).cases
    assert [(j.kind, j.memo) for j in case.judgements] == [("blind", "odd")]


def test_a_label_the_model_could_not_use_is_no_leak_and_taught_it_nothing(maker: Maker) -> None:
    """A classifier holds no category alone; a chat model may, where it is asked for one."""
    maker.book = TREE
    maker.examples = (
        Example(issue=issue("1"), codes=("use",)),
        Example(issue=issue("2"), codes=("call",)),
    )
    run = maker.run({"1": "call", "2": "call"}, **{"2": {"excluded": ["2"]}})
    label(run, "anna", {"1": "use", "2": "call"})
    cover = report_of(run).coverage
    assert (cover.leaked, cover.learnt_from) == (0, 1)
    assert cover.raters[0].shared_with_examples == 1
    other = maker.run({"1": "call", "2": "call"}, "other", **{"2": {"excluded": ["2"]}})
    found = compare([run, other], draws=0)
    assert [(one.learnt_from, one.answered) for one in found.runs] == [(1, 2), (1, 2)]
    assert found.pairs[0].against[0].learnt == {"demo": 1, "other": 1}
    chat = {"kind": "llm", "name": "m", "neighbours": 4}
    for how, learnt in (
        (chat, 1), (chat | {"strategy": "cascade"}, 2), (chat | {"neighbours": 0}, 0)
    ):  # fmt: skip
        maker.model = how
        cover = report_of(maker.run({"1": "call"}, f"chat{learnt}")).coverage
        assert (cover.leaked, cover.learnt_from) == (0, learnt)
