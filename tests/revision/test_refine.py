"""``coder codebook refine`` and ``worth``: drafts, verdicts, the version they make, its worth."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from support.fault_server import FaultServer, completion, user_text
from support.runs import TREE, Maker, issue, label

from coder.__main__ import run as coder
from coder.codebook import load as codebooks
from coder.files.atomic_write import write_atomically
from coder.records import Action, Decision, Label, Reserved, content_hash
from coder.records.refinement import HeldOut
from coder.revision.refine import verdicts
from coder.storage.run import RESERVED, Run

MARKER = "zanzibar"
SUBJECTS = {
    "call1": "Which method opens a stream of messages from the broker?",
    "call2": "The function returns a coroutine, how do I await it properly?",
    "set1": "What value should the timeout option have behind a proxy?",
    "set2": "A flag in config.yaml turns the colours of the terminal off",
    "both1": "Passing verbose=True to fit prints nothing at all on Windows",
    "both2": "Do I set the number of workers or start the pool by hand?",
    "secret": f"The {MARKER} parameter is ignored when a file is opened twice",
    "again": f"The {MARKER} parameter is ignored when a file is opened twice!",
    "fast": "Loading of large pictures takes eleven minutes and a half",
}
ANN = {"call1": "call", "call2": "call", "set1": "set", "set2": "set",
       "both1": "call", "both2": "call", "secret": "call", "again": "call",
       "fast": "speed"}  # fmt: skip
BEA = ANN | {"both1": "set", "both2": "set", "secret": "set", "again": "set"}
RULE = {"kind": "exclude", "code": "call", "to": "set",
        "text": "The call is known and only a value is asked for", "issues": [1, 2]}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch) -> Run:
    issues = [issue(i, title=text, body="") for i, text in SUBJECTS.items()]
    made = Maker(tmp_path / "runs", TREE, issues).run(ANN)
    label(made, "ann", ANN, memo="")
    label(made, "bea", BEA, memo="")
    label(made, "bea", {"both1": "set"}, memo="it is about the value")
    label(made, "bea", {"secret": "set"}, memo=f"memo on {MARKER}")
    reserved = Reserved(id="secret", code=("set",), memo=f"kept {MARKER}")
    write_atomically(made.path / RESERVED, reserved.to_json() + "\n")
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "tree.yaml").write_text(TREE.lstrip())
    (tmp_path / "study.toml").write_text('codebook = "tree"\n[retrieval]\nembedder = "none"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return Run(made.path)


def types(monkeypatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def asks(monkeypatch, server: FaultServer) -> None:
    monkeypatch.setenv("CODER_MODEL__NAME", "openai:m")
    monkeypatch.setenv("CODER_MODEL__BASE_URL", server.base_url)


REFINE = ["codebook", "refine", "demo", "--by", "cem"]


def test_a_model_drafts_a_person_decides_and_the_next_version_holds_it(
    run, monkeypatch, capsys
) -> None:
    alone = {"kind": "include", "code": "call", "to": "", "text": "Awaiting it", "issues": [2]}
    with FaultServer(lambda *_: completion({"rules": [RULE, alone]})).running() as server:
        asks(monkeypatch, server)
        assert coder([*REFINE, "--hold-out", "0", "--list"]) == 0
        said = capsys.readouterr().out
        assert "Usage > Calls / Usage > Settings: 2 issues (2 between raters, 2 of model" in said
        assert "call excludes: The call is known and only a value is asked for -> set" in said
        assert "rests on both1, both2; these are 4 of the pair's 4 disagreements." in said
        assert "of the pair's 4 disagreements. It rests on a single issue." in said
        assert "memo: it is about the value" in said
        assert not list(verdicts(run))

        types(monkeypatch, "x", "a")
        assert coder(REFINE) == 0
        assert "1 left; the same command goes on here." in capsys.readouterr().out
        assert [(one.by, one.action) for one in verdicts(run)] == [("cem", "accept")]
        types(monkeypatch, "e", "", "", "A coroutine has to be awaited")
        assert coder(REFINE) == 0
        out = capsys.readouterr().out
        assert "The call is known" not in out, "what is decided is not asked again"
        assert "All drafts are decided; 2 accepted." in out
        assert coder([*REFINE, "--list"]) == 0
        listed = capsys.readouterr().out
        assert "Decided, accepted:\n  call excludes: The call" in listed
        assert "Decided, accepted as: A coroutine has to be awaited" in listed
        assert len(server.requests) == 1, "what was paid for is not asked again"
        sent = user_text(server.requests[0])
        assert "Note of a coder: it is about the value" in sent
        assert "ann" not in sent and "bea" not in sent, "names of people stay here"

    coder(["audit", "log", "demo"])
    checked = capsys.readouterr().out
    assert all(f"refine/{f}.jsonl" in checked for f in ("held-out", "calls", "verdicts"))
    assert coder([*REFINE, "--apply"]) == 0
    said = capsys.readouterr().out
    assert "redefined call" in said and "1 -> 2" in said
    assert "stale: 6 blind labels of ann" in said
    assert "1 of the rules rest on a single issue" in said
    book = codebooks.load(Path("codebook/tree.yaml"))
    assert book.version == "2"
    assert book.by_id["call"].exclude == (f"{RULE['text']} -> set",)
    assert book.by_id["call"].include == ("A coroutine has to be awaited",)
    assert coder([*REFINE, "--apply"]) == 2, "a rule is written once"
    assert "no accepted rule" in capsys.readouterr().err


@pytest.mark.parametrize("model", [True, False])
def test_nothing_of_a_reserved_issue_is_shown_sent_or_written(
    run, model, monkeypatch, capsys
) -> None:
    with FaultServer(lambda *_: completion({"rules": [RULE]})).running() as server:
        if model:
            asks(monkeypatch, server)
        assert coder([*REFINE, "--hold-out", "0", "--list"]) == 0
        types(monkeypatch, "a" if model else "r")
        assert coder(REFINE) == 0
        assert len(server.requests) == model
        assert MARKER not in json.dumps(server.requests)
        assert "both1" in (said := capsys.readouterr().out)
        assert MARKER not in said and "secret" not in said and "again" not in said
    kept = "".join(file.read_text() for file in (run.path / "refine").glob("*.jsonl"))
    assert "both1" in kept and MARKER not in kept and "secret" not in kept


def test_what_a_model_should_not_have_said_is_set_aside_and_counted(
    run, monkeypatch, capsys
) -> None:
    bad = [
        RULE | {"issues": [7]},
        RULE | {"issues": []},
        RULE | {"code": "speed"},
        RULE | {"to": "call"},
        RULE | {"text": "Most of the issues about values are settings"},
        RULE | {"text": "In 60% it is a setting"},
        RULE | {"text": "x" * 301},
        {"kind": "maybe"},
        "just text",
    ]
    with FaultServer(lambda *_: completion({"rules": bad})).running() as server:
        asks(monkeypatch, server)
        assert coder([*REFINE, "--hold-out", "0", "--list"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "9 set aside" in said
    for reason in (
        "1 × names an issue it was not shown", "1 × rests on no issue", "2 × states a frequency",
        "2 × names a code it was not asked about", "1 × is empty or too long", "2 × no rule",
    ):  # fmt: skip
        assert reason in said


def test_an_issue_cannot_close_the_fence_it_stands_in(run, monkeypatch) -> None:
    with FaultServer(lambda *_: completion({"rules": []})).running() as server:
        asks(monkeypatch, server)
        assert coder([*REFINE, "--hold-out", "0", "--list"]) == 0
        sent = user_text(server.requests[0])
    word = sent.split("NONCE is ")[1][:12]
    assert sent.count(f"<data {word}>") == sent.count(f"</data {word}>") == 2
    for text in (SUBJECTS["both1"], SUBJECTS["both2"]):
        assert sent.index(f"<data {word}>") < sent.index(text) < sent.rindex(f"</data {word}>")


def test_no_text_leaves_without_consent_and_titles_that_bite_are_text(
    run, tmp_path, monkeypatch, capsys
) -> None:
    titles = {i: f"[red]{i}[/] \x1b]52;c;aGk=\x07 {text}" for i, text in SUBJECTS.items()}
    issues = [issue(i, title=text, body="") for i, text in titles.items()]
    bites = Maker(tmp_path / "runs", TREE, issues).run(ANN, "bites")
    label(bites, "ann", BEA, memo="[bold]memo \x1b[2J")
    assert coder(["codebook", "refine", "bites", "--hold-out", "0", "--list"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "[red]both1[/]" in said and "[bold]memo" in said
    monkeypatch.setenv("CODER_MODEL__BASE_URL", "https://llm.example.org/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-tests")
    assert coder([*REFINE, "--model", "openai:m", "--hold-out", "0"]) == 2
    assert "--send-to llm.example.org" in capsys.readouterr().err
    assert not (run.path / "refine" / "calls.jsonl").exists()


def test_without_a_model_a_person_writes_the_rule_by_contrasting_neighbours(
    run, monkeypatch, capsys
) -> None:
    types(monkeypatch, "a", "e", "set", "include", "Which value to give")
    assert coder([*REFINE, "--hold-out", "0"]) == 0
    said = capsys.readouterr().out
    assert "Alike, and coded differently by everyone" in said
    assert SUBJECTS["call1"] in said or SUBJECTS["call2"] in said
    (verdict,) = verdicts(run)
    assert (verdict.action, verdict.rule.code, verdict.rule.line) == (
        "edit", "set", "Which value to give",
    )  # fmt: skip
    assert verdict.rule.issues == ("both1", "both2") and verdict.rule.by == ""


def test_a_correction_counts_where_the_person_gave_no_blind_label(run, capsys) -> None:
    made = Decision(
        id="d1", issue_id="fast", proposal_id="p1-fast", rater="cyd", action=Action.CORRECT,
        codes=("error",), shown=("speed",),
    )  # fmt: skip
    run.decision_journal("cyd").append([made])
    assert coder([*REFINE, "--hold-out", "0", "--list", "--rater", "cyd"]) == 0
    said = capsys.readouterr().out
    assert "1 pairs of codes" in said and "1 issues (1 corrected)" in said
    assert "both1" not in said
    assert coder([*REFINE, "--list", "--rater", "dan"]) == 2
    assert "raters: ann, bea, cyd" in capsys.readouterr().err


def test_what_is_held_out_stays_held_out(run, capsys) -> None:
    assert coder([*REFINE, "--hold-out", "0.5", "--list"]) == 0
    said = capsys.readouterr().out
    held = HeldOut(share=0.5, seed=0)
    out = [i for i in SUBJECTS if held.holds(i)]
    assert 0 < len(out) < len(SUBJECTS)
    assert not any(i in said for i in out)
    assert coder([*REFINE, "--list"]) == 0
    assert coder([*REFINE, "--hold-out", "0", "--list"]) == 2
    assert "holds out 0.5 of its issues" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("    exclude: [one]\n", "exclude"),
        ("    exclude: []\n", "exclude"),
        ("    exclude:\n    - one\n    # a remark\n", "exclude"),
        ("    exclude:\n      - >\n        one\n        two\n", "exclude"),
        ("    include: [one]\n", "exclude"),
    ],
)
def test_a_rule_is_added_in_place_however_the_file_is_written(tmp_path, written, kind) -> None:
    from coder.records.refinement import Draft
    from coder.revision.refine import write_rules

    text = (
        "id: t\nname: T\ncodes:\n  - id: a\n    name: A\n    definition: >\n      The first\n"
        f"      of two.\n{written}  # between\n  - {{id: b, name: B, definition: The second}}"
    )
    path = tmp_path / "t.yaml"
    path.write_text(text)
    rules = [
        Draft(pair=("a", "b"), kind="exclude", code=code, to=to, text='A "quoted": line #1',
              issues=("i",), shown=("i",), settles=1, disputes=1)
        for code, to in (("a", "b"), ("b", "a"))
    ]  # fmt: skip
    write_rules(path, rules)
    book = codebooks.load(path)
    assert book.by_id["a"].exclude[-1] == 'A "quoted": line #1 -> b'
    assert book.by_id["b"].exclude == ('A "quoted": line #1 -> a',)
    assert "# between" in path.read_text()


WORTH = ["codebook", "worth", "demo", "sharper"]


@pytest.fixture
def many(tmp_path: Path, monkeypatch) -> Run:
    """Forty issues, each its own, that the model of the old codebook takes for calls all."""
    issues = [
        issue(f"q{n}", title=content_hash("t", n)[:40], body="", repo=f"owner/r{n % 10}")
        for n in range(40)
    ]
    truth = {one.id: "set" if n % 2 else "call" for n, one in enumerate(issues)}
    old = Maker(tmp_path / "runs", TREE, issues).run(dict.fromkeys(truth, "call"))
    label(old, "ann", truth)
    sharper = TREE.replace("Which call to make.", "Which call to make and no values.")
    Maker(tmp_path / "runs", sharper, issues).run(truth, "sharper")
    (tmp_path / "study.toml").write_text('codebook = "tree"\n[retrieval]\nembedder = "none"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return Run(old.path)


def test_worth_is_measured_on_issues_held_out_by_chance(many, monkeypatch, capsys) -> None:
    assert coder(WORTH) == 2
    assert "no rule of run 'demo' was accepted" in capsys.readouterr().err
    types(monkeypatch, "e", "", "", "", "Only a value is asked for")
    assert coder([*REFINE, "--hold-out", "0.6"]) == 0
    capsys.readouterr()
    assert coder(WORTH) == 0
    said = capsys.readouterr().out
    held = HeldOut(share=0.6, seed=0)
    out = [i for i in many.issues if held.holds(i)]
    wrong = [i for i in out if int(i[1:]) % 2]
    assert "On issues held out by chance before any rule was drafted:" in said
    assert f"ann, by code, n {len(out)} in " in said
    assert f"{len(wrong)} newly right, 0 newly wrong" in said
    assert "-> 1.00" in said and "difference .4" in said
    (verdict,) = verdicts(many)
    assert not set(out) & set(verdict.rule.shown), "what was read is not what it is measured on"


def test_worth_without_held_out_issues_says_what_that_does(many, monkeypatch, capsys) -> None:
    types(monkeypatch, "e", "", "", "", "Only a value is asked for")
    assert coder([*REFINE, "--hold-out", "0"]) == 0
    (verdict,) = verdicts(many)
    capsys.readouterr()
    assert coder(WORTH) == 0
    said = capsys.readouterr().out
    assert "No issues had been held out." in said
    left = len(many.issues) - len(verdict.rule.shown)
    assert f"ann, by code, n {left} in " in said


def test_worth_refuses_too_few_issues_and_one_codebook(many, monkeypatch, capsys) -> None:
    types(monkeypatch, "e", "", "", "", "Only a value is asked for")
    assert coder([*REFINE, "--hold-out", "0.1"]) == 0
    many.label_journal("ann").append(
        Label(issue_id=i, rater="ann", codes=(), withdrawn=True) for i in list(many.issues)[15:]
    )
    assert coder(WORTH) == 4
    assert "too few" in capsys.readouterr().err
    Maker(many.path.parent, TREE, list(many.issues.values())).run(
        dict.fromkeys(many.issues, "set"), "again"
    )
    assert coder(["codebook", "worth", "demo", "again"]) == 2
    assert "made with the same codebook" in capsys.readouterr().err


def test_verdicts_of_two_copies_are_joined_and_of_one_draft_are_a_conflict(
    run, tmp_path, monkeypatch, capsys
) -> None:
    with FaultServer(lambda *_: completion({"rules": [RULE]})).running() as server:
        asks(monkeypatch, server)
        assert coder([*REFINE, "--hold-out", "0", "--list"]) == 0
        copy = tmp_path / "copy" / "demo"
        shutil.copytree(run.path, copy)
        types(monkeypatch, "a")
        assert coder(REFINE) == 0
    decided = (run.path / "refine" / "verdicts.jsonl").read_text(encoding="utf-8")
    there = Run(copy)
    other = next(iter(verdicts(run))).model_copy(update={"draft": "another", "by": "dee"})
    verdicts(there).append([other])
    capsys.readouterr()
    assert coder(["merge", str(copy), "--into", "demo"]) == 0
    assert "refine/verdicts.jsonl" in capsys.readouterr().out
    assert [one.by for one in verdicts(Run(run.path))] == ["cem", "dee"]

    verdicts(there).append([other.model_copy(update={"by": "eve", "draft": read_draft(decided)})])
    assert coder(["merge", str(copy), "--into", "demo"]) != 0
    assert "CONFLICT refine/verdicts.jsonl" in capsys.readouterr().out
    assert [one.by for one in verdicts(Run(run.path))] == ["cem", "dee"]


def read_draft(line: str) -> str:
    """The draft that a line of verdicts is about."""
    return str(json.loads(line.splitlines()[0])["draft"])


def test_nobody_decides_without_a_name(run, monkeypatch, capsys) -> None:
    assert coder(["codebook", "refine", "demo"]) != 0
    assert "add --by NAME" in capsys.readouterr().err
