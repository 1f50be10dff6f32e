"""What the environment puts before a server is used as it says, or refused in one line unsent."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager

import pytest
from asking import ask, book, issue, study
from support.fault_server import FaultServer, completion, in_turn

from coder.errors import ModelError
from coder.proposers.llm import LLMProposer


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in list(os.environ):
        if "proxy" in name.lower() or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


def opened(tmp_path, address="https://models.example.com/v1", name="openai:m"):
    proposer = LLMProposer.open(study(tmp_path, address, name=name), book(), [])
    return list(proposer.propose([], lambda _: None))


@pytest.mark.parametrize("name", ["openai:m", "anthropic:m"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_one_line(tmp_path, monkeypatch, name, variable):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-a")
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match=f"{variable} names .*nowhere, which is not there") as stop:
        opened(tmp_path, name=name)
    assert variable in stop.value.hint


def test_certificates_that_are_none_are_one_line(tmp_path, monkeypatch):
    (tmp_path / "empty.pem").write_text("nothing")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "empty.pem"))
    with pytest.raises(ModelError, match="which cannot be used"):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["openai:m", "anthropic:m"])
@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("socks5://127.0.0.1:9", "needs the package socksio"),
        ("socks4://127.0.0.1:9", "not a proxy that can be used"),
        ("socks://127.0.0.1:9", "not a proxy that can be used"),
        ("http://", "not a proxy that can be used"),
    ],
)
def test_a_proxy_that_cannot_work_is_one_line(tmp_path, monkeypatch, name, proxy, words):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-a")
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr("coder.proposers.providers._require_package", lambda *_: None)
    with pytest.raises(ModelError, match=words):
        opened(tmp_path, name=name)


def test_a_proxy_that_cannot_work_is_nothing_to_ones_own_server(tmp_path, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:9")
    _, (call,) = ask(tmp_path, FaultServer(in_turn(completion())))
    assert call.raw_response


def test_a_socks_proxy_is_used_where_its_package_is_there(tmp_path, monkeypatch):
    server = FaultServer(in_turn(completion()))
    with server.running(), socks_to(server) as (port, asked_for):
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        proposer = LLMProposer.open(study(tmp_path, "http://models.example.com/v1"), book(), [])
        list(proposer.propose([issue()], lambda _: None))
    assert asked_for == [b"models.example.com"] and len(server.requests) == 1


@contextmanager
def socks_to(server):
    """A SOCKS5 proxy that connects to ``server``, whatever it is asked for."""
    asked_for: list[bytes] = []
    host, port = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with door, door.accept()[0] as client:
            client.recv(64)
            client.sendall(b"\x05\x00")
            asked_for.append(client.recv(256)[5:-2])
            client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            with socket.create_connection((host, int(port))) as behind:
                copying = threading.Thread(target=copy, args=(behind, client))
                copying.start()
                copy(client, behind)
                copying.join()

    def copy(source: socket.socket, to: socket.socket) -> None:
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve)
    thread.start()
    yield door.getsockname()[1], asked_for
    thread.join()
