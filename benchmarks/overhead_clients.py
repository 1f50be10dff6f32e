"""The clients that ``overhead.py`` measures, each in a process of its own: NAME URL ISSUES SLOTS.

Every one is given the same issues and the same two codes. It gets ready (imports, settings, data)
and returns a function that asks; the time of that function is what counts, getting ready is told
apart. Prints one line of JSON. Runs in the environments of other tools, so nothing but the standard
library is imported outside the functions.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from csv import DictReader
from csv import writer as csv_writer
from pathlib import Path

Ask = Callable[[], int]
"""Asks about every issue, and returns how many were answered."""

BOOK = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats.}
  - {id: dog, name: Dog, definition: Dogs.}
"""
SYSTEM = "Code the issue as cat or dog. Answer with JSON."


def text(number: int) -> str:
    return f"Cat {number} meows all night. " + "It will not stop, whatever we do. " * 30


def messages(number: int) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text(number)}]


async def all_of(count: int, slots: int, one: Callable[[int], Awaitable[object]]) -> int:
    """Asks about each issue, ``slots`` at a time."""
    numbers = iter(range(count))

    async def worker() -> int:
        return sum([bool(await one(number)) for number in numbers])

    return sum(await asyncio.gather(*(worker() for _ in range(slots))))


def floor(url: str, count: int, slots: int, folder: Path) -> Ask:
    import aiohttp

    async def main() -> int:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=slots)) as session:

            async def one(number: int) -> bytes:
                body = {"model": "m", "messages": messages(number)}
                async with session.post(url + "/chat/completions", json=body) as answer:
                    return await answer.read()

            return await all_of(count, slots, one)

    return lambda: asyncio.run(main())


def openai(url: str, count: int, slots: int, folder: Path) -> Ask:
    import openai as package

    async def main() -> int:
        async with package.AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:

            async def one(number: int) -> object:
                return await client.chat.completions.create(model="m", messages=messages(number))

            return await all_of(count, slots, one)

    return lambda: asyncio.run(main())


def langchain(url: str, count: int, slots: int, folder: Path) -> Ask:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="m", base_url=url, api_key="none", max_retries=0)
    return lambda: asyncio.run(all_of(count, slots, lambda number: model.ainvoke(messages(number))))


def coder(url: str, count: int, slots: int, folder: Path) -> Ask:
    """The whole run, with its files."""
    import openai  # noqa: F401  (as the others: what is imported is no part of the asking)

    from coder.proposers import run_loop
    from coder.records import Issue
    from coder.study import Study

    issues = [Issue(id=f"i{n}", title=f"Cat {n}", body=text(n)) for n in range(count)]
    book = folder / "pets.yaml"
    book.write_text(BOOK)
    model = {"name": "openai:m", "base_url": url, "concurrency": slots}
    study = Study.open(folder, model=model, retrieval={"embedder": "none"})
    run, proposer = run_loop.start(study, "r", book, issues, [])
    return lambda: sum(
        found for status, found in run_loop.propose(run, proposer, lambda _: None).items()
        if status.answered
    )  # fmt: skip


def jev_col(url: str, count: int, slots: int, folder: Path) -> Ask:
    """Its command, in a process of its own: start-up is part of the asking. It speaks a protocol of
    its own, which the server knows too."""
    with (folder / "issues.csv").open("w", newline="") as file:
        csv_writer(file).writerows([["text"], *([text(number)] for number in range(count))])
    column = {"name": "cat", "kind": "binary", "definition": "It is about a cat."}
    book = {"version": 1, "inputs": ["text"], "columns": [column]}
    (folder / "book.json").write_text(json.dumps(book))
    own = {"JEV_GLINER_URL": url + "/systemone", "HOME": str(folder)}
    command = [sys.executable, "-m", "jcol", "run", "issues.csv", "--codebook", "book.json",
               "--output", "coded.csv", "--api", "gliner", "--concurrency", str(slots), "--quiet",
               "--no-cache"]  # fmt: skip

    def ask() -> int:
        subprocess.run(command, check=True, env=os.environ | own, stdout=subprocess.DEVNULL)
        with (folder / "coded.csv").open(newline="") as file:
            return sum(bool(row["cat"]) for row in DictReader(file))

    return ask


def gabriel(url: str, count: int, slots: int, folder: Path) -> Ask:
    """Its function, which ramps up from few requests and writes files."""
    os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "HOME": str(folder)}
    import gabriel as package
    import pandas

    rows = pandas.DataFrame({"text": [text(number) for number in range(count)]})
    labels = {"cat": "It is about a cat.", "dog": "It is about a dog."}
    # Not held to ``slots``: it takes each to answer once a minute, and its makers ask to leave the
    # 650 that it comes with.
    asked = package.classify(rows, "text", labels=labels, save_dir=str(folder), model="m")

    def ask() -> int:
        found = asyncio.run(asked)
        return int(found["cat"].notna().sum())

    return ask


def codebook_lab(url: str, count: int, slots: int, folder: Path) -> Ask:
    """Its function, which asks Ollama about one issue after the other and writes files."""
    os.environ["OLLAMA_HOST"] = url.removesuffix("/v1")
    from codebook_lab import run_annotation

    with (folder / "issues.csv").open("w", newline="") as file:
        rows = [[f"Cat {n}", text(n)] for n in range(count)]
        csv_writer(file).writerows([["title", "text"], *rows])
    cat = {"name": "cat", "type": "checkbox", "tooltip": "It is about a cat.", "example": ""}
    section = {"section_name": "Pets", "section_instruction": SYSTEM, "annotations": {"one": cat}}
    book = {"header_column": "title", "text_column": "text", "section_1": section}
    (folder / "book.json").write_text(json.dumps(book))

    def ask() -> int:
        found = run_annotation(
            model="m", csv_path=folder / "issues.csv", codebook_path=folder / "book.json",
            output_path=folder / "coded.csv", experiment_directory=folder / "lab",
            start_ollama_if_needed=False,
        ).dataframe  # fmt: skip
        return int(found.iloc[:, -1].notna().sum())

    return ask


CLIENTS = {
    "floor": floor,
    "openai": openai,
    "langchain": langchain,
    "coder": coder,
    "jev-col": jev_col,
    "gabriel": gabriel,
    "codebook-lab": codebook_lab,
}


def used() -> float:
    """Seconds of processor so far, of this process and its children."""
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))


def main(name: str, url: str, count: int, slots: int) -> None:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        ask = CLIENTS[name](url, count, slots, Path(folder))
        ready, before = time.perf_counter(), used()
        answered = ask()
        ended, after = time.perf_counter(), used()
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024
    found = {"answered": answered, "seconds": ended - ready, "processor": after - before,
             "start": ready - began, "peak": peak}  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
