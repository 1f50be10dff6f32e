"""Which server an address means, and whether it is one's own, by its parsed host alone."""

from __future__ import annotations

import pytest

from coder.addresses import host_of, is_loopback, is_own, normalised, server_identity
from coder.errors import InputError


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8080/v1",
        "http://LOCALHOST./v1",
        "http://127.0.0.1:8080/v1",
        "http://127.8.9.1",
        "https://[::1]:8443/v1",
        "http://[0:0:0:0:0:0:0:1]/v1",
        "http://[::ffff:127.0.0.1]/v1",
        "http://１２７.0.0.1/v1",
    ],
)
def test_this_machine(address):
    assert is_loopback(normalised(address)) and is_own(normalised(address))


@pytest.mark.parametrize(
    "address",
    [
        "http://127.evil.example.com/v1",
        "http://127.0.0.1.nip.io/v1",
        "http://127.0.0.1.evil.example.com",
        "http://127。evil。example。com/v1",
        "http://127．0．0．1．nip．io/v1",
        "http://localhost.evil.example.com",
        "http://evil.localhost/v1",
        "http://localhost.localdomain/v1",
        "http://llm.lan/v1",
        "http://llm.local/v1",
        "http://llm.internal/v1",
        "http://llm/v1",
        "http://192.168.77.5/v1",
        "http://10.0.0.8",
        "http://[fd00::5]/v1",
        "http://169.254.169.254/v1",
        "http://0.0.0.0:8000/v1",
        "http://8.8.8.8/v1",
        "https://api.openai.com/v1",
    ],
)
def test_others_are_not_ones_own_whatever_they_look_like(address):
    assert not is_loopback(normalised(address)) and not is_own(normalised(address))


@pytest.mark.parametrize(
    ("host", "form"),
    [
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("134744072", "8.8.8.8"),
        ("10.0.0.010", "10.0.0.8"),
    ],
)
def test_an_address_that_programs_read_differently_is_refused_with_its_usual_form(host, form):
    with pytest.raises(InputError, match="not the usual form") as caught:
        normalised(f"http://{host}/v1")
    assert form in caught.value.hint


@pytest.mark.parametrize(
    "address",
    [
        "", "localhost:8080", "ftp://example.com", "http://", "http://a b.example", "http://[::1",
        "http://a..b/v1", "http://-a.example", "http://exa%6dple.com", "http://example.com:99999",
        "http://example.com:0", "http://1.2.3.4.5", "http://a\\@b.example", "http://ex\nample.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError):
        normalised(address)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(InputError, match="user name or password") as caught:
        normalised("https://ann:s3cret@models.example.com/v1")
    assert "s3cret" not in caught.value.message + caught.value.hint
    with pytest.raises(InputError) as caught:
        normalised("https//ann:s3cret@models.example.com/v1")
    assert "s3cret" not in caught.value.message + caught.value.hint


def test_an_address_has_one_form():
    assert normalised("HTTPS://API.Example.COM.:8443/V1?a=1#b") == (
        "https://api.example.com:8443/V1?a=1"
    )
    assert normalised("http://bücher.example/v1") == "http://xn--bcher-kva.example/v1"
    assert host_of(normalised("http://127。evil。example。com")) == "127.evil.example.com"


@pytest.mark.parametrize(
    "address", ["http://192.168.77.5/v1", "http://[fd00::5]", "http://10.1.1.1"]
)
def test_private_addresses_are_ones_own_where_the_user_says_so(address, monkeypatch):
    monkeypatch.setenv("CODER_PRIVATE_IS_OWN", "1")
    assert is_own(address)
    for other in (
        "http://llm.lan",
        "http://169.254.169.254",
        "http://172.32.0.1",
        "http://8.8.8.8",
    ):
        assert not is_own(other)
    monkeypatch.setenv("CODER_PRIVATE_IS_OWN", "0")
    assert not is_own(address)


def test_only_a_server_on_this_machine_is_the_same_at_another_port():
    here = server_identity("http://localhost/v1")
    assert here == server_identity("http://127.0.0.1:8081/v1")
    assert here == server_identity("http://127.0.0.1:8082/v1")
    assert server_identity("http://127.evil.example.com:1/v1") != here
    assert server_identity("") == ""
