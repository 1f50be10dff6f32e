"""Time and memory that coding with a chat model costs beyond waiting, beside plain langchain.

    python benchmarks/overhead.py [ISSUES=5000]

A server on loopback, in a process of its own, answers every request after 200 ms. With 64 requests
at a time the ideal is ISSUES * 0.2 / 64 seconds; printed is how much longer it takes, for the whole
run with its files and, as the baseline, for langchain's ChatOpenAI under a semaphore with none.
Each is measured in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

LATENCY = 0.2
CONCURRENCY = 64
BOOK = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats.}
  - {id: dog, name: Dog, definition: Dogs.}
"""
ANSWER = {"sentences": [1], "rationale": "It says so.", "codes": [{"code": "cat", "confidence": 1}],
          "runners_up": []}  # fmt: skip
COMPLETION = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": json.dumps(ANSWER)}}],
    "usage": {"prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540},
}  # fmt: skip


def serve(port: Connection) -> None:
    body = json.dumps(COMPLETION).encode()
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(asked.split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                await asyncio.sleep(LATENCY)
                writer.write(head.encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def text(number: int) -> str:
    return f"Cat {number} meows all night. " + "It will not stop, whatever we do. " * 30


def through_coder(url: str, count: int) -> float:
    from coder import propose
    from coder.records import Issue
    from coder.study import Study

    issues = [Issue(id=f"i{n}", title=f"Cat {n}", body=text(n)) for n in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder) / "pets.yaml"
        book.write_text(BOOK)
        model = {"name": "openai:m", "base_url": url, "concurrency": CONCURRENCY}
        study = Study.open(Path(folder), model=model, retrieval={"embedder": "none"})
        run, proposer = propose.start(study, "r", book, issues, [])
        began = time.perf_counter()
        assert propose.propose(run, proposer, lambda _: None).total() == count
        return time.perf_counter() - began


def through_langchain(url: str, count: int) -> float:
    from langchain_openai import ChatOpenAI

    async def main() -> float:
        model = ChatOpenAI(model="m", base_url=url, api_key="none", max_retries=0)
        slots = asyncio.Semaphore(CONCURRENCY)

        async def one(number: int) -> None:
            async with slots:
                await model.ainvoke([("system", "Code the issue."), ("user", text(number))])

        began = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(count)))
        return time.perf_counter() - began

    return asyncio.run(main())


def measure(results: Connection, how: str, url: str, count: int) -> None:
    seconds = {"coder": through_coder, "langchain": through_langchain}[how](url, count)
    results.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main(count: int) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    for how, size in (("coder", count // 10), ("coder", count), ("langchain", count)):
        client = context.Process(target=measure, args=(there, how, url, size))
        client.start()
        seconds, peak = here.recv()
        client.join()
        ideal = size * LATENCY / CONCURRENCY
        print(f"{how}, {size} issues: {seconds:.1f} s, {seconds / ideal:.2f} of the ideal, "
              f"peak {peak:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
