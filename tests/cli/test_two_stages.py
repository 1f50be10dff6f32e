"""Two stages: what one run screens in is what another one codes."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

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


def test_the_appendix_of_the_second_stage_tells_the_first(study, capsys):
    (study / "issues.jsonl").write_text((study / "runs/screening/issues.jsonl").read_text())
    assert coder(["sample", "issues.jsonl", "-o", "s.jsonl", "--size", "5"]) == 0
    assert coder(["propose", "s.jsonl", "--run", "first", "--codebook", "mood"]) == 0
    ids = Run.open(study / "runs", "first").issues
    label(Run.open(study / "runs", "first"), "ann", dict.fromkeys(ids, "glad"))
    assert coder(["propose", "--run", "second", "--where", "first=glad"]) == 0
    label(Run.open(study / "runs", "second"), "ann", dict.fromkeys(ids, "cross"))
    assert coder(["report", "second", "--appendix"]) == 0
    # A part of a sample, though here it is all of it, is not carried to the frame.
    assert "in all 6" not in (study / "runs/second/report/report.md").read_text()
    text = (study / "runs/second/report/appendix.md").read_text()
    stage = text.partition("## Screening, the stage before")[2].partition("##")[0]
    assert "screened from a random sample of 5 of 6" in text
    assert "Mood, version" in stage and "5, a random sample of 5 of 6" in stage
    assert "5 blind label" in stage and "Against ann" in stage
    assert "Screening, the stage before" in (study / "runs/second/report/appendix.tex").read_text()
    # Without that run beside it what the manifest knows is told.
    (study / "runs" / "first").rename(study / "elsewhere")
    assert coder(["report", "second", "--appendix"]) == 0
    text = (study / "runs/second/report/appendix.md").read_text()
    assert "the stage before" not in text and "whose final code is glad" in text


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


def screening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    model = {f"in{n}": "a" for n in range(20)} | {f"out{n}": "b" for n in range(80)}
    return Maker(tmp_path / "runs").run(model, "screening")


def told(folder: Path) -> dict[str, Any]:
    assert coder(["screen", "screening=a"]) == 0
    found: dict[str, Any] = json.loads(
        (folder / "runs/screening/report/screening.json").read_text()
    )
    return found


def labels(file: Path, sample: Path, hits: Collection[str]) -> None:
    ids = [json.loads(line)["id"] for line in sample.read_text().splitlines()]
    rows = "".join(f"{i},{'a' if i in hits else 'b'}\n" for i in ids)
    file.write_text(f"id,code\n{rows}")


def test_labels_on_a_sample_of_what_is_out_tell_what_is_missed(tmp_path, monkeypatch, capsys):
    run = screening(tmp_path, monkeypatch)
    draw = ["sample", "--where", "screening!=a", "-o", "check.jsonl", "--size"]
    assert coder([*draw, "40"]) == 0
    assert "40 issues of 80" in capsys.readouterr().out
    sample = tmp_path / "check.jsonl"
    assert "in" not in {json.loads(x)["id"][:2] for x in sample.read_text().splitlines()}
    hits = {json.loads(x)["id"] for x in sample.read_text().splitlines()[:2]}
    labels(tmp_path / "check.csv", sample, hits)
    take_in = ["label", "import", "check.csv", "--rater", "ann", "--run", "screening"]
    assert coder([*take_in, "--drawn", "check.jsonl"]) == 0
    made = run.labels("ann").values()
    assert {(one.queue, one.chance) for one in made} == {("sample where=screening!=a", 0.5)}
    found = told(tmp_path)
    assert (found["missed"]["value"], found["found"], found["notes"]) == (4, 2, [])
    # With all of it labelled nothing is left to guess, and there are more labels of this rater.
    (tmp_path / "all.csv").write_text(
        "id,code\n" + "".join(f"{i},{'a' if i in hits else 'b'}\n" for i in run.issues)
    )
    assert coder(["label", "import", "all.csv", "--rater", "bea", "--run", "screening"]) == 0
    assert told(tmp_path)["missed"]["value"] == 2


def test_a_sample_of_both_sides_hides_which_side_an_issue_is_on(tmp_path, monkeypatch, capsys):
    run = screening(tmp_path, monkeypatch)
    (tmp_path / "issues.jsonl").write_text((run.path / "issues.jsonl").read_text())
    draw = ["sample", "issues.jsonl", "--by", "code", "--run", "screening", "--allocation"]
    assert coder([*draw, "equal", "-o", "s.jsonl", "--size", "20"]) == 0
    labels(tmp_path / "s.csv", tmp_path / "s.jsonl", {f"in{n}" for n in range(20)})
    take_in = ["label", "import", "s.csv", "--rater", "ann", "--run", "screening", "--drawn"]
    assert coder([*take_in, "s.jsonl"]) == 0
    assert {one.chance for one in run.labels("ann").values()} == {10 / 20, 10 / 80}
    found = told(tmp_path)
    assert (found["labelled_in"], found["labelled_out"], found["notes"]) == (10, 10, [])
    assert found["recall"]["value"] == found["precision"]["value"] == 1
    # Drawn on, with the labels in two files: each issue has the probability of the whole.
    grow = ["sample", "issues.jsonl", "--by", "code", "--run", "screening", "-o", "t.jsonl"]
    assert coder([*grow, "--size", "40", "--extend", "s.jsonl"]) == 0
    labels(tmp_path / "t.csv", tmp_path / "t.jsonl", {f"in{n}" for n in range(20)})
    rest = (tmp_path / "t.csv").read_text().splitlines()
    known = {line.partition(",")[0] for line in (tmp_path / "s.csv").read_text().splitlines()[1:]}
    rest = [line for line in rest if line.partition(",")[0] not in known]
    (tmp_path / "s.csv").write_text("\n".join(rest) + "\n")
    assert coder([*take_in, "t.jsonl"]) == 0
    assert "20 blind labels by ann added" in capsys.readouterr().out
    assert {one.chance for one in run.labels("ann").values()} == {20 / 20, 20 / 80}
    assert told(tmp_path)["labelled_out"] == 20
    # What one sample brought is not another's, though both hold it.
    lines = len(run.label_journal("ann").path.read_text().splitlines())
    assert coder(["sample", "--where", "screening!=a", "-o", "o.jsonl", "--size", "30"]) == 0
    labels(tmp_path / "o.csv", tmp_path / "t.jsonl", {f"in{n}" for n in range(20)})
    again = ["label", "import", "o.csv", "--rater", "ann", "--run", "screening"]
    assert coder([*again, "--drawn", "o.jsonl"]) == 0
    assert len(run.label_journal("ann").path.read_text().splitlines()) == lines
    # Neyman: the model errs nowhere that was seen, so the larger side gets more.
    assert coder([*draw, "neyman", "-o", "n.jsonl", "--size", "20"]) == 0
    made = json.loads((tmp_path / "n.sampling.json").read_text())
    assert made["spread"]["a"] == made["spread"]["b"] > 0 and made["strata"]["b"] == [80, 16]
    # Another run's sample says nothing here.
    assert coder(["sample", "t.jsonl", "-o", "u.jsonl", "--size", "5"]) == 0
    assert coder([*take_in, "u.jsonl"]) == 2
    assert "which is not what run 'screening' codes" in capsys.readouterr().err


def test_answers_drawn_with_other_probabilities_are_parts_of_a_side(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = {f"a{n}": "a" for n in range(10)} | {f"b{n}": "b" for n in range(60)}
    run = Maker(tmp_path / "runs").run(model | {f"c{n}": "c" for n in range(20)}, "screening")
    (tmp_path / "issues.jsonl").write_text((run.path / "issues.jsonl").read_text())
    draw = ["sample", "issues.jsonl", "--by", "code", "--run", "screening", "--allocation"]
    assert coder([*draw, "equal", "-o", "s.jsonl", "--size", "30"]) == 0
    ids = [json.loads(line)["id"] for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    hits = {i for i in ids if i[0] == "a"} | {next(i for i in ids if i[0] == "c")}
    labels(tmp_path / "s.csv", tmp_path / "s.jsonl", hits)
    take_in = ["label", "import", "s.csv", "--rater", "ann", "--run", "screening", "--drawn"]
    assert coder([*take_in, "s.jsonl"]) == 0
    found = told(tmp_path)
    # One of ten labels on 20 issues, none of ten on 60.
    assert found["missed"]["value"] == 2 and found["notes"] == []
    assert found["recall"]["value"] == pytest.approx(10 / 12)
