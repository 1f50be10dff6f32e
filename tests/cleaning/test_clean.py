"""coder clean, as typed: what each rule finds, what becomes of it, and how it comes back."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from coder.cleaning.clean import Choices, clean
from coder.cli.clean import command
from coder.errors import InputError, UsageError
from coder.records import Comment, Issue

WORDS = """
loading the model fails after an update of the tokenizer because weights were renamed while our
service keeps its cache between releases and nobody expects that the folder is stale
"""


def issue(number: int, **fields: object) -> Issue:
    """An issue that no rule is about, unlike all others."""
    shuffled = random.Random(number).choices(WORDS.split(), k=40)
    given = {
        "id": f"o/r#{number}", "repo": "o/r", "number": number, "author": "ann",
        "title": f"Number {number}: {' '.join(shuffled[:6])}", "body": " ".join(shuffled),
        "created_at": f"2024-01-{number % 28 + 1:02}T00:00:00Z",
    }  # fmt: skip
    return Issue.model_validate(given | fields)


def file_of(folder: Path, *issues: Issue, name: str = "issues.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(one.to_json() + "\n" for one in issues), encoding="utf-8")
    return path


def run(*args: object) -> str:
    result = CliRunner().invoke(command, [str(arg) for arg in args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().split("\n") if line]


def aside(out: Path) -> dict[str, tuple[str, str]]:
    """By id: the rule and the issue kept instead."""
    path = out.with_name("clean.set-aside.jsonl")
    lines = [json.loads(line) for line in path.read_text().split("\n") if line]
    return {line["id"]: (line["rule"], line["of"]) for line in lines}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "clean.jsonl"


UNFILLED = "### Describe the bug\n\n<!-- what happened? -->\n\n### Version\n\n_No response_\n"
BUSY = Comment(author="ben", body="I see this, too.")
STALE = Comment(author="stale", body="Closed for inactivity.", bot=True)


def test_each_rule_finds_its_issues_and_they_are_kept_in_full(tmp_path: Path, out: Path) -> None:
    found = {
        "pull-request": issue(1, pull_request=True),
        "bot": issue(2, author="dependabot[bot]"),
        "empty": issue(3, body=" \n"),
        "template": issue(4, body=UNFILLED),
    }
    fine = [issue(5), issue(6, body="", comments=[BUSY]), issue(7, body=UNFILLED, comments=[BUSY])]
    shown = run(file_of(tmp_path, *found.values(), *fine), "-o", out)
    assert ids(out) == [one.id for one in fine]
    assert aside(out) == {one.id: (rule, "") for rule, one in found.items()}
    lines = out.with_name("clean.set-aside.jsonl").read_text().split("\n")
    assert Issue.model_validate(json.loads(lines[2])["issue"]) == found["empty"]
    assert f"{out}: 3 of 7 issues of issues.jsonl" in shown
    assert "Set aside: 4" in shown
    assert "1  nothing but a title (empty)" in shown


def test_the_url_tells_a_pull_request_where_the_file_does_not(tmp_path: Path, out: Path) -> None:
    pull = issue(1, url="https://github.com/o/r/pull/1")
    run(file_of(tmp_path, pull, issue(2, url="https://github.com/o/r/issues/2")), "-o", out)
    assert aside(out) == {pull.id: ("pull-request", "")}


def test_a_preset_answer_is_the_templates_own(tmp_path: Path, out: Path) -> None:
    body = "### System\n\nLinux\n\n### What went wrong\n\n{}\n"
    unfilled = [issue(n, body=body.format("_No response_")) for n in range(3)]
    filled = issue(8, body=body.format("It crashes."))
    elsewhere = issue(9, body=body.format("_No response_"), repo="o/other", id="o/other#9")
    run(file_of(tmp_path, *unfilled, filled, elsewhere), "-o", out, "--flag", "near-duplicate")
    assert ids(out) == [filled.id, elsewhere.id]


def test_issues_closed_for_inactivity_are_flagged_or_dropped(tmp_path: Path, out: Path) -> None:
    stale = issue(1, comments=[STALE], closed_at="2024-03-01T00:00:00Z")
    source = file_of(tmp_path, stale, issue(2))
    assert "Only flagged: 1 closed by a bot for inactivity (stale)" in run(source, "-o", out)
    flagged = json.loads(out.with_name("clean.flagged.jsonl").read_text())
    assert (flagged["id"], flagged["rule"], ids(out)) == (stale.id, "stale", [stale.id, "o/r#2"])
    run(source, "-o", out, "--drop", "stale")
    assert aside(out) == {stale.id: ("stale", "")}
    assert out.with_name("clean.flagged.jsonl").read_text() == ""


def test_the_oldest_of_several_alike_is_kept(tmp_path: Path, out: Path) -> None:
    old, undated = issue(1), issue(2, created_at=None)
    same = [issue(n, title=old.title, body=f"{old.body}\n") for n in (11, 12)]
    near = issue(13, title=old.title, body=f"{old.body} and more")
    same_as_near = issue(16, title=near.title, body=near.body)
    other = issue(14, title="Quite another matter", body=old.body)
    again = issue(15, title=undated.title, body=undated.body)
    run(file_of(tmp_path, *same, near, same_as_near, other, old, undated, again), "-o", out)
    assert aside(out) == {
        "o/r#11": ("duplicate", old.id),
        "o/r#12": ("duplicate", old.id),
        "o/r#13": ("near-duplicate", old.id),
        "o/r#16": ("duplicate", old.id),
        undated.id: ("duplicate", again.id),
    }
    assert ids(out) == [other.id, old.id, again.id]


def test_what_is_set_aside_for_another_reason_stands_for_no_other(
    tmp_path: Path, out: Path
) -> None:
    by_a_bot = issue(1, author="renovate[bot]")
    by_a_person = issue(2, title=by_a_bot.title, body=by_a_bot.body)
    run(file_of(tmp_path, by_a_bot, by_a_person), "-o", out)
    assert ids(out) == [by_a_person.id]


def test_near_duplicates_can_be_asked_to_be_nearer(tmp_path: Path, out: Path) -> None:
    old = issue(1)
    source = file_of(tmp_path, old, issue(2, title=old.title, body=f"{old.body} and more"))
    run(source, "-o", out, "--near", "0.99")
    assert aside(out) == {}
    with pytest.raises(UsageError, match=r"by 0.6 to 1, not by 0.1"):
        run(source, "-o", out, "--near", "0.1")


def test_other_languages_are_counted_and_set_aside_where_one_is_asked_for(
    tmp_path: Path, out: Path
) -> None:
    chinese = issue(
        1, title="升级后模型无法加载", body="更新分词器之后，服务启动时报错，找不到权重。"
    )
    # Neither code nor a log is in a language, and one word tells none.
    code = issue(3, title="Bug", body="```\nimport os\n```\nERROR: file not found in folder\n")
    source = file_of(tmp_path, chinese, issue(2), code)
    assert "Languages: en 1, und 1, zh 1" in run(source, "-o", out)
    assert aside(out) == {}
    assert "1  in another language (language)" in run(source, "-o", out, "--language", "en")
    assert aside(out) == {chinese.id: ("language", "")}
    run(source, "-o", out, "--language", "en,zh")
    assert aside(out) == {}
    with pytest.raises(UsageError, match="no language has the code english"):
        run(source, "-o", out, "--language", "english")


def test_an_issue_is_taken_back_into_its_place_and_out_of_it(tmp_path: Path, out: Path) -> None:
    issues = [issue(1), issue(2, body=""), issue(3), issue(4, pull_request=True), issue(5, body="")]
    source = file_of(tmp_path, *issues)
    run(source, "-o", out)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    shown = run(out, "--keep", "o/r#2", "--keep", "https://github.com/o/r/issues/5")
    assert ids(out) == ["o/r#1", "o/r#2", "o/r#3", "o/r#5"]
    assert [*aside(out)] == ["o/r#4"]
    assert "Kept by hand: 2 (o/r#2, o/r#5)" in shown
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    run(source, "-o", out)  # what people decided outlives another cleaning
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept
    run(out, "--undo", "o/r#5", "--undo", "o/r#2")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_kept_id_that_no_rule_is_about_is_remembered(tmp_path: Path, out: Path) -> None:
    source = file_of(tmp_path, issue(1), issue(2, body=""))
    run(source, "-o", out)
    run(out, "--keep", "o/r#2")
    file_of(tmp_path, issue(1))
    run(source, "-o", out)
    file_of(tmp_path, issue(1), issue(2, body=""))
    run(source, "-o", out)
    assert ids(out) == ["o/r#1", "o/r#2"]
    file_of(tmp_path, issue(1))
    run(source, "-o", out)
    run(out, "--undo", "o/r#2")
    file_of(tmp_path, issue(1), issue(2, body=""))
    run(source, "-o", out)
    assert ids(out) == ["o/r#1"]


def test_a_name_that_was_not_set_aside_is_refused(tmp_path: Path, out: Path) -> None:
    run(file_of(tmp_path, issue(1), issue(2, body="")), "-o", out)
    with pytest.raises(UsageError, match="no issue that was set aside is called 'o/r#1'"):
        run(out, "--keep", "o/r#1")
    with pytest.raises(UsageError, match="no issue that was kept by hand is called 'o/r#2'"):
        run(out, "--undo", "o/r#2")


def test_nothing_is_taken_back_into_a_file_that_has_changed(tmp_path: Path, out: Path) -> None:
    run(file_of(tmp_path, issue(1), issue(2, body="")), "-o", out)
    file_of(tmp_path, issue(1), issue(9), name="clean.jsonl")
    with pytest.raises(InputError, match="not as it was written"):
        run(out, "--keep", "o/r#2")


def test_the_record_holds_what_was_done(tmp_path: Path, out: Path) -> None:
    run(file_of(tmp_path, issue(1), issue(2, body=""), issue(3, comments=[STALE])), "-o", out)
    record = json.loads(out.with_name("clean.cleaning.json").read_text())
    assert record["input"]["file"] == "issues.jsonl"
    assert record["input"]["issues"] == record["output"]["issues"] + record["set_aside"]["issues"]
    rules = {rule["rule"]: (rule["drops"], rule["found"]) for rule in record["rules"]}
    assert (rules["empty"], rules["bot"], rules["stale"]) == ((True, 1), (True, 0), (False, 0))
    assert record["bot_comments"] == 1
    assert record["thresholds"]["near_duplicate_overlap"] == 0.8


def test_what_was_done_is_said_again_and_listed(tmp_path: Path, out: Path) -> None:
    old = issue(1, title="Old [red]\x1b[2J one about models")
    source = file_of(tmp_path, old, issue(2, title=old.title, body=old.body), issue(3, body=""))
    made = run(source, "-o", out)
    assert run(out) == made
    listed = run(out, "--list")
    assert "duplicate       o/r#2  Old [red]·[2J one about models  kept: o/r#1 (1.00)" in listed
    assert "\x1b" not in listed


def test_the_file_that_is_cleaned_is_never_written_over(tmp_path: Path, out: Path) -> None:
    source = file_of(tmp_path, issue(1))
    for name in ("issues.jsonl", "issues.set-aside.jsonl"):
        given = source.rename(tmp_path / name) if name != source.name else source
        with pytest.raises(UsageError, match="would be written over"):
            run(given, "-o", tmp_path / "issues.jsonl")
    assert not out.exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["{source}"], "was not made by coder clean"),
        (["{source}", "--language", "en"], "no file to write to"),
        (["{source}", "-o", "x.jsonl", "--keep", "a"], "about a cleaned file"),
        (["{source}", "-o", "x.jsonl", "--drop", "bot", "--flag", "bot"], "exclude each other"),
        (["{source}", "-o", "x.jsonl", "--flag", "language"], "which language"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, args: list[str], said: str) -> None:
    source = file_of(tmp_path, issue(1))
    with pytest.raises(UsageError, match=said):
        run(*(arg.format(source=source) for arg in args))


def test_a_file_that_is_none_of_issues_is_refused_and_nothing_is_written(
    tmp_path: Path, out: Path
) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("id,title\n1,a\n")
    with pytest.raises(InputError, match="coder import it first"):
        run(source, "-o", out)
    with pytest.raises(InputError, match="there is no file"):
        run(tmp_path / "gone.jsonl", "-o", out)
    assert [*tmp_path.iterdir()] == [source]


def test_a_file_that_changes_meanwhile_is_not_mixed_with_what_it_was(
    tmp_path: Path, out: Path
) -> None:
    source = file_of(tmp_path, issue(1), issue(2, body=""))

    def swap(done: float) -> None:
        if done == 1:
            file_of(tmp_path, issue(2, body=""), issue(1))

    with pytest.raises(InputError, match="was changed while it was cleaned"):
        clean(source, out, Choices(), swap)
    assert [*tmp_path.iterdir()] == [source]


def test_an_empty_file_stays_empty(tmp_path: Path, out: Path) -> None:
    shown = run(file_of(tmp_path), "-o", out)
    assert "0 of 0 issues" in shown
    assert out.read_bytes() == b""


def test_in_a_crowd_of_somewhat_alike_issues_those_nearly_the_same_are_found(
    tmp_path: Path, out: Path
) -> None:
    template = issue(0).body
    crowd = [issue(n, body=f"{template} {issue(n).body}") for n in range(1, 60)]
    title, body = crowd[40].title, f"{crowd[40].body} again"
    again = issue(99, title=title, body=body, created_at="2025-01-01T00:00:00Z")
    run(file_of(tmp_path, *crowd, again), "-o", out)
    assert aside(out) == {again.id: ("near-duplicate", crowd[40].id)}
