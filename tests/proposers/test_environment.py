"""What the environment puts before a server is used as it says, or refused in one line unsent."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from asking import ask, book, issue, study
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.fault_server import FaultServer, completion, in_turn

from coder.errors import ModelError
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.records import Call, Status


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
        ("http://[::1", "not a proxy that can be used"),
        ("http://ann:s3cret@127.0.0.1:99999", "^http://127.0.0.1:99999 is not a proxy"),
    ],
)
def test_a_proxy_that_cannot_work_is_one_line(tmp_path, monkeypatch, name, proxy, words):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-a")
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr("coder.proposers.chat.providers._require_package", lambda *_: None)
    with pytest.raises(ModelError, match=words):
        opened(tmp_path, name=name)


@pytest.mark.parametrize("proxy", ["socks4://127.0.0.1:9", "http://[::1", "http://a:x"])
def test_a_proxy_that_cannot_work_is_nothing_to_ones_own_server(tmp_path, monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
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


@pytest.fixture
def untrusted(tmp_path):
    """A server on https whose certificate nobody here vouches for, and that certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, today, today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    (tmp_path / "ours.pem").write_bytes(certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ours.pem", tmp_path / "key.pem")
    server = FaultServer(in_turn(completion()))
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    server._server.handle_error = lambda *_: None
    server.base_url = server.base_url.replace("http://127.0.0.1", "https://localhost")
    return server, str(tmp_path / "ours.pem")


def test_a_certificate_that_nobody_vouches_for_stops_the_run_at_once(tmp_path, untrusted):
    server, _ = untrusted
    proposer = LLMProposer.open(study(tmp_path, server.base_url), book(), [])
    calls: list[Call] = []
    with server.running(), pytest.raises(ModelError, match="CERTIFICATE_VERIFY_FAILED") as stop:
        list(proposer.propose([issue(n) for n in range(5)], calls.extend))
    assert "SSL_CERT_FILE" in stop.value.hint
    assert sum(call.attempts for call in calls) <= 1 and not any(c.estimated for c in calls)


def test_certificates_of_ones_own_are_taken_from_where_the_environment_says(
    tmp_path, untrusted, monkeypatch
):
    server, file = untrusted
    monkeypatch.setenv("SSL_CERT_FILE", file)
    (proposal,), _ = ask(tmp_path, server)
    assert proposal.status is Status.OK
