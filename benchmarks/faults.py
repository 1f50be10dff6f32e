"""How `coder propose` gets on with a server that fails in ten ways, beside one that never does.

    python benchmarks/faults.py ISSUES [--issues 500] [--latency 1] [--fault 0.03] [--seed 0]
                                [--concurrency 32] [--only 'no retrieval']

ISSUES is a file of issues that `coder import` reads; a random sample of it is coded with the
shipped codebook ptm-reuse and default settings but for the concurrency, by the command itself in a
process of its own. The server on loopback takes half to one and a half times LATENCY seconds for an
answer. Each of the ten faults below befalls that share of the requests, by the seed. Every setting
is run twice, without faults and with them, and the ratio is between the two. The last column tells
how many requests were under way at the server in each quarter of the time, on average, with those
that it never answers and slow ones that nobody waits for any more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

from coder.storage.run import Run

SETTINGS = {
    "as shipped": "",
    "no retrieval": '[retrieval]\nembedder = "none"\ndefinitions = 0\n',
}
SLOWER = 10
"""A slow answer takes so many times as long as another."""
RETRY_AFTER = 2
ANSWER = {"sentences": [1], "rationale": "It says so.", "runners_up": [],
          "codes": [{"code": "model-usage.api-calls", "confidence": 0.9}]}  # fmt: skip


def completion(text: str) -> str:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 3000, "completion_tokens": 40, "total_tokens": 3040}
    return json.dumps({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
    })  # fmt: skip


def response(status: str, body: str, header: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n"
    return f"{head}{header}\r\n{body}".encode()


REFUSED = json.dumps({"error": {"message": "not now", "type": "t", "code": None}})
GOOD = completion(json.dumps(ANSWER))
AT_ONCE = {
    "429": response("429 Too Many Requests", REFUSED),
    "429 with Retry-After": response(
        "429 Too Many Requests", REFUSED, f"retry-after: {RETRY_AFTER}\r\n"
    ),
    "500": response("500 Internal Server Error", REFUSED),
    "503": response("503 Service Unavailable", REFUSED),
    "reset": b"",
}
IN_TIME = {
    "truncated body": response("200 OK", GOOD[: len(GOOD) // 2], length=len(GOOD)),
    "broken JSON": response("200 OK", completion(json.dumps(ANSWER)[:-20])),
    "empty answer": response("200 OK", completion("")),
    "slow": response("200 OK", GOOD),
}
FAULTS = (*AT_ONCE, *IN_TIME, "hung")
CLOSING = {"reset", "truncated body"}


class Server:
    """Answers on loopback, in a thread of its own; ``under_way`` is sampled ten times a second."""

    def __init__(self, latency: float, fault: float, seed: int) -> None:
        self._latency, self._fault = latency, fault
        self._random = random.Random(seed)
        self._under_way = 0
        self.met: Counter[str] = Counter()
        self.samples: list[int] = []
        self.times: list[float] = []
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        begin = asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=512)
        server = self._loop.run_until_complete(begin)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._sampling = self._loop.create_task(self._sample())
        ready.set()
        self._loop.run_forever()

    async def _sample(self) -> None:
        while True:
            if self.times:
                self.samples.append(self._under_way)
            await asyncio.sleep(0.1)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length:")[1].split()[0]))
                self._under_way += 1
                try:
                    fault = await self._answer(reader, writer)
                finally:
                    self._under_way -= 1
                    self.times.append(time.monotonic())
                if fault in CLOSING:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        self.times.append(time.monotonic())
        drawn = int(self._random.random() / self._fault) if self._fault else len(FAULTS)
        fault = FAULTS[drawn] if drawn < len(FAULTS) else ""
        self.met[fault or "answered"] += 1
        if fault == "hung":
            # Until the client goes away.
            await reader.read(1)
            raise ConnectionError
        if fault not in AT_ONCE:
            slower = SLOWER if fault == "slow" else 1
            await asyncio.sleep(slower * self._latency * self._random.uniform(0.5, 1.5))
        writer.write(AT_ONCE.get(fault) or IN_TIME[fault or "slow"] if fault != "reset" else b"")
        await writer.drain()
        return fault


def propose(folder: Path, issues: Path, settings: str, concurrency: int, server: Server) -> float:
    """Runs the command in a study of its own; gives the seconds it took."""
    folder.mkdir()
    (folder / "study.toml").write_text(settings)
    command = [sys.executable, "-m", "coder", "propose", str(issues), "--run", "r", "--model",
               "openai:m", "--base-url", server.url, "--concurrency", str(concurrency)]  # fmt: skip
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if done.returncode:
        print(f"ended with {done.returncode}: {done.stderr.strip()}")
    return seconds


def row(name: str, run: Run, seconds: float, server: Server) -> str:
    ended = Counter(p.status for p in run.latest_proposals().values())
    answered = sum(n for status, n in ended.items() if status.answered) / len(run.issues)
    span = max(server.times) - min(server.times)
    edges = [round(len(server.samples) * part / 4) for part in range(5)]
    quarters = [server.samples[a:b] for a, b in pairwise(edges)]
    slots = " ".join(f"{sum(q) / max(1, len(q)):.0f}" for q in quarters)
    return (
        f"| {name} | {seconds:.1f} | {span:.1f} | {answered:.1%} "
        f"| {server.met.total():,} | {slots} |"
    )


def sample(source: Path, folder: Path, size: int, seed: int) -> Path:
    """A file of ``size`` of the issues, drawn at random."""
    every, some = folder / "all.jsonl", folder / "some.jsonl"
    command = [sys.executable, "-m", "coder", "import", str(source.resolve()), "-o", str(every)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    lines = every.read_text(encoding="utf-8").rstrip("\n").split("\n")
    chosen = random.Random(seed).sample(lines, size)
    some.write_text("\n".join(chosen) + "\n", encoding="utf-8")
    return some


def main(asked: argparse.Namespace) -> None:
    print(f"{os.cpu_count()} cores; load before: {os.getloadavg()[0]:.1f}; "
          f"{asked.issues} issues, {asked.concurrency} at a time, {asked.latency} s an answer, "
          f"each fault {asked.fault:.0%}\n")  # fmt: skip
    print("| settings | seconds of the command | of its requests | answered | requests "
          "| under way |\n|---|---|---|---|---|---|")  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        issues = sample(asked.file, folder, asked.issues, asked.seed)
        for setting in [asked.only] if asked.only else SETTINGS:
            took = []
            for share in (0.0, asked.fault):
                server = Server(asked.latency, share, asked.seed)
                study = folder / f"{setting}, {'faults' if share else 'none'}"
                seconds = propose(study, issues, SETTINGS[setting], asked.concurrency, server)
                run = Run.open(study / "runs", "r")
                print(row(study.name, run, seconds, server), flush=True)
                span = max(server.times) - min(server.times)
                took.append((seconds, span))
            (plain, plain_span), (faulty, faulty_span) = took
            print(f"{setting}: {faulty / plain:.2f} times as long, its requests "
                  f"{faulty_span / plain_span:.2f} times; met: {dict(server.met)}\n",
                  flush=True)  # fmt: skip
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--issues", type=int, default=500)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--fault", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--only", choices=SETTINGS)
    main(parser.parse_args())
