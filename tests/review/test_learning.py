"""Suggestions that learn from the rater's answers: when, from what, and what is on disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.runs import make_run

from coder.__main__ import run as coder
from coder.audit.leakage import check_leakage
from coder.audit.log import check_log
from coder.ratings.model import ExclusionReason
from coder.records import (
    Action,
    Label,
    Status,
)
from coder.report.build import build_report
from coder.review.learning import Learner
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.revision.migration import migrate, plan
from coder.storage.merge import merge
from coder.storage.run import Run

BOOK = """\
id: pets
name: Pets
codes:
- {id: cat, name: Cat, definition: Cats meow and purr.}
- {id: dog, name: Dog, definition: Dogs bark and fetch sticks.}
"""
# Words that no definition holds: only answers can teach what they mean.
WORDS = {"cat": "zorble frisk whisk", "dog": "quixal grumb throop"}
FILL = ("monday", "tuesday", "wednesday", "thursday", "friday", "weekend", "morning", "evening")
ISSUES = 40
WAIT = 60.0


def code_of(issue_id: str) -> str:
    return "cat" if int(issue_id[1:]) % 2 else "dog"


# --- the real thing ------------------------------------------------------------------------------


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A study with a classifier's run whose definitions say nothing of the issues."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(BOOK)
    (tmp_path / "study.toml").write_text('codebook = "pets"\n[retrieval]\nembedder = "none"\n')
    rows = []
    for n in range(1, ISSUES + 1):
        body = f"{WORDS[code_of(f'i{n}')]} on {FILL[n % 8]} then {FILL[n * 3 % 7]}"
        # Words of its own, so that no issue is a near-duplicate of another.
        body += "".join(f" n{n}w{k}" for k in range(20))
        rows.append({"id": f"i{n}", "title": f"What about {FILL[n * 5 % 8]}", "body": body})
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert coder(["propose", "issues.jsonl", "--run", "first"]) == 0
    return tmp_path


def run_of(study: Path) -> Run:
    return Run.open(study / "runs", "first")


def learner_of(study: Path, rater: str = "ann") -> Learner:
    return Learner(run_of(study), rater, embedder="none", cache=study / "cache")


def wait(until: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not until():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def answer(session: ReviewSession) -> None:
    assert session.item is not None
    session.choose([code_of(session.item.issue.id)])


def review(study: Path, learner: Learner, rater: str = "ann") -> ReviewSession:
    return ReviewSession(run_of(study), rater, Order.FILE, suggester=learner)


def come(learner: Learner, issue_id: str) -> None:
    """Wait until there is a suggestion for an issue."""
    wait(lambda: learner.suggestion_for(issue_id, iter(())) or learner.failure)
    assert not learner.failure


def teach(study: Path, many: int, rater: str = "ann") -> None:
    """Answer so many issues, skip one, and leave with the next on the screen, which has been
    learnt from them."""
    with learner_of(study, rater) as learner:
        session = review(study, learner, rater)
        for _ in range(many):
            answer(session)
        come(learner, f"i{many + 2}")
        session.skip()
        assert session.view.taught == many


def problems(run: Run) -> list[str]:
    return [f"{p.file}:{p.line}: {p.message}" for c in check_log(run) for p in c.problems]


def test_suggestions_learn_from_the_raters_answers(study: Path) -> None:
    before = (study / "runs" / "first" / "proposals.jsonl").read_bytes()
    assert not any(p.codes for p in run_of(study).proposals), "nothing to learn"
    with learner_of(study) as learner:
        session = review(study, learner)
        for _ in range(10):
            assert session.view.taught == 0
            answer(session)
        for number in range(12, 18):
            come(learner, f"i{number}")
        answer(session)
        for number in range(12, 18):
            assert session.item is not None
            assert session.item.suggested == (code_of(f"i{number}"),)
            assert session.item.proposal.model.startswith("embedded/refit-1@")
            decision = session.enter()
            assert (decision.issue_id, decision.action) == (f"i{number}", Action.ACCEPT)
            assert decision.proposal_id in {p.id for p in run_of(study).suggestion_journal("ann")}
    run = run_of(study)
    (refit, *_) = run.refit_journal("ann")
    assert (refit.version, refit.answers, refit.labels) == (1, 10, 0)
    assert (run.path / "proposals.jsonl").read_bytes() == before
    assert problems(run) == []
    leakage = check_leakage(run)
    assert (leakage.leaks, leakage.suggestions) == ((), len(list(run.suggestion_journal("ann"))))


def test_a_restart_goes_on_with_the_same_classifier(study: Path) -> None:
    teach(study, 10)
    run = run_of(study)
    (refit,) = run.refit_journal("ann")
    (shown,) = run.suggestion_journal("ann")
    with learner_of(study) as learner:
        session = review(study, learner)
        assert session.item is not None
        # What was on the screen when it was left is there at once.
        assert session.item.proposal == shown
        come(learner, "i13")
        session.skip()
        assert (session.item.issue.id, session.item.proposal.model) == ("i13", refit.model)
    assert list(run.refit_journal("ann")) == [refit]
    assert problems(run) == []


def test_raters_do_not_learn_from_each_other(study: Path) -> None:
    teach(study, 10)
    with learner_of(study, "bob") as learner:
        session = review(study, learner, "bob")
        answer(session)
        assert not learner.fitting
        assert session.view.taught == 0


def test_an_issue_labelled_before_is_kept_from_its_own_label(study: Path) -> None:
    run = run_of(study)
    labels = [Label(issue_id=f"i{n}", rater="ann", codes=(code_of(f"i{n}"),)) for n in range(1, 21)]
    run.add_labels("ann", labels)
    with learner_of(study) as learner:
        assert learner.suggestion_for("i1", iter(("i1", "i2", "i3"))) is None
        come(learner, "i2")
    (suggestion,) = run.suggestion_journal("ann")
    (refit,) = run.refit_journal("ann")
    assert (refit.answers, refit.labels, refit.decisions) == (20, 20, 0)
    assert (suggestion.issue_id, suggestion.excluded) == ("i2", ("i2",))
    assert check_leakage(run).leaks == ()


def test_a_suggestion_that_saw_its_own_answer_is_found(study: Path) -> None:
    run = run_of(study)
    run.add_labels(
        "ann",
        [Label(issue_id=f"i{n}", rater="ann", codes=(code_of(f"i{n}"),)) for n in range(1, 21)],
    )
    with learner_of(study) as learner:
        assert learner.suggestion_for("i1", iter(("i2",))) is None
        come(learner, "i2")
    (suggestion,) = run.suggestion_journal("ann")
    run.suggestion_journal("ann").append([suggestion.model_copy(update={"excluded": ()})])
    (leak,) = check_leakage(run).leaks
    assert (leak.issue_id, leak.example_id) == ("i2", "i2")


def test_the_log_names_a_refit_that_does_not_follow_from_the_answers(study: Path) -> None:
    teach(study, 10)
    run = run_of(study)
    (refit,) = run.refit_journal("ann")
    (suggestion,) = run.suggestion_journal("ann")
    run.refit_journal("ann").append(
        [refit.model_copy(update={"version": 2, "model": "embedded/refit-2@x", "decisions": 9})]
    )
    wrong = suggestion.model_copy(update={"model": "embedded/refit-9"})
    run.suggestion_journal("ann").append([wrong])
    assert problems(run) == [
        "refits/ann.jsonl:2: does not follow from the answers that the rater had given by then",
        "suggestions/ann.jsonl:2: is by 'embedded/refit-9', which is not among the rater's refits",
    ]


def test_answers_of_an_earlier_version_of_the_codebook_teach_in_the_new_one(study: Path) -> None:
    teach(study, 10)
    book = study / "codebook" / "pets.yaml"
    text = BOOK.replace("name: Pets", 'name: Pets\nversion: "2"')
    book.write_text(text.replace("{id: cat,", "{id: feline, replaces: [cat],"))
    run = run_of(study)
    migrate(run, book, plan(run, book)[0])
    with learner_of(study) as learner:
        session = review(study, learner)
        assert session.view.taught == 0, "what an earlier version was taught is learnt anew"
        come(learner, "i13")
        session.flag()
        assert session.item is not None
        assert (session.item.suggested, session.view.taught) == (("feline",), 10)
        assert session.enter().codes == ("feline",)
    run = run_of(study)
    first, second = run.refit_journal("ann")
    assert (second.answers, second.codebook_hash) == (10, run.codebook.hash)
    assert first.codebook_hash == run.first_codebook.hash
    assert problems(run) == []
    assert check_leakage(run).leaks == ()


def test_fits_of_a_rater_in_two_copies_are_found_again_when_both_are_joined(study: Path) -> None:
    shutil.copytree(study / "runs", study / "other" / "runs")
    for file in ("study.toml", "codebook"):
        (study / "other" / file).symlink_to(study / file)
    teach(study, 10)
    with learner_of(study / "other") as learner:
        session = review(study / "other", learner)
        for _ in range(10):
            session.choose(["dog"])
        come(learner, "i12")
        session.skip()
    merge(run_of(study), run_of(study / "other").path, take_both=True)
    run = run_of(study)
    assert len(list(run.refit_journal("ann"))) > 1
    assert problems(run) == []
    assert check_leakage(run).leaks == ()


def test_the_report_counts_what_was_learnt_apart(study: Path) -> None:
    teach(study, 10)
    with learner_of(study) as learner:
        session = review(study, learner)
        session.enter()
    report = build_report(run_of(study), draws=100)
    own, learnt = report.acceptance
    assert (own.learnt, own.accept, own.correct) == (False, 0, 10)
    assert (learnt.learnt, learnt.accept, learnt.correct) == (True, 1, 0)
    (assisted,) = report.pairs
    assert (assisted.kind, assisted.n, assisted.excluded[ExclusionReason.LEARNT]) == (
        "assisted",
        10,
        1,
    )


def test_a_process_that_cannot_learn_says_why_and_the_review_goes_on(study: Path) -> None:
    learner = Learner(run_of(study), "ann", embedder="langchain:no.such:Thing", cache=study / "c")
    with learner:
        session = review(study, learner)
        for _ in range(10):
            answer(session)
        wait(lambda: learner.suggestion_for("i1", iter(())) or learner.failure)
        assert "no.such" in learner.failure or "module no" in learner.failure
        answer(session)
    assert len(run_of(study).decisions("ann")) == 11


# --- processes -----------------------------------------------------------------------------------


def start_review(study: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "coder",
            "review",
            "first",
            "--rater",
            "ann",
            "--plain",
            "--order",
            "file",
            *options,
        ],
        cwd=study,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def give(process: subprocess.Popen[str], study: Path, many: int, total: int = 0) -> None:
    """Give so many answers; wait until they, or the ``total``, are on disk."""
    assert process.stdin is not None
    for _ in range(many):
        process.stdin.write("/cat\n")
    process.stdin.flush()
    wait(lambda: len(run_of(study).decisions("ann")) >= (total or many))


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def alive(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


@pytest.mark.parametrize("how", ["quit", "interrupt", "kill", "kill when idle"])
def test_no_process_is_left_and_no_answer_lost(study: Path, how: str) -> None:
    process = start_review(study)
    give(process, study, 12)
    wait(lambda: children(process.pid))
    (child,) = children(process.pid)
    given = 12
    if how == "kill when idle":
        while not (study / "runs" / "first" / "refits" / "ann.jsonl").exists():
            time.sleep(0.5)
            given += 1
            give(process, study, 1, given)
        time.sleep(2)  # until it has proposed for all it was asked for
    if how == "quit":
        process.communicate("q\n", timeout=WAIT)
        assert process.returncode == 0
    else:
        process.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGKILL)
        process.communicate(timeout=WAIT)
        assert process.returncode == (130 if how == "interrupt" else -signal.SIGKILL)
    wait(lambda: not alive(child))
    run = run_of(study)
    assert len(run.decisions("ann")) == given
    assert problems(run) == []


@pytest.mark.parametrize("how", ["flag", "setting"])
def test_learning_can_be_left_out(study: Path, how: str) -> None:
    if how == "setting":
        with (study / "study.toml").open("a") as file:
            file.write("[review]\nlearn = false\n")
    process = start_review(study, *(["--no-learn"] if how == "flag" else []))
    give(process, study, 12)
    assert children(process.pid) == []
    process.communicate("q\n", timeout=WAIT)
    assert not (study / "runs" / "first" / "refits").exists()


def test_a_chat_models_run_does_not_learn(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs", 14, name="first")
    process = start_review(tmp_path)
    assert process.stdin is not None
    process.stdin.write("\n" * 12)
    process.stdin.flush()
    wait(lambda: len(Run.open(tmp_path / "runs", "first").decisions("ann")) == 12)
    assert children(process.pid) == []
    process.communicate("q\n", timeout=WAIT)


def test_the_line_mode_says_whose_judgement_it_repeats(study: Path) -> None:
    teach(study, 10)
    process = start_review(study)
    printed, _ = process.communicate("q\n", timeout=WAIT)
    assert ", learnt from your 10 answers\n" in printed
    assert Status.OK.value not in printed
