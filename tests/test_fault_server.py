"""The server that tests are made against is no trouble of its own."""

from __future__ import annotations

import gc
import socket
from urllib.parse import urlsplit

import pytest
from support.fault_server import FaultServer, completion


def test_a_server_that_nobody_entered_lets_its_address_go():
    server = FaultServer(lambda *_: completion())
    port = urlsplit(server.base_url).port
    socket.create_connection(("127.0.0.1", port)).close()
    del server
    # An open socket would be a warning here, and so a failure.
    gc.collect()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_server_whose_address_nobody_asked_for_has_none(monkeypatch):
    opened = []
    monkeypatch.setattr(socket.socket, "bind", lambda *_: opened.append(1))
    FaultServer(lambda *_: completion())
    assert not opened
