"""What names a person or opens a door is masked in everything sent, and put back here."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from coder.cli.main import cli
from coder.records import Comment, Issue
from coder.redact import Redactor, known_in, spans

KEY = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
BLOCK = "-----BEGIN RSA PRIVATE KEY-----\n{}\n{}\n-----END RSA PRIVATE KEY-----".format(
    "MIIEpAIBAAKCAQEA7bq1", "c2VjcmV0LXNlY3JldC1z"
)
SECRETS = {
    KEY: "KEY",
    "hf_" + "x1Y2" * 8: "KEY",
    "sk-proj-" + "q7W8e9" * 5: "KEY",
    "AKIAIOSFODNN7EXAMPLE": "KEY",
    BLOCK: "KEY",
    "jane.doe+bugs@mail.example.org": "EMAIL",
    "192.168.31.230": "IP",
    "2001:db8:0:1::8a2e": "IP",
}
KEPT = [
    "torch 2.1.0 on 127.0.0.1:8000 and 0.0.0.0", "@dataclass\nclass A: ...", "git@github.com:a/b",
    "nvidia-cudnn-cu12            8.9.2.26", "pip install x==1.2.3.4", "@torch.no_grad()",
    "/home/runner/work", "std::vector", "12:30:45", "//select[@name='q']", "max_new_tokens = 512",
    "tokenizer='/llm/models/Qwen/Qwen1.5-7B-Chat'", "1234567890abcdef1234567890abcdef12345678",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_what_is_masked(secret):
    text = f"I set it to {secret} and it fails"
    ((start, end, kind),) = spans(text)
    assert (text[start:end], kind) == (secret, SECRETS[secret])


@pytest.mark.parametrize("text", KEPT)
def test_what_is_not(text):
    assert spans(text) == []


def test_only_the_secret_part_is_masked():
    text = (
        'db = "postgres://me:hunter22@host/x"; api_key="zX81kQ0pL4mN7vB2"; in /home/jdoe/x.py and '
        "C:\\Users\\jdoe\\x.py, cc @jane-doe"
    )
    redactor = Redactor([text])
    assert redactor.redact(text) == (
        'db = "postgres://<KEY_1>@host/x"; api_key="<KEY_2>"; in /home/<USER_1>/x.py and '
        "C:\\Users\\<USER_1>\\x.py, cc @<USER_2>"
    )
    assert redactor.masked == {"KEY": 2, "USER": 3}


def test_what_looks_like_a_placeholder_already_is_nobodys():
    text = "<EMAIL_1> wrote to a@b.org"
    redactor = Redactor([text])
    assert redactor.redact(text) == "<EMAIL_1> wrote to <EMAIL_2>"
    assert redactor.restore("<EMAIL_1>, <EMAIL_2>, <EMAIL_3>") == "<EMAIL_1>, a@b.org, <EMAIL_3>"


PIECES = st.one_of(st.text(max_size=12), st.sampled_from([*SECRETS, *KEPT, "<KEY_1>", "<IP_2>"]))


@given(st.lists(PIECES, max_size=8).map(" ".join))
def test_masking_can_be_undone(text):
    redactor = Redactor([text])
    masked = redactor.redact(text)
    assert redactor.restore(masked) == text


@given(st.lists(PIECES, max_size=4), st.sampled_from(sorted(SECRETS)), st.lists(PIECES, max_size=4))
def test_no_planted_secret_survives(before, secret, after):
    text = " ".join([*before, secret, *after])
    assert secret not in Redactor([text]).redact(text)


def test_names_of_the_authors_and_lines_of_a_key_are_known_in_every_part():
    issue = Issue(
        id="i", title="t", body=f"mallory says\n{BLOCK}", author="mallory",
        comments=(Comment(author="bot-x", body="hello", bot=True), Comment(author="al", body="x")),
    )  # fmt: skip
    known = known_in(issue)
    assert known["mallory"] == "USER" and "bot-x" not in known and "al" not in known
    redactor = Redactor([issue.text])
    for line in issue.text.split("\n"):
        assert "MIIE" not in redactor.redact(line, known)
        assert "mallory" not in redactor.redact(line, known)


# --- through the command ------------------------------------------------------------------------


@pytest.fixture
def in_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text('codebook = "ptm-screening"\n')
    row = {"id": "i1", "title": "It leaks", "body": f"My key is {KEY}. Ask jane@example.org!"}
    (tmp_path / "issues.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def propose(*more):
    arguments = ["propose", "issues.jsonl", "--run", "r", "--model", "openai:gpt-4.1-mini", *more]
    return CliRunner().invoke(cli, arguments, env={"OPENAI_API_KEY": "k"})


def test_nothing_is_sent_to_a_strangers_server_before_somebody_agrees(in_study):
    result = propose("--base-url", "http://models.example.com/v1")
    assert result.exit_code != 0
    assert "1 issue texts would go to models.example.com" in str(result.exception)
    assert not (in_study / "runs" / "r").exists()


def test_a_dry_run_asks_nobody_and_counts_what_would_be_masked(in_study):
    result = propose("--base-url", "http://models.example.com/v1", "--redact", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "Masked in what was measured: 2 places." in result.output


def test_masked_requests_and_original_words_here(in_study):
    from support.fault_server import GOOD, FaultServer, completion

    said = {**GOOD, "rationale": "<EMAIL_1> is asked about <KEY_1>.", "runners_up": [],
            "codes": [{"code": "ptm-related", "confidence": 1}], "sentences": [2]}  # fmt: skip
    server = FaultServer(lambda *_: completion(said))
    with server.running():
        result = propose("--base-url", server.base_url, "--redact")
    assert result.exit_code == 0, result.output
    asked = json.dumps(server.requests)
    assert KEY not in asked and "jane@example.org" not in asked and "<KEY_1>" in asked
    calls = (in_study / "runs/r/calls.jsonl").read_text()
    assert KEY not in calls.split('"raw_response"')[0]
    (line,) = (in_study / "runs/r/proposals.jsonl").read_text().splitlines()
    proposal = json.loads(line)
    assert proposal["rationale"] == f"jane@example.org is asked about {KEY}."
    assert KEY in proposal["evidence"][0]["quote"]


def test_agreeing_holds_for_the_study_and_not_for_whole_texts_if_it_was_for_masked(in_study):
    dead = "http://models.example.invalid/v1"
    agree = ["--base-url", dead, "--send-to", "models.example.invalid", "--redact"]
    propose(*agree)
    (line,) = (in_study / "runs/consent.jsonl").read_text().splitlines()
    assert json.loads(line)["host"] == "models.example.invalid"
    again = propose("--base-url", dead, "--redact")
    assert "would go to" not in str(again.exception)
    whole = propose("--base-url", dead)
    assert "would go to models.example.invalid" in str(whole.exception)
