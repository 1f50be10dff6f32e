"""What asking a chat model costs beyond waiting for it, as users ask: time, processor, memory.

    python benchmarks/overhead.py [--issues 1000] [--seconds 0.2] [--at-a-time 64]
                                  [--data FILE] [--labels 500] [ROW ...]

A server on loopback, in a process of its own, answers every request after ``--seconds``. With 64 at
a time the ideal is ISSUES * SECONDS / 64, from the first request to the last answer. ``coder
propose`` is run as a command on a study as ``coder init`` makes it: the shipped codebook, retrieval
on, files written; issues are made up with the lengths of real ones, or those of ``--data``. Beside
it, in processes of their own:

    openai            its client, sending the same messages, no files
    langchain         ChatOpenAI, sending the same messages, no files
    langchain+chroma  ChatOpenAI after a similarity search in langchain's Chroma for each issue, as
                      its documentation shows, with the encoder of this project
    encoder           what the encoder alone can do, in issues a second

Rows: ``rules`` (no labels: all rules in the prompt, nothing looked up), ``cold`` and ``kept`` (with
labels: the vectors made in the run, and kept from the run before), ``words`` (labels, no encoder).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from made_issues import made_issues

CODE = "model-usage.api-calls"
ANSWER = {"sentences": [1], "rationale": "It says so.", "runners_up": [],
          "codes": [{"code": CODE, "confidence": 0.8}]}  # fmt: skip
ROWS = ("openai", "langchain", "rules", "encoder", "cold", "kept", "words", "langchain+chroma")


# --- the server ---------------------------------------------------------------------------------


@dataclass
class Seen:
    """What a server has seen since it was last asked: times are those of its clock."""

    requests: int = 0
    now: int = 0
    peak: int = 0
    first: float = 0.0
    last: float = 0.0
    users: list[str] = field(default_factory=list)
    system: str = ""


def serve(port: Connection, seconds: float) -> None:
    seen = Seen()

    def whole(payload: object) -> bytes:
        body = json.dumps(payload).encode()
        head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    def completed(asked: bytes) -> bytes:
        # As many tokens as a prompt of such a length has: a count far below ours is a warning.
        used = {"prompt_tokens": len(asked) // 3, "completion_tokens": 40,
                "total_tokens": len(asked) // 3 + 40}  # fmt: skip
        message = {"role": "assistant", "content": json.dumps(ANSWER)}
        return whole({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": used,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        })  # fmt: skip

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = head.partition(b"content-length:")[2].split(b"\r\n")[0]
                asked = await reader.readexactly(int(size or 0))
                if head.startswith(b"get"):
                    writer.write(whole(vars(seen)))
                    seen = Seen()
                    continue
                seen.first = seen.first or time.monotonic()
                seen.requests += 1
                seen.now += 1
                seen.peak = max(seen.peak, seen.now)
                await asyncio.sleep(seconds)
                seen.now -= 1
                seen.last = time.monotonic()
                writer.write(completed(asked))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def told(url: str) -> Seen:
    with urllib.request.urlopen(url + "/seen") as answer:
        return Seen(**json.load(answer))


# --- other clients, each in a process of its own -----------------------------------------------


async def all_of(count: int, slots: int, one: Callable[[int], Awaitable[object]]) -> None:
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(worker() for _ in range(slots)))


def openai(url: str, messages: list[list[dict[str, str]]], slots: int, study: Path) -> None:
    import openai as package

    async def main() -> None:
        async with package.AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:

            async def one(number: int) -> object:
                return await client.chat.completions.create(model="m", messages=messages[number])

            await all_of(len(messages), slots, one)

    asyncio.run(main())


def langchain(url: str, messages: list[list[dict[str, str]]], slots: int, study: Path) -> None:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="m", base_url=url, api_key="none", max_retries=0)
    asyncio.run(all_of(len(messages), slots, lambda number: model.ainvoke(messages[number])))


def langchain_chroma(
    url: str, messages: list[list[dict[str, str]]], slots: int, study: Path
) -> None:
    """Retrieval for each issue, then the question, as langchain's tutorial on retrieval does it."""
    import chromadb
    from langchain_openai import ChatOpenAI

    from coder.retrieval.embedders import MiniLM
    from coder.sources.issues import load_issues

    encoder, issues = MiniLM(), load_issues(study / "issues.jsonl")
    labelled = load_issues(study / "labelled.jsonl")
    client = chromadb.EphemeralClient(chromadb.config.Settings(anonymized_telemetry=False))
    kept = client.create_collection("labelled", embedding_function=None)
    for start in range(0, len(labelled), 256):
        some = labelled[start : start + 256]
        vectors = encoder.encode([issue.text for issue in some])
        kept.add(
            ids=[issue.id for issue in some], embeddings=vectors,
            documents=[issue.text[:600] for issue in some],
        )  # fmt: skip
    model = ChatOpenAI(model="m", base_url=url, api_key="none", max_retries=0)

    async def one(number: int) -> object:
        vector = await asyncio.to_thread(encoder.encode, [issues[number].text])
        found = await asyncio.to_thread(kept.query, query_embeddings=vector, n_results=4)
        system, user = messages[number]
        like = "\n".join((found["documents"] or [[]])[0])
        return await model.ainvoke([system, {**user, "content": like + user["content"]}])

    asyncio.run(all_of(len(messages), slots, one))


CLIENTS = {"openai": openai, "langchain": langchain, "langchain+chroma": langchain_chroma}


def asked(study: Path, run: str) -> list[list[dict[str, str]]]:
    """The messages that a run sent."""
    found = []
    system = (study / "runs" / run / "system.txt").read_text(encoding="utf-8")
    with (study / "runs" / run / "calls.jsonl").open(encoding="utf-8", newline="\n") as file:
        for line in file:
            user = json.loads(line)["request"]["messages"][1]["content"]
            found.append([{"role": "system", "content": system}, {"role": "user", "content": user}])
    return found


def encoder_alone(study: Path) -> str:
    """Issues a second: title and text of each, as retrieval reads them."""
    from coder.retrieval.embedders import MiniLM, encode_texts
    from coder.retrieval.search import searched_text
    from coder.sources.issues import load_issues

    texts = [searched_text(issue) for issue in load_issues(study / "issues.jsonl")[:300]]
    encoder = MiniLM()
    encode_texts(encoder, texts[:16])
    began = time.perf_counter()
    for start in range(0, len(texts), 16):
        encode_texts(encoder, texts[start : start + 16])
    return f"{len(texts) / (time.perf_counter() - began):.0f}"


# --- the table ----------------------------------------------------------------------------------


def propose(row: str, study: Path, url: str, slots: int) -> list[str]:
    settings = {
        "CODER_MODEL__NAME": "openai:m", "CODER_MODEL__BASE_URL": url, "OPENAI_API_KEY": "none",
        "CODER_MODEL__CONCURRENCY": str(slots), "CODER_MODEL__CACHE": "false",
        # All rules are sent, as by propose.v2: nothing is looked up for them.
        "CODER_RETRIEVAL__DEFINITIONS": "0",
    }  # fmt: skip
    if row == "words":
        settings["CODER_RETRIEVAL__EMBEDDER"] = "none"
    os.environ.pop("CODER_RETRIEVAL__EMBEDDER", None)
    os.environ.update(settings)
    if row in ("rules", "cold"):
        shutil.rmtree(study / "runs" / ".cache", ignore_errors=True)
    command = [sys.executable, "-m", "coder", "propose", "issues.jsonl", "--run", row]
    if row != "rules":
        command += ["--labels", "labels.csv", "--labelled-issues", "labelled.jsonl"]
    return command


def measure(row: str, study: Path, url: str, given: argparse.Namespace, size: int) -> str:
    if row == "encoder":
        return f"| encoder alone | | {encoder_alone(study)} | | | |"
    command = propose(row, study, url, given.at_a_time)
    if row in CLIENTS:
        command = [sys.executable, __file__, "--client", row, "--url", url, "--study", str(study),
                   "--at-a-time", str(given.at_a_time)]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=study, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return f"| {row} | not measured: {(done.stderr.strip() or '?').splitlines()[-1]} |"
    seen = told(url)
    span, ideal = seen.last - seen.first, size * given.seconds / given.at_a_time
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (
        f"| {row} | {span / ideal:.2f} | {seen.requests / span:.0f} | {seen.peak} "
        f"| {used / size * 1000:.1f} | {after.ru_maxrss / 1024:.0f} |"
    )


def prepare(study: Path, given: argparse.Namespace) -> int:
    """A study with its issues and labels; returns the number of issues."""
    from coder.sources.issues import load_issues

    subprocess.run(
        [sys.executable, "-m", "coder", "init", str(study)], check=True, capture_output=True
    )
    if given.data:
        whole = study / "whole.jsonl"
        command = [sys.executable, "-m", "coder", "import", str(given.data), "-o", str(whole)]
        subprocess.run(command, check=True, capture_output=True)
        issues = load_issues(whole)
        random.Random(0).shuffle(issues)
    else:
        issues = made_issues(given.issues + given.labels)
    some, others = issues[: given.issues], issues[given.issues :][: given.labels]
    for name, part in (("issues", some), ("labelled", others)):
        lines = "".join(issue.to_json() + "\n" for issue in part)
        (study / f"{name}.jsonl").write_text(lines, encoding="utf-8", newline="\n")
    rows = [f'"{issue.id}",{CODE}' for issue in others]
    (study / "labels.csv").write_text("\n".join(["id,code", *rows]) + "\n", encoding="utf-8")
    return len(some)


def main(given: argparse.Namespace) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there, given.seconds), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    rows: Sequence[str] = [row for row in ROWS if not given.rows or row in given.rows]
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder)
        size = prepare(study, given)
        print(f"{size:,} issues{f' of {given.data.name}' if given.data else ''}, {given.labels:,} "
              f"labels, {given.at_a_time} at a time, {given.seconds} s; {os.cpu_count()} cores, "
              f"load before {os.getloadavg()[0]:.1f}\n")  # fmt: skip
        print("| row | of the ideal | issues a second | most in flight "
              "| ms of processor an issue | peak MB |\n|---|---|---|---|---|---|")  # fmt: skip
        if CLIENTS.keys() & set(rows):
            # What they send is what this project sends.
            command = propose("rules", study, url, given.at_a_time)
            command[command.index("rules")] = "asked"
            subprocess.run(command, cwd=study, check=True, capture_output=True)
            told(url)
        for row in rows:
            print(measure(row, study, url, given, size), flush=True)
        print(f"\nload after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--issues", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--at-a-time", type=int, default=64)
    parser.add_argument("--labels", type=int, default=500)
    parser.add_argument("--data", type=lambda name: Path(name).resolve())
    for hidden in ("--client", "--url", "--study"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS])
    given = parser.parse_args()
    if given.client:
        messages = asked(Path(given.study), "asked")
        CLIENTS[given.client](given.url, messages, given.at_a_time, Path(given.study))
    else:
        main(given)
