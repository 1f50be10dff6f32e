"""Two stages: what one run screens in is what another one codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.runs import AT, Maker, decide, label

from coder.__main__ import run as coder
from coder.records import Action, Label, Status
from coder.storage.run import Run

BOOK = """\
id: mood
name: Mood
codes:
  - {id: glad, name: Glad, definition: Happy.}
  - {id: cross, name: Cross, definition: Angry.}
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A screening into a (in) or b (out): people overrule the model on two issues."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text('codebook = "mood"\n[retrieval]\nembedder = "none"\n')
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "mood.yaml").write_text(BOOK)
    model = {"m-in": "a", "m-out": "b", "blind": "b", "shown": "a", "torn": "a"}
    run = Maker(tmp_path / "runs").run(model | {"lost": Status.FAILED}, "screening")
    label(run, "ann", {"blind": "a", "torn": "a"})
    label(run, "bea", {"torn": "b"})
    decide(run, "cai", {"shown": (Action.CORRECT, "b")})
    return tmp_path


def coded(study: Path, name: str) -> list[str]:
    return list(Run.open(study / "runs", name).issues)


def test_the_second_stage_codes_what_the_first_screens_in(study, capsys):
    assert coder(["propose", "--run", "coding", "--where", "screening=a"]) == 0
    said = capsys.readouterr().out
    assert (
        "Screened in by screening=a: 2 of 6 issues (1 blind label, 1 model); 2 have no final"
        in (said)
    )
    assert "No certificate holds" in said
    assert coded(study, "coding") == ["m-in", "blind"]
    made = Run.open(study / "runs", "coding").manifest.screening
    assert made is not None
    assert (made.run, made.code, made.issues) == ("screening", "a", 6)
    assert (made.taken, made.left) == (
        {"blind label": 1, "model": 1}, {"assisted decision": 1, "model": 1},
    )  # fmt: skip
    assert made.undecided == {"disputed": 1, "nobody": 1}
    # The same command goes on; what people say later makes another set of issues.
    assert coder(["propose", "--run", "coding", "--where", "screening=a"]) == 0
    label(Run.open(study / "runs", "screening"), "dan", {"m-out": "a"})
    assert coder(["propose", "--run", "coding", "--where", "screening=a"]) == 4
    assert "another set of issues" in capsys.readouterr().err


def test_by_name_negated_and_of_a_file(study, capsys):
    assert coder(["propose", "--run", "rest", "--where", "screening != Alpha"]) == 0
    assert coded(study, "rest") == ["m-out", "shown"]
    lines = (study / "runs" / "screening" / "issues.jsonl").read_text().splitlines()
    some = [line for line in lines if json.loads(line)["id"] in ("m-in", "m-out")]
    (study / "some.jsonl").write_text("\n".join(some) + "\n")
    assert coder(["propose", "some.jsonl", "--run", "some", "--where", "screening=a"]) == 0
    assert coded(study, "some") == ["m-in"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--where", "screening=nothing"], 2, "nothing"),
        (["--where", "nowhere=a"], 4, "no run called 'nowhere'"),
        (["--where", "screening"], 2, "does not name a run and a code"),
        (["--where", "screening=c"], 3, "leaves no issue to code"),
        ([], 2, "there are no issues to code"),
    ],
)
def test_what_cannot_be_screened_is_said_and_no_run_is_made(study, capsys, words, code, said):
    assert coder(["propose", "--run", "coding", *words]) == code
    assert said in capsys.readouterr().err
    assert not (study / "runs" / "coding").exists()


def test_what_the_screening_misses_comes_from_random_labels_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = {f"in{n}": "a" for n in range(20)} | {f"out{n}": "b" for n in range(80)}
    run = Maker(tmp_path / "runs").run(model, "screening")
    assert coder(["screen", "screening=a"]) == 0
    assert "To learn what is missed" in capsys.readouterr().out

    def review(ids: list[str], hits: int, queue: str, of: int) -> None:
        run.label_journal("ann").append(
            Label(issue_id=i, rater="ann", codes=("a" if n < hits else "b",), queue=queue, at=AT,
                  chance=(n + 1) / of)
            for n, i in enumerate(ids)
        )  # fmt: skip

    review([f"out{n}" for n in range(40)], 2, "random code=b", 80)
    review([f"in{n}" for n in range(20)], 18, "random code=a", 20)
    assert coder(["screen", "screening=a"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "(20 of 20 that the model puts in, 40 of 80 that it puts out)" in said
    assert "recall 0.82 [" in said and "missed by the model 4 [2, 1" in said
    told = json.loads((tmp_path / "runs/screening/report/screening.json").read_text())
    assert told["recall"]["value"] == pytest.approx(18 / 22)
    assert told["precision"]["value"] == 0.9
    # Labels on what somebody picked say nothing about the rest.
    other = Maker(tmp_path / "runs").run(model, "picked")
    other.label_journal("ann").append(
        Label(issue_id=f"out{n}", rater="ann", codes=("a",), queue="similar", at=AT)
        for n in range(9)
    )
    assert coder(["screen", "picked=a"]) == 0
    assert "recall not known" in capsys.readouterr().out
