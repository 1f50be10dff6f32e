"""An OpenAI-compatible server on loopback that misbehaves as it is told to."""

from __future__ import annotations

import json
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {
    "sentences": [1],
    "rationale": "The title says so.",
    "codes": [{"code": "cat", "confidence": 0.8}],
    "runners_up": [{"code": "dog", "confidence": 0.1}],
}
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 64},
}


@dataclass(frozen=True)
class Reply:
    """One HTTP answer. ``cut`` sends half of the body; ``delay`` waits before any of it."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    drip: float = 0.0


def completion(content: Any = GOOD, finish: str = "stop", usage: Any = USAGE, **message) -> Reply:
    """A chat completion whose text is ``content``, as JSON when it is not text already."""
    text = content if isinstance(content, str | None) else json.dumps(content)
    payload = {
        "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{
            "index": 0, "finish_reason": finish,
            "message": {"role": "assistant", "content": text, **message},
        }],
    }  # fmt: skip
    if usage is not None:
        payload["usage"] = usage
    return Reply(body=json.dumps(payload))


def told(**tokens: float) -> Reply:
    """An answer that tells the probabilities of first tokens; "_" is a space before a word."""
    listed = [
        {"token": token.replace("_", " "), "logprob": math.log(p)} for token, p in tokens.items()
    ]
    payload = json.loads(completion("x", "length").body)
    payload["choices"][0]["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed}]}
    return Reply(body=json.dumps(payload))


def refusal(status: int, message: str = "no", **headers: str) -> Reply:
    """An error in OpenAI's shape."""
    body = json.dumps({"error": {"message": message, "type": "t", "code": None}})
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


Script = Callable[[dict[str, Any], int], Reply]
"""(request body, how many requests came before it) -> answer."""


class FaultServer:
    """``base_url`` to call, and ``requests``: every request as it came."""

    def __init__(self, script: Script) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.in_flight = self.most_in_flight = 0
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = json.loads(self.rfile.read(length))
                with owner._lock:
                    number = len(owner.requests)
                    owner.requests.append(body)
                    owner.keys.append(self.headers.get("authorization", ""))
                    owner.paths.append(self.path)
                    owner.headers.append({k.lower(): v for k, v in self.headers.items()})
                    owner.times.append(time.monotonic())
                    owner.in_flight += 1
                    owner.most_in_flight = max(owner.most_in_flight, owner.in_flight)
                try:
                    self._send(script(body, number))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with owner._lock:
                        owner.in_flight -= 1

            def _send(self, reply: Reply) -> None:
                time.sleep(reply.delay)
                data = reply.body.encode()
                self.send_response(reply.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if reply.cut:
                    self.wfile.write(data[: len(data) // 2])
                    self.close_connection = True
                elif reply.drip:
                    for byte in data:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(reply.drip)
                else:
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self._open = lambda: Server(("127.0.0.1", 0), Handler)

    @cached_property
    def _server(self) -> ThreadingHTTPServer:
        """Listens from the moment that its address is asked for, or it is entered."""
        server = self._open()
        # Where it is never entered, as in a test that fails before, the address is let go all the
        # same: a socket that is left open is a warning, in whatever test runs at that moment.
        weakref.finalize(self, server.socket.close)
        return server

    @cached_property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @contextmanager
    def running(self) -> Iterator[FaultServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def in_turn(*replies: Reply) -> Script:
    """These answers one after the other, the last one for ever."""
    return lambda _body, number: replies[min(number, len(replies) - 1)]


def user_text(body: dict[str, Any]) -> str:
    """What the request says about the issue."""
    messages: Sequence[dict[str, Any]] = body["messages"]
    return str(messages[1]["content"])
