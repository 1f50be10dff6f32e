"""``coder review --plain``: the same letters, one command a line."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from support.runs import done, make_issue, make_proposal, make_run

from coder.records import Action, Decision, Expression, Status
from coder.storage.run import Run


def review(study: Path, commands: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "coder", "review", "trial", "--rater", "ann", *options]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [*command, "--order", "file"],
        cwd=study,
        input=commands,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def decisions(study: Path) -> list[Decision]:
    return done(Run.open(study / "runs", "trial"))


def told(study: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(d.issue_id, d.action.value, d.codes) for d in decisions(study)]


def test_a_queue_can_be_limited_on_the_command_line(tmp_path: Path) -> None:
    issues = [make_issue(n, repo="acme/fruit" if n < 3 else "b/c") for n in range(1, 5)]
    failed = make_proposal(issues[0], status=Status.FAILED, codes=())
    proposals = [failed, *(make_proposal(issue) for issue in issues[1:])]
    make_run(tmp_path / "runs", issues, proposals)
    limits = ("--code", "Too Sour", "--repo", "acme/fruit")
    assert "1 of 1 reviewed" in review(tmp_path, "f\nq\n", *limits).stdout
    assert "1 of 1 reviewed" in review(tmp_path, "\nq\n", "--flagged", "me").stdout
    assert [(d.issue_id, d.queue) for d in decisions(tmp_path)] == [
        ("i2", "file code=taste.sour repo=acme/fruit")
    ] * 2
    nothing = review(tmp_path, "", "--stale")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "'file stale'" in nothing.stderr
    assert review(tmp_path, "", "--against", "trial").returncode == 2


def test_a_script_reviews_without_a_terminal(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", 6)
    result = review(tmp_path, "\n1\n/taste.bland\nn\nm look again\ns\nf\nq\n")
    assert result.returncode == 0, result.stderr
    assert told(tmp_path) == [
        ("i1", "accept", ("taste.sour",)),
        ("i2", "correct", ("looks.green",)),
        ("i3", "correct", ("taste.bland",)),
        ("i4", "reject", ()),
        ("i5", "memo", ()),
        ("i5", "skip", ()),
        ("i6", "flag", ()),
    ]
    assert decisions(tmp_path)[4].memo == "look again"
    summed = (
        "5 of 6 reviewed: 1 accepted, 2 corrected, 1 none fits, 1 flagged; 1 skipped for later\n"
    )
    assert summed in result.stdout
    assert "stored in " in result.stdout
    assert "next: coder review trial --rater ann   or   coder report trial" in result.stdout


def test_it_says_what_the_screen_shows(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    out = review(tmp_path, "l\n").stdout
    for words in (
        "acme/fruit#1 https://example.org/acme/fruit/issues/1",
        "«The apples are sour»",
        "comment by ann",
        "suggested: Taste > Too Sour, 72% sure",
        "include: lemons in the apple crate",
        "why: The reporter says",
        "1  Looks > Still Green 20%",
        "0.81  Taste > Too Sour: Apples of crate 99",
    ):
        assert words in out


def test_it_says_what_the_model_was_not_shown(tmp_path: Path) -> None:
    issue = make_issue(1)
    make_run(tmp_path / "runs", [issue], [make_proposal(issue, left_out=1204)])
    assert "The model was not shown 1,204 lines of this issue." in review(tmp_path, "q\n").stdout


def test_a_search_lists_and_the_next_number_takes(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    out = review(tmp_path, "/brown\n1\n/zzzz\n/gren\n\n").stdout
    assert told(tmp_path) == [("i1", "correct", ("looks.bruised",))]
    assert "nothing matches 'zzzz'" in out
    assert "an empty line now accepts the suggestion" in out


def test_quitting_at_once_answers_nothing_but_the_suggestion_was_seen(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    out = review(tmp_path, "q\n").stdout
    assert "0 of 3 reviewed" in out
    assert "nothing stored" not in out
    (look,) = run.decision_journal("ann")
    assert (look.action, look.issue_id, look.seen) == (Action.SHOW, "i1", True)
    assert run.decisions("ann") == {}


def test_quitting_at_once_stores_nothing_where_nothing_was_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    out = review(tmp_path, "q\n", "--blind").stdout
    assert "nothing stored" in out
    assert not run.decision_journal("ann").path.exists()


def test_what_was_chosen_and_taken_back_is_said(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    out = review(tmp_path, "/looks\nu\nm hm\nu\nu\nn\n").stdout
    assert "corrected: Looks (category only)" in out
    assert out.count("answer taken back") == 1
    assert out.count("memo taken back") == 1
    assert "there is nothing to undo" in out
    assert "noted: none fits" in out


def test_a_similarity_is_not_called_sureness(tmp_path: Path) -> None:
    path = make_run(tmp_path / "runs").path / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["model"]["calibrated"] = False
    path.write_text(json.dumps(manifest), encoding="utf-8")
    out = review(tmp_path, "q\n").stdout
    assert "suggested: Taste > Too Sour, similarity 72%\n" in out
    assert "sure" not in out


def test_help_has_no_letter_that_the_codebook_forbids(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", name="trial", allow_none=False)
    assert "none fits" not in review(tmp_path, "?\n").stdout.partition("0 of 3")[0]
    make_run(tmp_path / "other" / "runs")
    assert "n  none fits" in review(tmp_path / "other", "?\n").stdout


def test_undo_after_a_restart_and_after_the_last_issue(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", 1)
    review(tmp_path, "\n")
    assert "every issue is reviewed" in review(tmp_path, "u\nn\nq\n").stdout
    assert [action for _, action, _ in told(tmp_path)] == ["accept", "undo", "reject"]


def test_several_codes(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", cardinality="multiple")
    out = review(tmp_path, "2 3\n1\n\n").stdout
    assert told(tmp_path) == [("i1", "correct", ("taste.bland", "looks.green"))]
    assert "[x] Taste > Too Sour" in out


def test_a_failed_proposal_is_no_code_and_cannot_be_accepted(tmp_path: Path) -> None:
    issue = make_issue(1)
    refused = make_proposal(issue, status=Status.REFUSED, codes=(), error="policy")
    make_run(tmp_path / "runs", [issue], [refused])
    out = review(tmp_path, "\n").stdout
    assert "no suggestion (refused)" in out
    assert "not possible: there is nothing to accept" in out
    assert told(tmp_path) == []


def test_where_the_model_is_not_sure_the_ranked_codes_are_a_digit_away(tmp_path: Path) -> None:
    issue = make_issue(1)
    make_run(tmp_path / "runs", [issue], [make_proposal(issue, status=Status.UNSURE, codes=())])
    out = review(tmp_path, "\n1\n").stdout
    assert "not sure: no code stands out; the nearest ones are ranked" in out
    assert "no suggestion" not in out
    assert "not possible: there is nothing to accept" in out
    assert told(tmp_path) == [("i1", "correct", ("looks.green",))]


@pytest.mark.parametrize("command", ["z", "nn", "accept", "9", "m", "0", "²"])
def test_what_is_no_command_changes_nothing(tmp_path: Path, command: str) -> None:
    make_run(tmp_path / "runs")
    assert review(tmp_path, f"{command}\n").returncode == 0
    assert told(tmp_path) == []


@pytest.mark.parametrize(
    ("expression", "words"),
    [("explicit", "in the text: stated"), ("interpretive", "in the text: read between the lines")],
)
def test_how_a_code_stands_in_the_text_is_said(
    tmp_path: Path, expression: Expression, words: str
) -> None:
    proposals = [make_proposal(make_issue(1), expression=expression)]
    make_run(tmp_path / "runs", [make_issue(1)], proposals)
    assert words in review(tmp_path, "").stdout


def test_hostile_text_reaches_the_terminal_as_dots(tmp_path: Path) -> None:
    evil = "\x1b]52;c;aGk=\x07\x1b]0;title\x07\u202e\u200b[red]x[/red]"
    issue = make_issue(1, evil, title=evil, url=f"javascript:{evil}", repo=evil)
    proposal = make_proposal(issue, rationale=evil, error=evil, status=Status.FAILED, codes=())
    make_run(tmp_path / "runs", [issue], [proposal])
    out = review(tmp_path, "o\nl\ne\nx\n/\x1b[2J\nm \x1b[2J\n").stdout
    assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(out)
    assert "[red]x[/red]" in out
    assert "not opened, only http and https links are" in out


def test_two_sessions_of_one_rater_do_not_mix(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    with run.decision_journal("ann").writing("test"):
        result = review(tmp_path, "\n")
    assert result.returncode == 4
    assert "is being written by another process" in result.stderr
    assert told(tmp_path) == []


def test_killed_at_random_moments_every_acknowledged_answer_is_there_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", 200)
    command = [
        sys.executable,
        "-m",
        "coder",
        "review",
        "trial",
        "--rater",
        "ann",
        "--order",
        "file",
    ]
    moments = random.Random(3)
    there = 0
    for _ in range(6):
        with subprocess.Popen(
            command,
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("".join(moments.choices(["\n", "1\n", "n\n"], k=30)))
            process.stdin.flush()
            heard, wanted = 0, moments.randrange(1, 25)
            while heard < wanted:
                heard += acknowledges(process.stdout.readline())
            process.kill()
            heard += sum(map(acknowledges, process.stdout))
        written = [d.issue_id for d in decisions(tmp_path)]
        assert written == [f"i{n}" for n in range(1, len(written) + 1)]
        assert len(written) - there >= heard
        there = len(written)
    assert run.decision_journal("ann").broken_line() is None


def acknowledges(line: str) -> bool:
    return line.removeprefix("> ").startswith(("accepted: ", "corrected: ", "noted: "))


def test_unknown_run_is_one_line_and_a_hint(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    result = review(tmp_path, "\n")
    assert result.returncode == 4
    assert len(result.stderr.splitlines()) == 2


def labels(study: Path) -> list[tuple[str, str | None, tuple[str, ...]]]:
    journal = Run.open(study / "runs", "trial").label_journal("ann")
    return [(x.issue_id, x.mode, x.codes) for x in journal]


def test_blind_first_hides_the_model_until_the_label(tmp_path: Path) -> None:
    issue = make_issue(1)
    make_run(tmp_path / "runs", [issue], [make_proposal(issue, left_out=77)])
    before = review(tmp_path, "l\ne\n\n?\n", "--blind").stdout
    for words in ("Sour", "72%", "why:", "«", "quote:", "suggested", "leans on no", "77 lines"):
        assert words not in before
    assert "Code this one yourself" in before
    assert "1  Taste ..." in before
    after = review(tmp_path, "2 1\n", "--blind").stdout
    assert "labelled: Looks > Still Green" in after
    assert "your label: Looks > Still Green" in after
    assert "suggested: Taste > Too Sour, 72% sure" in after
    assert "An empty line keeps your code, t takes the suggestion." in after
    assert labels(tmp_path) == [("i1", "blind-first", ("looks.green",))]
    resumed = review(tmp_path, "u\nu\n\n").stdout
    assert "your own label stays" in resumed
    assert "there is nothing to undo" in resumed
    assert "kept yours: Looks > Still Green" in resumed
    assert told(tmp_path) == [("i1", "correct", ("looks.green",))]


def test_after_the_label_t_takes_the_suggestion(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    out = review(tmp_path, "/looks.green\nt\n/taste.sour\n\n", "--blind").stdout
    assert "accepted: Taste > Too Sour" in out
    assert "The suggestion is the same." in out
    assert "agreed: Taste > Too Sour" in out
    assert [action for _, action, _ in told(tmp_path)] == ["accept", "accept"]


def test_an_open_category_is_left_by_an_empty_line(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    out = review(tmp_path, "2\n\n1\n2\n", "--holdout", "1").stdout
    assert "labelled: Taste > Too Bland" in out
    assert labels(tmp_path) == [("i1", "holdout", ("taste.bland",))]
    assert "1 coded without a suggestion" in out
    assert "labels/ann.jsonl" in out


def test_several_codes_blind(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", cardinality="multiple")
    review(tmp_path, "1 2\n2 1\n\n\n", "--blind")
    assert labels(tmp_path) == [("i1", "blind-first", ("taste.bland", "looks.green"))]
    assert told(tmp_path) == [("i1", "correct", ("taste.bland", "looks.green"))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--holdout", "1.5"), "review.holdout"),
        (("--blind-share", "-1"), "review.blind_share"),
        (("--blind", "--blind-share", "0.5"), "exclude each other"),
    ],
)
def test_shares_that_cannot_be(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    make_run(tmp_path / "runs")
    result = review(tmp_path, "", *options)
    assert result.returncode in (2, 3)
    assert message in result.stderr


def test_shares_of_the_study_hold_unless_a_flag_says_otherwise(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    (tmp_path / "study.toml").write_text("[review]\nholdout = 1.0\n")
    assert "Code this one yourself" in review(tmp_path, "q\n").stdout
    assert "suggested: " in review(tmp_path, "q\n", "--holdout", "0").stdout


def test_letters_of_ones_own(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    (tmp_path / "study.toml").write_text(
        '[keys]\nnone = "0"\nmemo = "w"\naccept = "space"\nquit = "f10"\nskip = "n"\n'
    )
    out = review(tmp_path, "0\nw hm\nn\n\n?\nm\nq\n").stdout
    assert [action for _, action, _ in told(tmp_path)] == ["reject", "memo", "skip", "accept"]
    assert "    0  none fits" in out
    assert "'m' is no command" in out


def test_a_key_of_ones_own_that_cannot_be_is_one_line_and_a_hint(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    (tmp_path / "study.toml").write_text('[keys]\nnone = "s"\n')
    result = review(tmp_path, "")
    assert result.returncode == 3
    assert "'s' is the key of both 'none' and 'skip'" in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_a_change_of_the_codebook_is_kept_and_taken_back(tmp_path: Path) -> None:
    make_run(tmp_path / "runs")
    out = review(tmp_path, "c split lemons, limes\nx\nc worms\nc\nnew worms\nu\n").stdout
    assert "codebook: split a code in two (Taste > Too Sour): lemons, limes" in out
    assert "'worms' is no kind of change" in out
    found = decisions(tmp_path)
    assert [(d.action.value, d.change, d.codes) for d in found] == [
        ("memo", "split", ("taste.sour",)),
        ("memo", "new", ("taste.sour",)),
        ("undo", None, ()),
    ]


def test_nobody_imports_labels_during_a_review(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    with run.label_journal("ann").writing("test"):
        result = review(tmp_path, "\n")
    assert result.returncode == 4
    assert told(tmp_path) == []


def test_a_backslash_carries_a_memo_on_to_the_next_line(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    review(tmp_path, "m first \\\nn\\\nlast\nq\n")
    assert [d.memo for d in run.decision_journal("ann") if d.memo] == ["first\nn\nlast"]
