"""Texts and keys go where the user of this machine has agreed; a study folder agrees to nothing.

A server that is not one's own is reached here through a proxy on the loopback interface, which
answers for it.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.fault_server import FaultServer, completion

from coder.__main__ import run
from coder.records import Consent
from coder.storage.journal import Journal

KEY = "sk-users-own-0123456789"
AWAY = "http://models.example.com/v1"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of one issue, and a user who has agreed to nothing yet."""
    monkeypatch.setenv("CODER_CONFIG_DIR", str(tmp_path / "config"))
    for name in list(os.environ):
        if "proxy" in name.lower() or name.endswith(("_API_KEY", "_BASE_URL")):
            monkeypatch.delenv(name)
    return make_study(tmp_path / "study", monkeypatch)


def make_study(root: Path, monkeypatch) -> Path:
    root.mkdir()
    (root / "study.toml").write_text('codebook = "ptm-screening"\nretrieval.embedder = "none"\n')
    (root / "issues.jsonl").write_text('{"id": "i1", "title": "It leaks", "body": "A lot."}\n')
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def proxy(study, monkeypatch):
    """What HTTP_PROXY names: it sees the whole address that is asked for."""
    said = {"codes": [{"code": "ptm-related", "confidence": 1}], "rationale": "r", "sentences": [1]}
    server = FaultServer(lambda *_: completion(said))
    monkeypatch.setenv("HTTP_PROXY", server.base_url.removesuffix("/v1"))
    with server.running():
        yield server


def propose(*more: str, model: str = "openai:m") -> int:
    return run(["propose", "issues.jsonl", "--run", "r", "--model", model, *more])


AGREED = ("--send-to", "models.example.com", "--send-to", "127.0.0.1")


def test_a_study_folder_brings_no_consent_along(study, proxy, monkeypatch, capsys):
    """A stranger's zip: it names a server, and says that somebody has agreed."""
    (study / "study.toml").write_text(f'codebook = "ptm-screening"\nmodel.base_url = "{AWAY}"\n')
    monkeypatch.setenv("CODER_API_KEY", KEY)
    consents = Journal(study / "runs" / "consent.jsonl", Consent)
    consents.append([Consent(host="models.example.com", provider="openai")])
    assert propose() == 2
    said = capsys.readouterr().err
    assert "CODER_API_KEY would go to http://models.example.com/v1" in said
    assert "nobody has agreed to that in this study on this machine" in said
    assert proxy.requests == []


def test_what_was_agreed_to_holds_for_this_study_here_and_not_for_a_copy(
    study, proxy, monkeypatch, capsys, tmp_path
):
    assert propose("--base-url", AWAY, *AGREED) == 0
    assert proxy.paths == [f"{AWAY}/chat/completions"]
    again = ["propose", "issues.jsonl", "--model", "openai:m", "--base-url", AWAY, "--no-cache"]
    assert run([*again, "--run", "r2"]) == 0
    assert len(list(Journal(study / "runs" / "consent.jsonl", Consent))) == 1
    shutil.copytree(study, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    assert run([*again, "--run", "r3"]) == 2
    assert "nobody has agreed" in capsys.readouterr().err
    assert len(proxy.requests) == 2


@pytest.mark.parametrize(
    "other",
    ["http://models.example.com:8080/v1", "http://models.example.com/v2", "http://example.com/v1"],
)
def test_another_address_is_asked_about_again(study, proxy, capsys, other):
    assert propose("--base-url", AWAY, *AGREED) == 0
    assert propose("--base-url", other) == 2
    assert f"would go to {other}" in capsys.readouterr().err
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    "host",
    ["127.evil.example.com", "127。evil。example。com", "127.0.0.1.nip.io", "llm.lan", "llm",
     "llm.local", "192.168.77.5", "2130706433", "0x7f.1", "134744072"],
)  # fmt: skip
def test_a_server_that_only_looks_near_is_not_sent_anything(study, proxy, host):
    assert propose("--base-url", f"http://{host}/v1") != 0
    assert proxy.requests == []
    assert not (study / "runs" / "r").exists()


def test_a_private_address_is_ones_own_by_the_users_word_not_the_studys(
    study, proxy, monkeypatch, capsys
):
    address = ["--base-url", "http://192.168.77.5:9/v1"]
    (study / ".env").write_text("CODER_PRIVATE_IS_OWN=1\n")
    assert propose(*address) == 2
    assert "would go to http://192.168.77.5:9/v1" in capsys.readouterr().err
    monkeypatch.setenv("CODER_PRIVATE_IS_OWN", "1")
    monkeypatch.setenv("CODER_MODEL__TIMEOUT", "0.2")
    monkeypatch.setenv("CODER_MODEL__RETRIES", "0")
    propose(*address)
    said = capsys.readouterr()
    assert "would go to" not in said.err
    assert f"your own server, and not through the proxy {proxy.base_url[:-3]}" in said.out
    assert proxy.requests == []


def test_a_proxy_that_can_read_the_texts_is_part_of_what_is_agreed_to(study, proxy, capsys):
    only_the_server = ["--base-url", AWAY, "--send-to", "models.example.com"]
    assert propose(*only_the_server) == 2
    said = capsys.readouterr().err
    assert f"through the proxy {proxy.base_url[:-3]}" in said
    assert "--send-to 127.0.0.1 --send-to models.example.com" in said
    assert proxy.requests == []
    assert propose("--base-url", AWAY, *AGREED) == 0
    assert len(proxy.requests) == 1


def test_who_agreed_without_a_proxy_is_asked_when_there_is_one(study, proxy, monkeypatch, capsys):
    monkeypatch.setenv("NO_PROXY", "models.example.com")
    monkeypatch.setenv("CODER_MODEL__RETRIES", "0")
    propose("--base-url", AWAY, "--send-to", "models.example.com")
    assert proxy.requests == []
    monkeypatch.delenv("NO_PROXY")
    capsys.readouterr()
    assert propose("--base-url", AWAY) == 2
    assert "through the proxy" in capsys.readouterr().err


def test_a_proxy_that_can_not_read_them_is_named_and_needs_no_consent_of_its_own(
    study, proxy, monkeypatch, capsys
):
    monkeypatch.setenv("HTTPS_PROXY", os.environ["HTTP_PROXY"].replace("://", "://ann:s3cret@"))
    monkeypatch.setenv("CODER_MODEL__RETRIES", "0")
    address = ["--base-url", "https://models.example.com/v1"]
    assert propose(*address) == 2
    said = capsys.readouterr().err
    assert f"through the proxy {proxy.base_url[:-3]}" in said and "s3cret" not in said
    propose(*address, "--send-to", "models.example.com")
    said = capsys.readouterr()
    assert "nobody has agreed" not in said.err and "s3cret" not in said.out + said.err


@pytest.mark.parametrize(
    ("variable", "model", "key"),
    [
        ("OPENAI_BASE_URL", "openai:m", "OPENAI_API_KEY"),
        ("OPENAI_API_BASE", "openai:m", "OPENAI_API_KEY"),
        ("AZURE_OPENAI_ENDPOINT", "azure:m", "AZURE_OPENAI_API_KEY"),
        ("ANTHROPIC_BASE_URL", "anthropic:m", "ANTHROPIC_API_KEY"),
        ("ANTHROPIC_API_URL", "anthropic:m", "ANTHROPIC_API_KEY"),
        ("GOOGLE_GEMINI_BASE_URL", "google:m", "GOOGLE_API_KEY"),
        ("MISTRAL_BASE_URL", "mistral:m", "MISTRAL_API_KEY"),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_variable_that_moves_a_provider_is_named_and_asked_about(
    study, monkeypatch, capsys, variable, model, key, place
):
    monkeypatch.setenv(key, KEY)
    if place == ".env":
        (study / ".env").write_text(f"{variable}=https://elsewhere.example.net/v1\n")
    else:
        monkeypatch.setenv(variable, "https://elsewhere.example.net/v1")
    assert propose(model=model) == 2
    said = capsys.readouterr().err
    assert f"{key} would go to https://elsewhere.example.net/v1 (from {variable})" in said
    # Who agrees to the provider itself has not agreed to that.
    for host in ("api.openai.com", "api.anthropic.com", "api.mistral.ai"):
        assert propose("--send-to", host, model=model) == 2


@pytest.mark.parametrize(
    ("model", "key", "address"),
    [
        ("openai:m", "OPENAI_API_KEY", "https://api.openai.com/v1"),
        ("anthropic:m", "ANTHROPIC_API_KEY", "https://api.anthropic.com"),
    ],
)
def test_a_providers_own_address_is_shown_whole(study, monkeypatch, capsys, model, key, address):
    monkeypatch.setenv(key, KEY)
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    assert propose(model=model) == 2
    assert f"the key in {key} would go to {address}," in capsys.readouterr().err


def test_what_may_move_a_package_that_chooses_the_address_itself_is_shown(
    study, monkeypatch, capsys
):
    monkeypatch.setattr("coder.proposers.chat.providers._require_package", lambda *_: None)
    monkeypatch.setenv("TOGETHER_API_KEY", KEY)
    assert propose(model="together:m") == 2
    assert "would go to the together service, and nobody" in capsys.readouterr().err
    monkeypatch.setenv("TOGETHER_API_BASE", "https://ann:s3cret@elsewhere.example.net/v1?k=s3cret")
    assert propose(model="together:m") == 2
    said = capsys.readouterr().err
    assert "the together service at TOGETHER_API_BASE=https://elsewhere.example.net/v1," in said
    assert "s3cret" not in said


def test_the_run_names_the_server_that_a_variable_moved_it_to(study, proxy, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", AWAY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-user")
    assert propose(*AGREED) == 0
    assert proxy.keys == [f"Bearer {KEY}"]
    made = json.loads((study / "runs/r/manifest.json").read_text())
    assert made["model"]["base_url"] == AWAY
    (noted,) = Journal(study / "runs" / "consent.jsonl", Consent)
    assert (noted.host, noted.redacted) == ("models.example.com", False)
    assert noted.endpoint == f"{AWAY} in clear through {proxy.base_url[:-3]}"


@pytest.fixture
def named_here(study):
    """A server on this machine that the study folder names; anybody here may be listening."""
    server = FaultServer(lambda *_: completion("{}"))
    settings = (study / "study.toml").read_text()
    (study / "study.toml").write_text(f'{settings}model.base_url = "{server.base_url}"\n')
    with server.running():
        yield server


def test_the_users_key_goes_to_no_server_of_the_studys_choice_unasked(
    named_here, monkeypatch, capsys
):
    monkeypatch.setenv("CODER_API_KEY", KEY)
    assert propose() == 2
    assert f"CODER_API_KEY would go to {named_here.base_url}" in capsys.readouterr().err
    assert named_here.requests == []
    assert propose("--send-to", "127.0.0.1") != 2
    assert set(named_here.keys) == {f"Bearer {KEY}"}


@pytest.mark.parametrize("case", ["no key", "the folder's own key", "the address by the user"])
def test_for_ones_own_server_nobody_is_asked_otherwise(study, named_here, monkeypatch, case):
    more = []
    if case == "the folder's own key":
        (study / ".env").write_text("CODER_API_KEY=of-the-folder\n")
    elif case == "the address by the user":
        monkeypatch.setenv("CODER_API_KEY", KEY)
        more = ["--base-url", named_here.base_url]
    assert propose(*more) != 2
    assert named_here.requests


@pytest.mark.parametrize("model", ["openai:m", "anthropic:m"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "ANTHROPIC_PROXY"])
def test_no_proxy_stands_before_ones_own_server(study, proxy, monkeypatch, model, variable):
    monkeypatch.setenv(variable, os.environ["HTTP_PROXY"])
    if variable != "HTTP_PROXY":
        monkeypatch.delenv("HTTP_PROXY")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-a")
    monkeypatch.setenv("CODER_MODEL__RETRIES", "0")
    server = FaultServer(lambda *_: completion("{}"))
    with server.running():
        propose(
            "--base-url", server.base_url.removesuffix("/v1" * (model != "openai:m")), model=model
        )
    assert server.requests and proxy.requests == []


def test_an_audit_asks_before_it_sends_texts_again(study, proxy, monkeypatch, capsys, tmp_path):
    assert propose("--base-url", AWAY, *AGREED) == 0
    monkeypatch.setenv("CODER_CONFIG_DIR", str(tmp_path / "another-machine"))
    monkeypatch.setenv("CODER_MODEL__BASE_URL", AWAY)
    assert run(["audit", "order", "r"]) == 2
    assert "the texts of 1 issue would go to" in capsys.readouterr().err
    assert len(proxy.requests) == 1
    assert run(["audit", "order", "r", "--permute", "1", *AGREED]) == 0
    assert len(proxy.requests) == 3


@pytest.mark.parametrize(("answer", "sent"), [("n\n", 0), ("y\n", 1)])
def test_in_a_terminal_the_user_is_told_all_and_asked(study, proxy, answer, sent):
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "coder", "propose", "issues.jsonl", "--run", "r",
         "--model", "openai:m", "--base-url", AWAY],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "CODER_API_KEY": KEY},
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, answer.encode())
    said, _ = child.communicate(timeout=60)
    os.close(ours)
    assert (
        f"The texts of 1 issue and the key in CODER_API_KEY will go to {AWAY} through the proxy "
        f"{proxy.base_url[:-3]}." in said
    )
    assert "The proxy 127.0.0.1 can read all of it." in said
    assert KEY not in said
    assert len(proxy.requests) == sent and child.returncode == (0 if sent else 130)
