"""Time, processor and memory that a client costs beyond waiting for a chat model.

    python benchmarks/overhead.py [--issues 5000] [--peers DIR] [ONLY ...]

A server on loopback, in a process of its own, answers every request after 200 ms. With 64 requests
at a time the ideal is ISSUES * 0.2 / 64 seconds. Each client in ``overhead_clients.py`` is run
against it in a process of its own; the floor, a bare loop over aiohttp, tells what the machine
itself adds at that moment. With ``--peers`` other tools are measured too, each in a virtual
environment under DIR that is made when it is not there; what cannot be installed or run is in the
table with the reason.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import venv
from multiprocessing.connection import Connection
from pathlib import Path

LATENCY = 0.2
CONCURRENCY = 64
CLIENTS = Path(__file__).with_name("overhead_clients.py")
PEERS = {"jev-col": "jev-col", "gabriel": "openai-gabriel", "codebook-lab": "codebook-lab"}
"""What each is installed as."""
PEER_ISSUES = 500
"""Fewer, as some ask for few answers at a time, whatever they are told."""
PEER_SECONDS = 300

ANSWER = {"sentences": [1], "rationale": "It says so.", "codes": [{"code": "cat", "confidence": 1}],
          "runners_up": [], "cat": True, "dog": False}  # fmt: skip
COMPLETION = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": json.dumps(ANSWER)}}],
    "usage": {"prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540},
}  # fmt: skip


RESPONSE = {
    "id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed",
    "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
    "output": [{"id": "m", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": json.dumps(ANSWER),
                             "annotations": []}]}],
    "usage": {"input_tokens": 500, "output_tokens": 40, "total_tokens": 540,
              "input_tokens_details": {"cached_tokens": 0},
              "output_tokens_details": {"reasoning_tokens": 0}},
}  # fmt: skip

OLLAMA = {
    "model": "m", "created_at": "2026-01-01T00:00:00Z", "done": True, "done_reason": "stop",
    "message": {"role": "assistant", "content": json.dumps({"response": True})},
    "prompt_eval_count": 500, "eval_count": 40,
}  # fmt: skip


def response(path: bytes, asked: bytes) -> bytes:
    """What each protocol calls an answer: chat completions, OpenAI's responses (gabriel), Ollama's
    (codebook-lab), or the one that jev-col speaks."""
    if b"/api/" in path:
        return whole(OLLAMA)
    if b"/responses" in path:
        return whole(RESPONSE)
    if b"systemone" not in path:
        return COMPLETED
    answers = {question: {"noul": 0.9} for question in json.loads(asked)["questions"]}
    return whole({"model": "m", "answers": answers, "usage": {"input_tokens": 500}})


def whole(payload: object) -> bytes:
    body = json.dumps(payload).encode()
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


COMPLETED = whole(COMPLETION)


def serve(port: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                _, _, size = head.partition(b"content-length:")
                length = int(size.split(b"\r\n")[0] or 0)
                asked = await reader.readexactly(length)
                await asyncio.sleep(LATENCY)
                writer.write(response(head.split(b" ", 2)[1], asked))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def environment(folder: Path, package: str) -> str:
    """The Python of a virtual environment that holds ``package``; made now if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    install = [str(python), "-m", "pip", "install", "--quiet", package]
    subprocess.run(install, check=True, capture_output=True, text=True)
    return str(python)


def measure(python: str, client: str, url: str, count: int, seconds: float | None) -> str:
    """The row of the table for one client."""
    command = [python, str(CLIENTS), client, url, str(count), str(CONCURRENCY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or "no reason given").splitlines()[-1])
    found = json.loads(done.stdout.splitlines()[-1])
    if found["answered"] != count:
        raise RuntimeError(f"{found['answered']} of {count} issues came back with an answer")
    ideal = count * LATENCY / CONCURRENCY
    return (
        f"| {client} | {count:,} | {found['seconds']:.1f} | {found['seconds'] / ideal:.2f} "
        f"| {found['processor'] / count * 1000:.1f} | {found['start']:.1f} "
        f"| {found['peak']:.0f} |"
    )


def main(arguments: argparse.Namespace) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    count = arguments.issues
    print(f"{os.cpu_count()} cores; load before: {os.getloadavg()[0]:.1f}\n")
    print("| client | issues | seconds | of the ideal | ms of processor an issue | start-up, s "
          "| peak MB |\n|---|---|---|---|---|---|---|")  # fmt: skip
    rows = [("floor", count), ("openai", count), ("langchain", count),
            ("coder", count // 10), ("coder", count)]  # fmt: skip
    peers = PEERS if arguments.peers else {}
    for client, size in [*rows, *((peer, PEER_ISSUES) for peer in peers)]:
        if arguments.only and client not in arguments.only:
            continue
        try:
            python, limit = sys.executable, None
            if client in peers:
                python = environment(arguments.peers.resolve() / client, peers[client])
                limit = PEER_SECONDS
            row = measure(python, client, url, size, limit)
        except (RuntimeError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            row = f"| {client} | {size:,} | not measured: {said.strip().splitlines()[-1]} | | | | |"
        print(row, flush=True)
    print(f"\nload after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--issues", type=int, default=5000)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("only", nargs="*")
    main(parser.parse_args())
