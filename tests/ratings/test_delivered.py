"""Final codes: who stands behind each, in which order, and what is never mixed up."""

from pathlib import Path

import pytest
from support.runs import AT, Maker, decide, label

from coder.errors import UsageError
from coder.ratings.delivered import FinalSource, RunAnswers, delivered
from coder.records import Action, Adjudication, Status
from coder.report.certified import certified_threshold
from coder.report.model import Choices
from coder.storage.run import Run

WRONG = (Action.CORRECT, "b")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The model says "a" of everything it answers."""
    answers = dict.fromkeys(["agreed", "one", "split", "settled", "shown", "torn", "left"], "a")
    return Maker(tmp_path).run(answers | {"lost": Status.UNPARSED, "none": Status.ABSTAINED})


def test_each_issue_is_delivered_by_the_best_that_stands_behind_it(run: Run) -> None:
    label(run, "ann", {"agreed": "b", "one": "c", "split": "b", "settled": "b"})
    label(run, "bea", {"agreed": "b", "split": "c", "settled": "c"})
    decide(run, "cai", {"one": Action.ACCEPT, "shown": WRONG, "torn": WRONG, "left": Action.SKIP})
    decide(run, "dan", {"shown": WRONG, "torn": Action.ACCEPT})
    said = {"ann": ("b",), "bea": ("c",)}
    run.adjudications.append(
        [Adjudication(issue_id="settled", by="eve", codes=("a",), judged=said, blind=True, at=AT)]
    )
    found = delivered(RunAnswers(run))
    assert {i: (one.codes, one.source.value, one.by) for i, one in found.items()} == {
        "agreed": (("b",), "resolved", ("ann", "bea")),
        "one": (("c",), "blind label", ("ann",)),
        "split": (None, "disputed", ("ann", "bea")),
        "settled": (("a",), "resolved", ("eve",)),
        "shown": (("b",), "assisted decision", ("cai", "dan")),
        "torn": (None, "disputed", ("cai", "dan")),
        "left": (("a",), "model", ()),
        "lost": (None, "nobody", ()),
        "none": ((), "model", ()),
    }
    assert list(found) == list(run.issues)


def test_what_was_adjudicated_among_assisted_decisions_stays_assisted(run: Run) -> None:
    decide(run, "cai", {"torn": WRONG})
    decide(run, "dan", {"torn": Action.ACCEPT})
    said = {"cai": ("b",), "dan": ("a",)}
    run.adjudications.append(
        [Adjudication(issue_id="torn", by="eve", codes=("c",), judged=said, blind=False, at=AT)]
    )
    one = delivered(RunAnswers(run))["torn"]
    assert (one.codes, one.source, one.by) == (("c",), FinalSource.ASSISTED, ("eve",))
    said["dan"] = ("c",)
    run.adjudications.append(
        [Adjudication(issue_id="torn", by="eve", codes=("c",), judged=said, blind=False, at=AT)]
    )
    assert delivered(RunAnswers(run))["torn"].source is FinalSource.DISPUTED


def test_the_model_is_certified_only_from_the_threshold_on(tmp_path: Path) -> None:
    truth = {f"{n:03}": "a" for n in range(300)}
    sure = {i: {"confidence": 0.97 if n % 3 else 0.4} for n, i in enumerate(truth)}
    run = Maker(tmp_path).run(truth, **sure)
    label(run, "ann", {i: "a" if sure[i]["confidence"] > 0.5 else "b" for i in [*truth][:240]})
    answers = RunAnswers(run)
    threshold = certified_threshold(answers, Choices())
    assert threshold == 0.5
    left = {i: one.source for i, one in delivered(answers, certified=threshold).items()}
    assert {left[i] for i in [*truth][240:] if sure[i]["confidence"] > 0.5} == {
        FinalSource.CERTIFIED
    }
    assert {left[i] for i in [*truth][240:] if sure[i]["confidence"] < 0.5} == {FinalSource.MODEL}


def test_answers_are_had_by_who_gave_them(run: Run) -> None:
    label(run, "ann", {"agreed": "b", "one": ()})
    label(run, "bea", {"agreed": "b"})
    decide(run, "cai", {"shown": WRONG})
    answers = RunAnswers(run)
    assert answers.by("ann") == {"agreed": ("b",), "one": ()}
    assert answers.by("resolved") == {"agreed": ("b",)}
    assert answers.by("model") == dict.fromkeys([*run.issues][:7], ("a",)) | {"none": ()}
    assert answers.by("final")["shown"] == ("b",)
    with pytest.raises(UsageError, match="no blind labels by 'cai'"):
        answers.by("cai")
