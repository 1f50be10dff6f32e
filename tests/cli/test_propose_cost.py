"""The command line before, during and after spending: dry runs, caps, and what was used."""

from __future__ import annotations

import json
import sqlite3

import pytest
from support.fault_server import FaultServer, completion, in_turn

from coder.__main__ import run as coder

PETS = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats., include: [kittens]}
  - {id: dog, name: Dog, definition: Dogs.}
"""
PRICES = '["openai:m"]\ninput = 1.0\noutput = 10.0\nas_of = 2026-01-31\n'


@pytest.fixture
def server():
    with FaultServer(in_turn(completion())).running() as running:
        yield running


@pytest.fixture
def folder(tmp_path, monkeypatch, server):
    (tmp_path / "pets.yaml").write_text(PETS)
    save_issues(tmp_path, 6)
    (tmp_path / "prices.toml").write_text(PRICES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODER_MODEL__BASE_URL", server.base_url)
    monkeypatch.setenv("CODER_RETRIEVAL__EMBEDDER", "none")
    monkeypatch.setenv("CODER_CODEBOOK", "pets.yaml")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def save_issues(folder, n):
    lines = [
        json.dumps({"id": f"i{i}", "title": f"Cat {i}", "body": "It meows."}) for i in range(n)
    ]
    (folder / "issues.jsonl").write_text("\n".join(lines) + "\n")


def propose(*options, model="openai:m"):
    return coder(["propose", "issues.jsonl", "--run", "r", "--model", model, *options])


def files(folder):
    return sorted((p.relative_to(folder), p.stat().st_mtime_ns) for p in folder.rglob("*"))


def test_a_dry_run_contacts_nobody_and_writes_nothing(folder, server, capsys):
    before = files(folder)
    assert propose("--dry-run") == 0
    assert files(folder) == before and server.requests == []
    said = capsys.readouterr().out
    for words in (
        "Issues pending: 6.",
        "system, codebook",
        "retrieved definitions",
        "similar labelled issues",
        "the issue itself",
        "Calls: 6;",
        "at most 4,800 tokens",
        "prefix",
        "prices of 2026-01-31; they change",
    ):
        assert words in said  # fmt: skip


def test_a_dry_run_of_a_run_under_way_speaks_of_the_rest(folder, server, capsys):
    propose("--max-calls", "4")
    before = files(folder)
    assert propose("--dry-run") == 0
    assert files(folder) == before and len(server.requests) == 4
    assert "Issues pending: 2." in capsys.readouterr().out


def test_a_dry_run_counts_what_other_runs_of_the_study_have_answered(folder, server, capsys):
    propose("--max-calls", "4")
    before = files(folder)
    another = ["propose", "issues.jsonl", "--run", "b", "--model", "openai:m", "--dry-run"]
    assert coder(another) == 0
    said = capsys.readouterr().out
    assert "Issues pending: 6." in said and "4 of those have their answer on disk" in said
    assert "Calls: 2;" in said
    assert coder([*another, "--no-cache"]) == 0
    assert "Calls: 6;" in capsys.readouterr().out
    # While another process has the file open, too.
    with sqlite3.connect(folder / "runs" / ".cache" / "answers.sqlite") as writer:
        writer.execute("INSERT INTO answers VALUES ('k', 'raw', 'stop')")
        writer.commit()
        between = files(folder)
        assert coder(another) == 0
        assert "Calls: 2;" in capsys.readouterr().out
        assert [path for path, _ in between] == [path for path, _ in files(folder)]
    writer.close()
    assert [path for path, _ in files(folder)] == [path for path, _ in before]
    assert len(server.requests) == 4


def test_a_server_on_this_machine_is_the_same_on_another_port(folder, server, capsys, monkeypatch):
    propose("--max-calls", "4")
    with FaultServer(in_turn(completion())).running() as moved:
        monkeypatch.setenv(
            "CODER_MODEL__BASE_URL", moved.base_url.replace("127.0.0.1", "localhost")
        )
        # A run made before the port was left out names it.
        path = folder / "runs" / "r" / "manifest.json"
        made = json.loads(path.read_text())
        assert made["model"]["base_url"] == "http://localhost/v1"
        made["model"]["base_url"] = server.base_url
        path.write_text(json.dumps(made))
        assert propose() == 0
        assert (len(server.requests), len(moved.requests)) == (4, 2)
        assert coder(["audit", "order", "r", "--permute", "1", "--sample", "1"]) == 0
        capsys.readouterr()
        assert coder(["propose", "issues.jsonl", "--run", "b", "--model", "openai:m"]) == 0
        assert "Answers that other runs of the study had paid for: 6." in capsys.readouterr().out
    monkeypatch.setenv("CODER_MODEL__BASE_URL", "http://10.0.0.1:8080/v1")
    assert propose("--send-to", "10.0.0.1") == 4
    assert "made with another model (base_url: 'http://localhost/v1'" in capsys.readouterr().err


def test_a_dry_run_of_many_issues_measures_a_sample(folder, capsys):
    save_issues(folder, 250)
    assert propose("--dry-run") == 0
    said = capsys.readouterr().out
    assert "Issues pending: 250." in said and "random sample of 200" in said
    assert "Calls: about 250;" in said


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("openai:unheard-of", "Price: unknown"),
        ("ollama:llama3", "Price: USD 0;"),
        ("embedded", "costs nothing"),
    ],
)
def test_a_dry_run_says_what_the_price_is_known_to_be(model, words, folder, capsys):
    assert propose("--dry-run", model=model) == 0
    assert words in capsys.readouterr().out


def test_a_cap_ends_in_one_line_and_the_same_command_goes_on(folder, server, capsys):
    assert propose("--max-calls", "4") == 7
    said = capsys.readouterr()
    assert said.err.count("error:") == 1 and "--max-calls 4 is reached" in said.err
    assert "hint: raise the cap" in said.err
    assert "Used by this run so far: 4 calls, 400 input tokens (256 of them cached), 80" in said.out
    assert propose("--max-calls", "6") == 0
    assert len(server.requests) == 6
    assert "6 calls, 600 input tokens" in capsys.readouterr().out


def test_a_cap_on_an_unknown_price_writes_and_asks_nothing(folder, server, capsys):
    before = files(folder)
    assert propose("--max-cost", "1", model="openai:unheard-of") == 2
    assert "is unknown" in capsys.readouterr().err
    assert files(folder) == before and server.requests == []


def test_the_report_says_what_was_used_also_by_accepted_code(folder, capsys):
    propose()
    run = folder / "runs" / "r"
    proposal = json.loads((run / "proposals.jsonl").read_text().split("\n")[0])
    decision = {
        "id": "d", "issue_id": proposal["issue_id"], "proposal_id": proposal["id"],
        "rater": "anna", "action": "accept", "prev": "0" * 64,
    }  # fmt: skip
    (run / "decisions").mkdir()
    (run / "decisions" / "anna.jsonl").write_text(json.dumps(decision) + "\n")
    assert coder(["report", "r"]) == 0
    usage = json.loads((run / "report" / "report.json").read_text())["usage"]
    cost = pytest.approx((600 * 1 + 120 * 10) / 1e6)
    assert usage == {
        "calls": 6, "input_tokens": 600, "cached_tokens": 384, "output_tokens": 120,
        "estimated_calls": 0, "cut_prompts": 0, "cost": cost, "prices_as_of": "2026-01-31",
        "accepted_codes": 1, "tokens_per_accepted_code": 720, "cost_per_accepted_code": cost,
    }  # fmt: skip
    line = "6 calls, 600 input tokens (384 of them cached), 120 output tokens, cost USD 0.0018"
    assert f"Used: {line}" in capsys.readouterr().out
    assert line in (run / "report" / "report.html").read_text()
    shown = (run / "report" / "report.md").read_text().replace("\\", "")
    assert line in shown and "for each of the 1 accepted code 720 tokens" in shown


def test_a_report_without_a_price_says_unknown_and_without_calls_nothing(folder, capsys):
    propose(model="openai:unheard-of")
    assert "cost unknown" in capsys.readouterr().out
    coder(["report", "r"])
    usage = json.loads((folder / "runs" / "r" / "report" / "report.json").read_text())["usage"]
    assert usage["cost"] is None and usage["input_tokens"] == 600
    coder(["propose", "issues.jsonl", "--run", "e", "--model", "embedded"])
    coder(["report", "e"])
    report = json.loads((folder / "runs" / "e" / "report" / "report.json").read_text())
    assert report["usage"] is None


def test_no_bar_is_drawn_where_nothing_is_left_to_do(folder, server, capsys):
    assert propose() == 0
    assert "6/6" in capsys.readouterr().err
    assert propose() == 0
    out, err = capsys.readouterr()
    assert "nothing was left to do" in out and "6/6" not in err
