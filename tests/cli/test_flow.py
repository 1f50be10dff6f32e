"""coder flow: the numbers of every step, from files alone; where they do not tie, it says so."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.runs import Maker, label

from coder.__main__ import run as coder
from coder.report.flow_figure import MOST, WIDTH, plot
from coder.report.flow_model import Count, Flow, Step
from coder.report.paper_drawing import length

BOOKS = {
    "stage": "{id: in, name: In, definition: Yes.}, {id: out, name: "
    "'Out [red]\\e[2J & $x_1$ | <b>', definition: No.}",
    "mood": "{id: glad, name: Glad, definition: Happy.}, {id: cross, name: Cross, definition: No.}",
}
WORDS = "apple bread cedar dune ember frost grain hazel iris jade kelp linen moss"


def typed(command: str) -> None:
    assert coder(command.split()) == 0


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert coder([*words]) == 0
    return capsys.readouterr().out


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirteen rows: one no issue, one a pull request, one without a body, one said twice."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text('codebook = "mood"\n[retrieval]\nembedder = "none"\n')
    (tmp_path / "codebook").mkdir()
    for name, codes in BOOKS.items():
        text = f"{{id: {name}, name: {name}, codes: [{codes}]}}\n".replace(
            "'Out [red]\\e[2J & $x_1$ | <b>'", '"Out [red]\\e[2J & $x_1$ | <b>"'
        )
        (tmp_path / "codebook" / f"{name}.yaml").write_text(text)
    rows = [
        {"id": f"n{n}", "title": f"{word} {word}", "body": f"The {word} is {word} in the {word}."}
        for n, word in enumerate(WORDS.split())
    ]
    rows[0] = {"id": "none"}
    rows[1] |= {"url": "https://github.com/o/r/pull/1"}
    rows[2] |= {"body": ""}
    rows[4] |= {"title": rows[3]["title"], "body": rows[3]["body"]}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def to_the_second_stage(study: Path) -> None:
    """Import, clean, draw eight, screen them, code those screened in."""
    drawn = study / "sample.jsonl"
    for command in (
        "import rows.jsonl -o issues.jsonl",
        "clean issues.jsonl -o clean.jsonl",
        "sample clean.jsonl -o sample.jsonl --size 8",
        "propose sample.jsonl --run screening --codebook stage",
    ):
        typed(command)
    ids = [json.loads(line)["id"] for line in drawn.read_text().split("\n") if line]
    codes = [*zip(ids, ["in"] * 4 + ["out"] * 4, strict=True)]
    (study / "l.csv").write_text("id,code\n" + "".join(f"{i},{c}\n" for i, c in codes))
    typed("label import l.csv --rater ann --run screening")
    typed("propose --run coding --where screening=in")
    (study / "m.csv").write_text("id,code\n" + "".join(f"{i},glad\n" for i in ids[:4]))
    typed("label import m.csv --rater ann --run coding")
    (study / "d.csv").write_text(f"id,code\n{ids[0]},cross\n")
    typed("label import d.csv --rater bea --run coding")


def test_every_step_from_the_first_row_to_the_last_coded_issue(study, capsys):
    to_the_second_stage(study)
    assert printed(capsys, "flow", "coding").split("\n")[:-1] == [
        "Run coding",
        "13  rows read  (issues.import.json)",
        "    - 1 neither title nor body",
        "    - 1 pull request",
        "11  issues imported  (clean.cleaning.json)",
        "    - 1 nothing but a title",
        "    - 1 same text as an older one",
        " 9  issues after cleaning  (sample.sampling.json)",
        "    - 1 not drawn into the sample",
        " 8  issues screened in run screening  (runs/screening)",
        "    - 4 Out [red]·[2J & $x_1$ | <b>",
        " 4  issues in run coding, screened in  (runs/coding)",
        "      4 by one blind label",
        "    - 1 with a disagreement not resolved",
        " 3  issues coded",
        "      3 by one blind label",
    ]


def test_a_run_that_is_a_step_of_another_has_no_flow_of_its_own(study, capsys):
    to_the_second_stage(study)
    assert printed(capsys, "flow", "screening", "coding") == printed(capsys, "flow", "coding")


def test_it_is_written_for_papers_and_programs_with_hostile_names_made_harmless(study, capsys):
    to_the_second_stage(study)
    printed(capsys, "flow", "coding", "-o", "flow.md")
    assert (
        "| 4 |  | Out \\[red\\]·\\[2J &amp; \\$x\\_1\\$ \\| &lt;b&gt; |"
        in (study / "flow.md").read_text()
    )
    printed(capsys, "flow", "coding", "-o", "flow.tex")
    tex = (study / "flow.tex").read_text()
    assert r"\begin{table}" in tex
    assert r"\& \$x\_1\$ \textbar{} \textless{}b\textgreater{}" in tex
    printed(capsys, "flow", "coding", "-o", "flow.json")
    (flow,) = json.loads((study / "flow.json").read_text())
    numbers = [step["n"] for step in flow["steps"]]
    left = [sum(count["n"] for count in step["left_out"]) for step in flow["steps"]]
    assert numbers[-1] == 3
    assert [n - gone for n, gone in zip(numbers, left, strict=True)][:-1] == numbers[1:]
    assert coder(["flow", "coding", "-o", "flow.docx"]) == 2


def test_the_figure_holds_every_number_and_is_drawn_alike_again(study, capsys):
    to_the_second_stage(study)
    printed(capsys, "flow", "coding", "-o", "flow.svg")
    drawn = (study / "flow.svg").read_text()
    root = ElementTree.fromstring(drawn)
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for shown in ("13", "11", "9", "8", "4", "3", "2 left out", "4 left out", "1 pull request"):
        assert shown in words
    assert "Out [red]·[2J & $x_1$ | <b>" in words
    for name in ("one.pdf", "two.pdf"):
        printed(capsys, "flow", "coding", "-o", name)
    assert (study / "one.pdf").read_bytes().startswith(b"%PDF")
    assert (study / "one.pdf").read_bytes() == (study / "two.pdf").read_bytes()


def test_many_and_long_reasons_stay_in_their_box():
    reasons = tuple(
        Count(what=f"{'a long reason ' * n}{'without_any_end_' * n}", n=n) for n in range(1, 31)
    )
    steps = (
        Step(what="issues " * 20, n=1000, left_out=reasons), Step(what="issues coded", n=535),
    )  # fmt: skip
    found = plot(Flow(run="r", steps=steps, gaps=("a record is gone",)))
    drawn = found.drawing.svg(found.title, found.caption)
    root = ElementTree.fromstring(drawn)
    texts = [
        (float(text.attrib["x"]), text.text or "")
        for text in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert all(x + length(words) <= WIDTH for x, words in texts if x > 0)
    words = [text for _, text in texts]
    assert "465 left out" in words
    assert f"{sum(range(MOST, 31))} for {31 - MOST} other reasons" in words
    assert "Not known: a record is gone." in words


def test_a_replication_package_tells_the_same_flow(study, capsys, monkeypatch):
    to_the_second_stage(study)
    told = printed(capsys, "flow", "coding")
    typed("package coding screening -o study.zip")
    with zipfile.ZipFile(study / "study.zip") as archive:
        archive.extractall(study / "elsewhere")
    monkeypatch.chdir(next((study / "elsewhere").rglob("study.toml")).parent)
    assert printed(capsys, "flow", "coding") == told


def test_the_methods_appendix_tells_the_flow_where_it_is_known(study, capsys):
    to_the_second_stage(study)
    printed(capsys, "report", "coding", "--appendix")
    text = (study / "runs" / "coding" / "report" / "appendix.md").read_text()
    assert "13 rows read (left out: 1 neither title nor body, 1 pull request); 11 issues" in text
    Maker(study / "runs").run({"a1": "a"}, "old")
    printed(capsys, "report", "old", "--appendix")
    text = (study / "runs" / "old" / "report" / "appendix.md").read_text()
    assert "Flow of issues" not in text


def test_a_figure_shows_one_flow(study, capsys):
    for name in ("one", "two"):
        Maker(study / "runs").run({f"{name}1": "a"}, name)
    assert coder(["flow", "one", "two", "-o", "flow.svg"]) == 2
    assert "a figure shows one flow, not those of one, two" in capsys.readouterr().err


def test_a_step_that_left_nothing_out_is_a_step(study, capsys):
    rows = (study / "rows.jsonl").read_text().split("\n")
    (study / "rows.jsonl").write_text("\n".join(rows[5:]))
    typed("import rows.jsonl -o issues.jsonl")
    typed("clean issues.jsonl -o clean.jsonl")
    typed("propose clean.jsonl --run all")
    said = printed(capsys, "flow", "all").split("\n")
    assert [line.split("  ")[1] for line in said[1:4]] == [
        "rows read", "issues imported", "issues in run all",
    ]  # fmt: skip


def test_it_begins_with_what_was_fetched(study, capsys):
    typed("import rows.jsonl -o issues.jsonl")
    made = json.loads((study / "issues.import.json").read_text())["output"]
    (study / "issues.import.json").unlink()
    day = "2025-03-01T10:00:00Z"
    repositories = [{"pull_requests": 2, "filtered": 0}, {"pull_requests": 3, "filtered": 1}]
    snapshot = {"output": made, "repositories": repositories, "finished_at": day}
    (study / "issues.snapshot.json").write_text(json.dumps(snapshot))
    typed("clean issues.jsonl -o clean.jsonl")
    typed("propose clean.jsonl --run all")
    first, *rest = printed(capsys, "flow", "all").split("\n")[1:6]
    assert first.startswith("17  issues and pull requests fetched from 2 repositories, 2025-03-01")
    assert rest == [
        "    - 5 pull request",
        "    - 1 not as asked for",
        "11  issues fetched  (clean.cleaning.json)",
        "    - 1 nothing but a title",
    ]


def test_a_file_that_was_made_again_since_breaks_the_chain(study, capsys):
    to_the_second_stage(study)
    typed("clean issues.jsonl -o clean.jsonl --flag empty")
    said = printed(capsys, "flow", "coding")
    assert "\n9  issues to draw from  (sample.sampling.json)\n" in said
    assert "Not known: clean.cleaning.json is of another clean.jsonl than the one that was" in said
    assert "rows read" not in said


def test_a_lost_or_broken_record_is_said(study, capsys):
    to_the_second_stage(study)
    (study / "issues.import.json").write_text('{"inputs": 1}')
    assert "Not known: issues.import.json cannot be read as a record" in printed(
        capsys, "flow", "coding"
    )
    (study / "issues.import.json").unlink()
    said = printed(capsys, "flow", "coding")
    assert "\n11  issues before cleaning  (clean.cleaning.json)\n" in said
    (study / "runs" / "screening").rename(study / "elsewhere")
    assert "Not known: of the screening for run coding: there is no run called" in printed(
        capsys, "flow", "coding"
    )


def test_runs_that_screen_each_other_in_a_circle_end(study, capsys):
    to_the_second_stage(study)
    manifest = study / "runs" / "screening" / "manifest.json"
    fields = json.loads(manifest.read_text())
    other = json.loads((study / "runs" / "coding" / "manifest.json").read_text())
    manifest.write_text(json.dumps(fields | {"screening": other["screening"] | {"run": "coding"}}))
    said = printed(capsys, "flow", "coding")
    assert (
        "Not known: run screening is said to be screened by run coding, which comes after" in said
    )


def test_an_older_run_and_what_is_drawn_by_propose(study, capsys):
    made = Maker(study / "runs", sampled_from=9)
    run = made.run({"a1": "a", "a2": "b", "a3": "a"}, "old")
    label(run, "ann", {"a1": "a"})
    label(run, "bea", {"a1": "a", "a2": "a"})
    said = printed(capsys, "flow", "old")
    assert "9  issues  (runs/old)\n   - 6 not drawn into the sample\n3  issues in run old" in said
    assert "3  issues coded\n     1 resolved by people\n     1 by one blind label" in said
    assert "Not known: run old does not say which file its issues are from" in said
    part = made.run({"a1": "a"}, "part")
    assert part.issues.keys() < run.issues.keys()
    said = printed(capsys, "flow", "old", "part")
    assert "run part does not say how its issues were chosen; they are all among those" in said
