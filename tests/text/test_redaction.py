"""What names a person or opens a door is masked in everything sent, and put back here."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from coder.cli.main import cli
from coder.records import Comment, Issue
from coder.text.redaction import Masked, Redactor, authors, spans

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
    "fe80::1ff:fe23": "IP",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc" + "00Ab" * 9: "KEY",
    "gsk_" + "Zx8" * 12: "KEY",
    "SG." + "a1B2c3D4e5F6g7H8i9J0kL" + "." + "Zz" * 21 + "9": "KEY",
    "SK" + "0123456789abcdef" * 2: "KEY",
}
KEPT = [
    "torch 2.1.0 on 127.0.0.1:8000 and 0.0.0.0", "@dataclass\nclass A: ...", "git@github.com:a/b",
    "nvidia-cudnn-cu12            8.9.2.26", "pip install x==1.2.3.4", "@torch.no_grad()",
    "/home/runner/work", "std::vector", "12:30:45", "//select[@name='q']", "max_new_tokens = 512",
    "tokenizer='/llm/models/Qwen/Qwen1.5-7B-Chat'", "1234567890abcdef1234567890abcdef12345678",
    "tokenizer: Qwen/Qwen2.5-7B-Instruct", "eos_token = '</s>'", "version=129.0.0.0", "x>=1.2.3.4",
    "api_key = 'EMPTY'", "password: required", "API_KEY=<your key>", 'token="your-token-here"',
    "Authorization: Bearer $TOKEN", "password=os.environ['X']", "docker run -u 1000:1000 x",
    '{"x-api-key": API_KEY, "Content-Type": "x"}', "PASSWORD=${PASSWORD}", "cuda-12.1.0.2-runtime",
    "nvidia-cusolver-cu12-11.6.1.9",
]  # fmt: skip
GIVEN = {
    "host=198.51.100.23 port=5432": "198.51.100.23",
    "--host=198.51.100.23": "198.51.100.23",
    "198.51.100.23-198.51.100.40": "198.51.100.23",
    "127.0.0.1-198.51.100.40": "198.51.100.40",
    "api_key='zX81kQ0pL4mN7vB2'": "zX81kQ0pL4mN7vB2",
    "API key:\n\n```bash\nzX81kQ0pL4mN7vB2\n```": "zX81kQ0pL4mN7vB2",
    "My HF token\nzX81kQ0pL4mN7vB2": "zX81kQ0pL4mN7vB2",
    "> **token**:\n> `zX81kQ0pL4mN7vB2`": "zX81kQ0pL4mN7vB2",
    "| API_KEY | zX81kQ0pL4mN7vB2 |": "zX81kQ0pL4mN7vB2",
    'password = "correct horse, battery & staple!"': "correct horse, battery & staple!",
    "'db_password': 'p@ss w0rd'": "p@ss w0rd",
    '{\\"secret\\": \\"it is a secret\\"}': "it is a secret",
    'os.getenv("API_KEY", "a default")': "a default",
    r'password = "with \" in it"': r"with \" in it",
    "password: hunter2!": "hunter2!",
    "export DB_PASSWORD=hunterhunter": "hunterhunter",
    "mysql --password hunter22": "hunter22",
    "Authorization: Basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    "curl -u jane:hunter22 http://x": "jane:hunter22",
    "X-Api-Token: abcdefgh": "abcdefgh",
}
"""What is a secret by what stands before it."""


@pytest.mark.parametrize("secret", SECRETS)
def test_what_is_masked(secret):
    text = f"I set it to {secret} and it fails"
    ((start, end, kind),) = spans(text)
    assert (text[start:end], kind) == (secret, SECRETS[secret])


@pytest.mark.parametrize("text", GIVEN)
def test_what_is_masked_for_what_stands_before_it(text):
    (start, end, _), *_ = spans(text)
    assert text[start:end] == GIVEN[text]


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
    assert redactor.count(redactor.redact(text)) == 5


def test_what_looks_like_a_placeholder_already_is_nobodys():
    text = "<EMAIL_1> wrote to a@b.org"
    redactor = Redactor([text])
    assert redactor.redact(text) == "<EMAIL_1> wrote to <EMAIL_2>"
    restored = redactor.mask(text).restore("<EMAIL_1>, <EMAIL_2>, <EMAIL_3>")
    assert restored == "<EMAIL_1>, a@b.org, <EMAIL_3>"
    assert redactor.count("<EMAIL_1> <EMAIL_2>") == 1


PIECES = st.one_of(st.text(max_size=12), st.sampled_from([*SECRETS, *KEPT, "<KEY_1>", "<IP_2>"]))


@given(st.lists(PIECES, max_size=8).map(" ".join))
def test_masking_can_be_undone(text):
    masked = Redactor([text]).mask(text)
    assert masked.restore(masked.part()) == text


@given(st.lists(PIECES, max_size=4), st.sampled_from(sorted(SECRETS)), st.lists(PIECES, max_size=4))
def test_no_planted_secret_survives(before, secret, after):
    text = " ".join([*before, secret, *after])
    assert secret not in Redactor([text]).redact(text)


@given(st.lists(PIECES, max_size=6).map(" ".join), st.integers(0, 200), st.integers(0, 200))
def test_a_part_shows_nothing_of_what_it_cuts(text, start, end):
    masked = Redactor([text]).mask(text)
    start, end = min(start, len(text)), min(end, len(text))
    part = masked.part(start, end)
    for begin, stop, placeholder in masked.hidden:
        if begin < end and stop > start and start < end:
            assert placeholder in part
    inside = [h for h in masked.hidden if h[0] >= start and h[1] <= end]
    if start <= end and inside == [h for h in masked.hidden if h[1] > start and h[0] < end]:
        assert masked.restore(part) == text[start:end]


def test_what_begins_a_request_and_what_follows_share_their_placeholders():
    first = Redactor(["a@b.org"])
    assert first.redact("a@b.org") == "<EMAIL_1>"
    second = Redactor(["c@d.org, a@b.org, <EMAIL_2>"], after=first)
    assert second.redact("c@d.org, a@b.org") == "<EMAIL_3>, <EMAIL_1>"
    assert first.redact("x@y.org") == "<EMAIL_2>"


def test_names_of_the_authors_are_known_and_lines_of_a_key_hidden_in_every_part():
    issue = Issue(
        id="i", title="t", body=f"mallory says\n{BLOCK}", author="mallory",
        comments=(Comment(author="bot-x", body="hello", bot=True), Comment(author="al", body="x")),
    )  # fmt: skip
    known = authors(issue)
    assert known == {"mallory": "USER"}
    masked = Redactor([issue.text]).mask(issue.text, known)
    assert isinstance(masked, Masked)
    at = 0
    for line in issue.text.split("\n"):
        shown = masked.part(at, at + len(line))
        assert not {"MIIE", "c2Vj", "mallory"} & {shown[i : i + 4] for i in range(len(shown))}
        assert "mallory" not in shown
        at += len(line) + 1


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
    assert "the texts of 1 issue would go to http://models.example.com/v1" in str(result.exception)
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
    assert "would go to http://models.example.invalid/v1" in str(whole.exception)
