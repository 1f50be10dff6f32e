"""Runs that lost a file, were changed, or were written by a later version: said, and left alone."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.runs import make_run

from coder.audit.log import check_log
from coder.cli.main import cli
from coder.errors import CoderError, RunError, UsageError
from coder.records import Label, now
from coder.review.adjudication import AdjudicationSession
from coder.review.session import ReviewSession
from coder.storage import history
from coder.storage.names import check_name
from coder.storage.run import Run, labels_hash

COMMANDS = (
    ("report", "trial"), ("status", "trial"), ("review", "trial", "--rater", "ann", "--plain"),
    ("label", "export", "trial", "-o", "out.csv"), ("assign", "trial", "--raters", "ann,bea"),
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    made = make_run(tmp_path / "runs", 3)
    ReviewSession(made, "ann").accept()
    made.label_journal("bea").append([Label(issue_id="i1", rater="bea", codes=("taste.sour",))])
    return made


def coder(*words: str) -> Result:
    result = CliRunner().invoke(cli, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*words: str) -> CoderError:
    with pytest.raises(CoderError) as caught:
        coder(*words)
    return caught.value


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize(
    "file", ["manifest.json", "issues.jsonl", "codebook.yaml", "proposals.jsonl"]
)
def test_a_run_that_lost_a_file_is_refused_with_what_to_restore(
    run: Run, file: str, command: tuple[str, ...]
) -> None:
    (run.path / file).unlink()
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    error = refused(*command)
    assert error.message == f"run 'trial' has lost its {file}"
    assert str(run.path / file) in error.hint
    after = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert {p: b for p, b in after.items() if p.suffix != ".lock"} == {
        p: b for p, b in before.items() if p.suffix != ".lock"
    }


def test_a_run_is_not_made_anew_over_one_that_lost_its_manifest(run: Run) -> None:
    manifest = run.manifest
    (run.path / "manifest.json").unlink()
    with pytest.raises(RunError, match=r"lost its manifest\.json"):
        Run.create_or_resume(run.path.parent, manifest, [], "")
    assert not (run.path / "manifest.json").exists()


def test_a_run_that_was_never_begun_is_begun(tmp_path: Path) -> None:
    made = make_run(tmp_path, 2)
    (made.path / "manifest.json").unlink()
    (made.path / "proposals.jsonl").unlink()
    again = make_run(tmp_path, 2)
    assert len(again.latest_proposals()) == 2


def test_a_report_needs_proposals(run: Run) -> None:
    (run.path / "proposals.jsonl").unlink()
    (run.path / "decisions" / "ann.jsonl").unlink()
    assert refused("report", "trial").message == "run 'trial' has no proposals"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_later_format_names_the_version_it_needs(run: Run, command: tuple[str, ...]) -> None:
    path = run.path / "manifest.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields |= {"format": 2, "versions": {"issue-coder": "0.9.1"}, "of_a_later_version": True}
    path.write_text(json.dumps(fields), encoding="utf-8")
    error = refused(*command)
    assert error.message == "run 'trial' is of format 2; this version reads up to 1"
    assert "coder 0.9.1" in error.hint


@pytest.mark.parametrize("damage", [b"\xff", b"[", b"[" * 100_000, b'{"format": "x"}'])
def test_a_manifest_that_cannot_be_read_is_one_line(run: Run, damage: bytes) -> None:
    (run.path / "manifest.json").write_bytes(damage)
    error = refused("status", "trial")
    assert "cannot be read" in error.message and "\n" not in error.message


def test_a_changed_byte_is_said_by_report_and_status(run: Run) -> None:
    path = run.path / "proposals.jsonl"
    path.write_bytes(path.read_bytes().replace(b"apples are sour.", b"apples are SOUR.", 1))
    for command in ("report", "status"):
        told = " ".join(coder(command, "trial").output.split())
        assert "changed after it was written, at proposals.jsonl:2" in told
    page = (run.path / "report" / "report.html").read_text(encoding="utf-8")
    assert "proposals.jsonl:2" in page


def test_a_whole_run_is_said_nothing_of(run: Run) -> None:
    for command in ("report", "status"):
        assert "changed after" not in coder(command, "trial").output


@pytest.mark.parametrize("name", ["CON", "nul", "com1", "Lpt9.txt", "aux.2", "ann."])
def test_a_name_that_some_system_cannot_have_as_a_file_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="Windows"):
        check_name(name, "rater")


def test_what_was_named_before_such_names_were_refused_still_opens(run: Run) -> None:
    for folder, name in (("labels", "aux"), ("decisions", "nul")):
        (run.path / folder / f"{name}.jsonl").write_bytes(b"")
    run.path.rename(run.path.with_name("con.1"))
    old = Run.open(Path("runs"), "con.1")
    assert old.raters() == ["ann", "aux", "bea", "nul"]
    assert all(old.labels(rater) is not None for rater in old.raters())
    assert coder("report", "con.1").exit_code == 0


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_name_that_differs_in_case_alone_is_no_other_run(
    run: Run, command: tuple[str, ...]
) -> None:
    words = ["Trial" if word == "trial" else word for word in command]
    assert refused(*words).message == "there is a run 'trial' already"
    (run.path.parent.parent / "issues.jsonl").write_text('{"id": "1", "title": "x"}\n')
    assert refused("propose", "issues.jsonl", "--run", "TRIAL").hint == "spell the name that way"


def test_a_run_that_lost_the_labels_it_learnt_from_is_refused(tmp_path: Path) -> None:
    made = make_run(tmp_path / "runs", 1)
    examples = made.path / "examples.jsonl"
    fields = json.loads((made.path / "manifest.json").read_text())
    fields["labels_hash"] = labels_hash(made.examples)
    (made.path / "manifest.json").write_text(json.dumps(fields))
    assert Run.open(tmp_path / "runs", "trial").examples
    examples.unlink()
    with pytest.raises(RunError, match=r"has lost its examples\.jsonl"):
        Run.open(tmp_path / "runs", "trial")


def test_what_is_dated_ahead_of_the_clock_is_noted_by_the_audit(run: Run) -> None:
    ahead = now() + timedelta(days=400)
    run.label_journal("bea").append(
        [Label(issue_id="i2", rater="bea", codes=("taste.sour",), at=ahead)]
    )
    notes = {file.file: file.note for file in check_log(run)}
    assert (
        notes["labels/bea.jsonl"] == f"dated ahead of this clock, up to {ahead:%Y-%m-%d %H:%M} UTC"
    )
    assert notes["decisions/ann.jsonl"] == ""


def test_an_adjudication_is_never_older_than_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, 2)
    for rater, code in (("ann", "taste.sour"), ("bea", "taste.bland")):
        run.label_journal(rater).append(
            Label(issue_id=i, rater=rater, codes=(code,)) for i in ("i1", "i2")
        )
    session = AdjudicationSession(run, "cy")
    first = session.resolve(("taste.sour",))
    # The clock is set back between the two.
    monkeypatch.setattr(history, "now", lambda: first.at - timedelta(hours=1))
    second = session.resolve(("taste.sour",))
    undone = session.undo()
    assert undone is not None
    assert first.at < second.at < undone.at
