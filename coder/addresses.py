"""Addresses of servers, in the one form in which they are compared, shown to people and used."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit, urlunsplit

from coder.errors import InputError

PRIVATE_IS_OWN = "CODER_PRIVATE_IS_OWN"
"""Counts servers at private addresses as one's own. Read from the environment alone: a study must
not be able to say this."""

_EXAMPLE = "write it like http://localhost:8080/v1"
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
"""A last part that resolvers may read as part of a number: no name ends like this."""
_PRIVATE = [
    ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]

LOCAL_SERVERS = {
    "ollama": "http://localhost:11434/v1",
    "vllm": "http://localhost:8000/v1",
    "llamacpp": "http://localhost:8080/v1",
}
"""Servers that speak OpenAI's protocol without a key, and where each listens by default."""


def normalised(address: str) -> str:
    """``address`` as clients are given it: its host in ASCII, a number in the one usual form.

    Raises ``InputError`` where it is no address, holds a user name, or where programs differ on
    which server it means.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_address(address) from None
    if not host or port == 0 or parts.scheme not in ("http", "https"):
        raise _no_address(address)
    if "@" in parts.netloc:
        raise InputError(
            f"the address {public(address)} comes with a user name or password",
            "leave them out; what the server wants as a key goes into CODER_API_KEY",
        )
    if not address.isprintable() or " " in address:
        raise _no_address(address)
    name = _host(host)
    shown = f"[{name}]" if ":" in name else name
    netloc = shown if port is None else f"{shown}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def host_of(address: str) -> str:
    """The name or number of the server at a normalised address."""
    return urlsplit(address).hostname or ""


def public(address: str) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def public_text(text: str) -> str:
    """The same for what may be no address: nothing is shown that an odd password could be part
    of."""
    scheme, found, rest = text.partition("://")
    shown = (rest if found else scheme).rpartition("@")[2]
    return f"{scheme}://{shown.partition('?')[0]}" if found else shown


def is_loopback(address: str) -> bool:
    """Whether the server stands on this machine: ``localhost``, or a number that says so."""
    host = host_of(address)
    number = _number(host)
    return host == "localhost" if number is None else number.is_loopback


def is_own(address: str) -> bool:
    """Whether texts may go to the server unasked: on this machine or, where the user has set
    ``CODER_PRIVATE_IS_OWN``, at a private address. No name but ``localhost`` is: what it means
    depends on who answers for it."""
    if is_loopback(address):
        return True
    number = _number(host_of(address))
    wanted = os.environ.get(PRIVATE_IS_OWN, "").casefold() in ("1", "true", "yes")
    return wanted and number is not None and any(number in block for block in _PRIVATE)


def server_identity(address: str) -> str:
    """What tells a server from others: its address. One on this machine is given another port at
    every start, perhaps, so there only the rest counts."""
    with contextlib.suppress(InputError):
        address = normalised(address)
    if not is_loopback(address):
        return address
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, "localhost", parts.path, parts.query, ""))


def _host(host: str) -> str:
    """The host of an address in ASCII and lower case."""
    name = _ascii(host).casefold().removesuffix(".")
    if number := _number(name):
        return str(number)
    if _NUMBER.fullmatch(name):
        raise InputError(f"{host!r} is not the usual form of an address", _usual_form(name))
    if not _NAME.fullmatch(name):
        raise InputError(f"{host!r} is not the name of a server", _EXAMPLE)
    return name


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError:
        raise InputError(f"{host!r} is not the name of a server", _EXAMPLE) from None


def _number(host: str) -> IPv4Address | IPv6Address | None:
    try:
        number = ip_address(host)
    except ValueError:
        return None
    mapped = number.ipv4_mapped if isinstance(number, IPv6Address) else None
    return mapped or number


def _usual_form(name: str) -> str:
    try:
        return f"write it as {socket.inet_ntoa(socket.inet_aton(name))}, if that is what it means"
    except OSError:
        return _EXAMPLE


def _no_address(address: str) -> InputError:
    return InputError(f"{public_text(address)!r} is not an address", _EXAMPLE)
