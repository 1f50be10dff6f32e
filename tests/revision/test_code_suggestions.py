"""``coder codebook suggest``: which issues are grouped, into what, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from support.fault_server import FaultServer, completion
from support.runs import make_issue, make_proposal, make_run

from coder.__main__ import run as coder
from coder.codebook import load as codebooks
from coder.errors import ModelError, RunError
from coder.records import Action, Call, Decision, Issue, Label, Proposal, ScoredCode, Status
from coder.retrieval.embedders import MiniLM
from coder.revision.code_suggestions import Reason, suggest, unsettled
from coder.storage.journal import Journal
from coder.storage.run import Run

PRICES = (
    "The delivery costs too much", "Why is shipping so expensive?", "Delivery price doubled",
    "Who pays the shipping costs?", "Refund of the delivery price", "Cheaper shipping, please",
)  # fmt: skip
WORMS = (
    "A worm lives in my apple", "Worms in half of the crate", "Found a worm in the pear",
    "Little worms came out of the apples", "Is the worm part of the apple?",
)  # fmt: skip
ALONE = ("The website shows a blank page", "My neighbour plays the drums")


def none_fits(titles: Sequence[str]) -> tuple[list[Issue], list[Proposal]]:
    issues = [
        make_issue(n, "Please help.", title=title, comments=()) for n, title in enumerate(titles, 1)
    ]
    abstained = [
        make_proposal(i, status=Status.ABSTAINED, codes=(), runners_up=(), evidence=())
        for i in issues
    ]
    return issues, abstained


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "runs", *none_fits([*PRICES, *WORMS, *ALONE]))


def decide(run: Run, issue_id: str, action: Action, *codes: str) -> None:
    made = Decision(
        id=f"d{issue_id}", issue_id=issue_id, proposal_id=f"p-{issue_id}", rater="bea",
        action=action, codes=codes, codebook_hash=run.codebook.hash,
    )  # fmt: skip
    run.decision_journal("bea").append([made])


def test_what_is_about_the_same_is_one_group_under_its_own_words(run: Run) -> None:
    found = suggest(run, MiniLM())
    titles = [{issue.title for issue in one.issues} for one in found.candidates]
    assert len(titles) == 2
    prices = max(titles, key=lambda group: len(group & set(PRICES)))
    worms = max(titles, key=lambda group: len(group & set(WORMS)))
    assert prices <= set(PRICES) and len(prices) >= 4
    assert worms <= set(WORMS) and len(worms) >= 4
    named = {" ".join(one.words) for one in found.candidates}
    assert any("shipping" in words or "delivery" in words for words in named)
    assert any("worm" in words for words in named)
    assert found.unlike == 13 - len(prices) - len(worms)
    assert all(one.reasons == {Reason.NONE: len(one.issues)} for one in found.candidates)
    assert suggest(run, MiniLM()) == found, "the same run gives the same groups"


def test_too_little_is_said_plainly(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", *none_fits(PRICES))
    with pytest.raises(RunError, match="too little to group: 6 issues"):
        suggest(run, MiniLM())


def test_groups_take_an_embedder(run: Run) -> None:
    with pytest.raises(ModelError, match="takes an embedder"):
        suggest(run, None)


def test_where_codes_are_only_ranked_the_nearest_says_how_unsure_the_model_is(
    tmp_path: Path,
) -> None:
    issues = [make_issue(n) for n in range(1, 21)]
    ranked = [
        make_proposal(
            issue, status=Status.UNSURE, codes=(),
            runners_up=(ScoredCode(code="taste.sour", confidence=1 - n / 40),),
        )
        for n, issue in enumerate(issues)
    ]  # fmt: skip
    run = make_run(tmp_path / "runs", issues, ranked)
    assert unsettled(run) == {"i19": Reason.UNSURE, "i20": Reason.UNSURE}


def test_what_a_person_said_counts_before_what_the_model_said(tmp_path: Path) -> None:
    issues = [make_issue(n) for n in range(1, 24)]
    run = make_run(
        tmp_path / "runs",
        issues,
        [make_proposal(issues[0], status=Status.ABSTAINED, codes=(), runners_up=()),
         *(make_proposal(i, codes=(ScoredCode(code="taste.sour", confidence=c / 100),))
           for c, i in enumerate(issues[1:], 1))],
    )  # fmt: skip
    assert unsettled(run) == {"i1": Reason.NONE, "i2": Reason.UNSURE, "i3": Reason.UNSURE}
    decide(run, "i1", Action.CORRECT, "looks.green")
    decide(run, "i2", Action.ACCEPT, "taste.sour")
    decide(run, "i20", Action.REJECT)
    run.label_journal("ann").append(
        [Label(issue_id="i21", rater="ann", codes=(), codebook_hash=run.codebook.hash)]
    )
    # Two answers settle i1 and i2; the next two of those nobody has looked at are the unsure ones.
    found = unsettled(run)
    assert {i for i, why in found.items() if why is Reason.NONE} == {"i20", "i21"}
    assert "i1" not in found and "i2" not in found and found["i3"] is Reason.UNSURE


def test_a_code_that_people_take_another_one_for_is_often_corrected(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", 8)
    for number in (1, 2):
        decide(run, f"i{number}", Action.CORRECT, "taste.bland")
    assert unsettled(run) == {}, "twice is not often"
    decide(run, "i3", Action.CORRECT, "looks.green")
    decide(run, "i4", Action.ACCEPT, "taste.sour")
    assert unsettled(run) == dict.fromkeys(("i1", "i2", "i3"), Reason.CORRECTED)
    for number in (5, 6, 7):
        decide(run, f"i{number}", Action.ACCEPT, "taste.sour")
    assert unsettled(run) == {}, "it is accepted more often"


@pytest.fixture
def study(run: Run, monkeypatch) -> Path:
    root = run.path.parent.parent
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "160")
    return root


def test_the_yaml_can_be_pasted_into_the_codebook(study, run, capsys) -> None:
    assert coder(["codebook", "suggest", "trial", "-o", "new.yaml"]) == 0
    said = capsys.readouterr().out
    assert "13 issues are not settled: 13 none fits." in said
    assert "2 candidates in new.yaml" in " ".join(said.split())
    assert "┃" not in said and "│" not in said
    written = (study / "new.yaml").read_text()
    assert len(yaml.safe_load(written)["codes"]) == 2
    rows = written[written.index("codes:\n") + len("codes:\n") :]
    book, problems = codebooks.parse((run.path / "codebook.yaml").read_text() + rows)
    assert book is not None, problems
    added = [code for code in book.codes if code.id not in run.codebook.by_id]
    assert len(added) == 2
    assert set(added[0].examples) <= {*PRICES, *WORMS} and len(added[0].examples) == 3


def test_titles_that_bite_are_shown_and_written_as_text(tmp_path, monkeypatch, capsys) -> None:
    titles = [f"[red]worm[/] \x1b]52;c;aGk=\x07 {title}" for title in WORMS]
    make_run(tmp_path / "runs", *none_fits([*titles, *PRICES]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    assert coder(["codebook", "suggest", "trial", "-o", "new.yaml"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "[red]worm[/]" in said
    assert "\x1b" not in (tmp_path / "new.yaml").read_text()


def test_a_chat_model_names_the_groups_once(study, run, monkeypatch, capsys) -> None:
    answers = iter(
        [
            completion({"name": "Delivery fees", "definition": "What the delivery costs."}),
            completion("I would rather not."),
        ]
    )
    with FaultServer(lambda *_: next(answers)).running() as server:
        monkeypatch.setenv("CODER_MODEL__NAME", "openai:m")
        monkeypatch.setenv("CODER_MODEL__BASE_URL", server.base_url)
        arguments = ["codebook", "suggest", "trial", "--name-with-model", "-o", "new.yaml"]
        assert coder(arguments) == 0
        said = capsys.readouterr()
        assert "Delivery fees" in said.out
        assert "no usable name for 1" in said.err
        calls = run.path / "suggest" / "calls.jsonl"
        assert [call.prompt for call in Journal(calls, Call)] == ["name-group.v1"] * 2
        assert len(server.requests) == 2
        codes = yaml.safe_load((study / "new.yaml").read_text())["codes"]
        assert codes[0]["name"] == "Delivery fees"
        assert codes[0]["definition"] == "What the delivery costs."
        assert coder(arguments) == 0, "what was paid for is not asked again"
        assert len(server.requests) == 2
    assert coder(["audit", "log", "trial"]) in (0, 4)
    assert "suggest/calls.jsonl" in capsys.readouterr().out


def test_the_classifier_names_nothing_and_no_text_leaves_without_consent(
    study, monkeypatch, capsys
) -> None:
    assert coder(["codebook", "suggest", "trial", "--name-with-model"]) == 2
    assert "names nothing" in capsys.readouterr().err
    monkeypatch.setenv("CODER_MODEL__NAME", "openai:m")
    monkeypatch.setenv("CODER_MODEL__BASE_URL", "https://llm.example.org/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-tests")
    assert coder(["codebook", "suggest", "trial", "--name-with-model"]) == 2
    assert "--send-to llm.example.org" in capsys.readouterr().err
