"""A run goes on with another version of its codebook: what is carried over, stale, and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.runs import CODEBOOK, make_issue, make_proposal, make_run

from coder.audit.log import check_log
from coder.codebook.changes import Stale
from coder.errors import UsageError
from coder.records import Action, Adjudication, Decision, Label, ScoredCode, Status
from coder.report import build_report
from coder.report.calibrate import calibrate
from coder.review.session import ReviewSession
from coder.revision.migration import Versions, book_at, carry, migrate, plan, stale
from coder.storage.run import Run

BOOK = CODEBOOK.format(cardinality="single", allow_none="true")
RENAME = ("id: taste.sour,", "id: taste.acid, replaces: [taste.sour],")
RENAMED = BOOK.replace(*RENAME)
REDEFINED = BOOK.replace("No flavour at all.", "Less flavour than water.")
BOTH = REDEFINED.replace(*RENAME)
FEES = "  - {id: fees, name: Fees, definition: What the delivery costs.}\n"


def version(text: str, number: str) -> str:
    return text.replace("name: Fruit complaints", f'name: Fruit complaints\nversion: "{number}"')


def go_on(run: Run, text: str, number: str = "2") -> Run:
    path = run.path.parent.parent / f"fruit-{number}.yaml"
    path.write_text(version(text, number))
    return migrate(run, path, plan(run, path)[0])


def label(run: Run, issue: str, *codes: str, rater: str = "ann", **fields: object) -> Label:
    made = Label.model_validate(
        {
            "issue_id": issue,
            "rater": rater,
            "codes": codes,
            "codebook_hash": run.codebook.hash,
            **fields,
        }
    )
    run.label_journal(rater).append([made])
    return made


def decide(run: Run, issue: str, action: Action, *codes: str) -> Decision:
    made = Decision(
        id=f"d-{issue}-{run.codebook.version}-{action}",
        issue_id=issue,
        proposal_id=f"p-{issue}",
        rater="bea",
        action=action,
        codes=codes,
        codebook_hash=run.codebook.hash,
    )
    run.decision_journal("bea").append([made])
    return made


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = make_run(tmp_path / "runs", 4)
    label(made, "i1", "taste.sour")
    label(made, "i2", "taste.bland")
    label(made, "i3")
    decide(made, "i1", Action.ACCEPT, "taste.sour")
    decide(made, "i2", Action.CORRECT, "taste.bland")
    decide(made, "i3", Action.SKIP)
    return made


def test_nothing_that_was_written_changes_and_the_codebook_is_the_new_one(run: Run) -> None:
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    after = go_on(run, RENAMED)
    assert all(path.read_bytes() == data for path, data in before.items())
    assert after.codebook.version == "2" and "taste.acid" in after.codebook.by_id
    assert after.first_codebook.hash == run.codebook.hash == after.manifest.codebook_hash
    assert book_at(after, run.codebook.hash) == run.codebook
    assert book_at(after, after.codebook.hash) == after.codebook
    assert book_at(after, "0" * 64) is None


def test_what_was_renamed_goes_over_and_what_was_redefined_is_stale(run: Run) -> None:
    after = go_on(run, BOTH)
    sour, bland, none = (after.labels("ann")[i] for i in ("i1", "i2", "i3"))
    assert carry(after, sour) == ("taste.acid",) and not stale(after, sour)
    assert stale(after, bland)
    assert carry(after, none) == () and not stale(after, none)
    accepted, corrected, skipped = (after.decisions("bea")[i] for i in ("i1", "i2", "i3"))
    assert carry(after, accepted) == ("taste.acid",)
    assert stale(after, corrected)
    assert carry(after, skipped) is None and not stale(after, skipped)
    proposal = next(iter(after.proposals))
    assert carry(after, proposal) == ("taste.acid",)
    resolved = Adjudication(
        issue_id="i1", by="cy", codes=("taste.bland",), judged={}, blind=True,
        codebook_hash=run.codebook.hash,
    )  # fmt: skip
    assert stale(after, resolved)


def test_an_answer_given_again_is_stale_no_more(run: Run) -> None:
    after = go_on(run, REDEFINED)
    assert not stale(after, label(after, "i2", "taste.bland"))
    assert not stale(after, after.labels("ann")["i2"])


def test_an_answer_under_no_version_of_the_run_is_stale(run: Run) -> None:
    assert stale(run, label(run, "i4", "taste.sour", codebook_hash="0" * 64))
    assert not stale(run, label(run, "i4", "taste.sour", codebook_hash=""))


def test_two_migrations_carry_over_one_after_the_other(run: Run) -> None:
    first = run.codebook.hash
    once = go_on(run, RENAMED)
    twice = go_on(
        once,
        RENAMED.replace("taste.acid, replaces: [taste.sour]", "taste.tart, replaces: [taste.acid]"),
        "3",
    )
    versions = Versions(twice)
    assert versions.carry(("taste.sour",), first) == ("taste.tart",)
    assert versions.carry(("taste.acid",), once.codebook.hash) == ("taste.tart",)
    assert versions.carry(("taste.tart",), twice.codebook.hash) == ("taste.tart",)
    assert versions.carry(("taste.sour",)) == ("taste.tart",), "no hash: the first version"
    thrice = go_on(twice, REDEFINED.replace("taste.sour", "taste.tart"), "4")
    assert isinstance(Versions(thrice).carry(("taste.bland",), first), Stale)


def test_a_run_that_goes_back_takes_its_first_answers_as_they_are(run: Run) -> None:
    there = go_on(run, REDEFINED)
    assert stale(there, there.labels("ann")["i2"])
    path = run.path.parent.parent / "back.yaml"
    path.write_text(BOOK)
    back = migrate(there, path, plan(there, path)[0])
    assert not stale(back, back.labels("ann")["i2"])


def test_a_run_goes_on_with_another_version_of_its_own_codebook_only(run: Run, tmp_path) -> None:
    path = tmp_path / "book.yaml"
    path.write_text(BOOK)
    with pytest.raises(UsageError, match="is at this version already"):
        plan(run, path)
    path.write_text(BOOK.replace("id: fruit", "id: pets"))
    with pytest.raises(UsageError, match="is codebook 'pets'"):
        plan(run, path)
    path.write_text(REDEFINED)
    planned, _ = plan(run, path)
    with pytest.raises(UsageError, match="called the same"):
        migrate(run, path, planned)
    path.write_text(version(REDEFINED, "2"))
    planned, _ = plan(run, path)
    path.write_text(version(RENAMED, "2"))
    with pytest.raises(UsageError, match="changed at this moment"):
        migrate(run, path, planned)
    assert not run.migrations.path.exists()


def test_the_plan_counts_what_would_be_stale_by_person_and_change(run: Run, tmp_path) -> None:
    path = tmp_path / "book.yaml"
    path.write_text(version(REDEFINED + FEES, "2"))
    planned, effects = plan(run, path)
    assert not run.migrations.path.exists()
    by = {(e.who, e.what): e for e in effects}
    assert by["model", "proposals"].carried == 4
    labels = by["ann", "blind labels"]
    assert labels.carried == 1
    assert sorted((c.code, n) for c, n in labels.stale.items()) == [("none", 1), ("taste.bland", 1)]
    assert (by["bea", "decisions"].carried, by["bea", "decisions"].stale.total()) == (1, 1)
    after = migrate(run, path, planned)
    path.write_text(version(REDEFINED + FEES + FEES.replace("ees", "arm"), "3"))
    again = {(e.who, e.what): e for e in plan(after, path)[1]}["ann", "blind labels"]
    assert (again.carried, again.before, again.stale.total()) == (1, 2, 0)


def test_the_report_compares_what_was_carried_over_and_counts_what_is_stale(run: Run) -> None:
    after = go_on(run, BOTH)
    report = build_report(after, draws=100)
    pair = next(p for p in report.pairs if p.id == "blind.code.model_vs_ann")
    assert (pair.n, pair.excluded) == (2, {"stale": 1, "no_label": 1})
    assert pair.percent_agreement.value == 0.5
    assert report.codebook.version == "2"
    (shown,) = [p for p in report.prevalence if p.code == "taste.acid"]
    assert (shown.model.count, shown.model.of) == (4, 4)
    (case,) = [case for case in report.cases if case.issue_id == "i3"]
    assert [scored.code for scored in case.codes] == ["taste.acid"]
    assert report.acceptance[0].set_aside == {"stale": 1}
    assert [made.proposals for made in calibrate(after, "ann")] == [2]


def test_a_stale_suggestion_is_shown_as_that_and_cannot_be_accepted(tmp_path: Path) -> None:
    issues = [make_issue(1), make_issue(2)]
    bland = ScoredCode(code="taste.bland", confidence=0.6)
    proposals = [make_proposal(issues[0]), make_proposal(issues[1], codes=(bland,), runners_up=())]
    first = make_run(tmp_path / "runs", issues, proposals)
    after = go_on(first, BOTH)
    session = ReviewSession(after, "ann")
    seen = {}
    while session.item is not None:
        item = session.item
        options = [option.code.id for option in session.view.options]
        seen[item.issue.id] = (item.state, item.suggested, options, item.acceptable)
        if item.stale:
            with pytest.raises(UsageError, match="stale"):
                session.accept()
            made = session.choose(("taste.bland",))
            assert made.action is Action.CORRECT
        else:
            made = session.accept()
            assert made.codes == ("taste.acid",)
        assert made.codebook_hash == after.codebook.hash
        assert not stale(after, made)
    # Its runners-up are both carried over: one as it is, the redefined one not at all.
    assert seen["i1"] == ("ok", ("taste.acid",), ["looks.green"], True)
    assert seen["i2"] == ("stale", (), ["taste.bland"], False)


def test_a_merge_of_suggested_codes_is_one_code_with_the_surest_figure(tmp_path: Path) -> None:
    issue = make_issue(1)
    both = (
        ScoredCode(code="taste.sour", confidence=0.5),
        ScoredCode(code="taste.bland", confidence=0.7),
    )
    run = make_run(
        tmp_path / "runs", [issue], [make_proposal(issue, codes=both)], cardinality="multiple"
    )
    text = CODEBOOK.format(cardinality="multiple", allow_none="true")
    start, end = text.index("      - {id: taste.sour"), text.index("  - id: looks")
    dull = (
        "      - {id: taste.dull, name: Dull, definition: Not sweet., "
        "replaces: [taste.sour, taste.bland]}\n"
    )
    after = go_on(run, text[:start] + dull + text[end:])
    shown, why = Versions(after).shown(next(iter(after.proposals)))
    assert why is None
    assert [(s.code, s.confidence) for s in shown.codes] == [("taste.dull", 0.7)]
    assert [s.code for s in shown.runners_up] == ["looks.green"]


def test_what_could_not_be_read_stays_that(tmp_path: Path) -> None:
    issue = make_issue(1)
    failed = make_proposal(issue, status=Status.UNPARSED, codes=(), runners_up=())
    run = make_run(tmp_path / "runs", [issue], [failed])
    after = go_on(run, RENAMED + FEES)
    assert carry(after, failed) is None
    item = ReviewSession(after, "ann").item
    assert item is not None and item.state == "unparsed" and not item.stale


def problems(run: Run) -> list[str]:
    return [f"{p.where}: {p.message}" for checked in check_log(run) for p in checked.problems]


def test_the_log_knows_the_versions_and_finds_one_that_was_swapped(run: Run) -> None:
    after = go_on(go_on(run, RENAMED), RENAMED + FEES, "3")
    files = [checked.file for checked in check_log(after)]
    assert [f for f in files if f.startswith(("migrations", "codebooks"))] == [
        "migrations.jsonl",
        "codebooks/1.yaml",
        "codebooks/2.yaml",
    ]
    whole = [p for p in problems(after) if "codebook" in p or "migrations" in p]
    assert whole == []
    kept = after.path / "codebooks" / "1.yaml"
    text = kept.read_text()
    kept.write_text(text.replace("Unripe", "Ripe"))
    assert any(
        p.startswith("codebooks/1.yaml: is not what migrations.jsonl") for p in problems(run)
    )
    kept.unlink()
    assert "codebooks/1.yaml: is missing" in problems(run)
    kept.write_text(text)
    journal = after.path / "migrations.jsonl"
    lines = journal.read_text().split("\n")[:-1]
    other = json.loads(lines[0]) | {"from_hash": "0" * 64}
    journal.write_text(json.dumps(other) + "\n")
    assert any("does not go on from the version before it" in p for p in problems(run))
