"""Every documented command runs, and prints the lines that are documented below it.

A fenced ``console`` block holds commands after ``$`` and, below each, lines of its output that must
occur in this order (other lines may stand between them). A page's blocks run in one folder, one
after the other. The README's commands are processes, as for its readers; those of the other pages
run in this one, which saves each of them the imports.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from support.fault_server import GOOD, FaultServer, completion
from support.github_server import GitHubServer

from coder.__main__ import run
from coder.cli.main import VERBS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
Runner = Callable[[Path, list[str], str], tuple[int, str, str]]
"""(folder, words after ``coder``, what is typed) -> (exit code, standard output, errors)."""
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

BUGS = """\
id: bugs
name: Kinds of bugs
version: "1"
codes:
- id: intrinsic
  name: Intrinsic
  definition: The fault is in the project's own code.
- id: extrinsic
  name: Extrinsic
  definition: The fault is in a dependency, the platform or the environment.
"""
PLATFORM = """\
- id: extrinsic.platform
  name: Platform
  definition: The fault is in the platform.
  replaces: [extrinsic]
"""


def steps(page: Path) -> list[tuple[str, list[str]]]:
    """The commands of a page, each with the lines documented as its output."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.split("\n"):
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip() and found:
                found[-1][1].append(line.rstrip())
    return found


@pytest.fixture
def chat_server() -> Iterator[str]:
    """A server that gives every issue the same code, where the pages ask hosted models."""
    answer = {**GOOD, "codes": [{"code": "model-usage.api-calls", "confidence": 0.8}]}
    # About what the prompts have: of fewer tokens the command would warn.
    usage = {"prompt_tokens": 2000, "completion_tokens": 20,
             "prompt_tokens_details": {"cached_tokens": 1280}}  # fmt: skip
    server = FaultServer(lambda *_: completion({**answer, "runners_up": []}, usage=usage))
    with server.running():
        yield server.base_url


@pytest.fixture
def github() -> Iterator[str]:
    """A server with a repository, where the pages fetch issues from GitHub."""
    server = GitHubServer()
    server.add("acme/fruit", 1, title="The model answers in the wrong language")
    server.add("acme/fruit", 2, pull_request={"url": "x"})
    server.comment("acme/fruit", 1, 60)
    server.close("acme/fruit", 1, 90_000)
    for line in (ROOT / "coder" / "sample" / "issues.jsonl").read_text().split("\n")[:-1]:
        server.add_issue(json.loads(line))
    with server.running():
        yield server.url


@pytest.fixture
def prepared(tmp_path, monkeypatch, chat_server, github) -> Path:
    """The files that the pages speak of, and a server in place of the hosted models."""
    sample = ROOT / "coder" / "sample"
    rows = [json.loads(line) for line in (sample / "issues.jsonl").read_text().split("\n") if line]
    all_ids = [row["id"] for row in rows]
    # The pages name the first; of the other two the classifier is sure without labels.
    rows = [rows[0], rows[11], rows[51]]
    folder = tmp_path / "work"
    (folder / "coder").mkdir(parents=True)
    (folder / "coder" / "sample").symlink_to(sample)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "first.jsonl").write_text(lines)
    (folder / "more.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "issues.csv").write_text("id,title,body,verdict\n1,One,Body,x\n")
    (folder / "labelled.csv").write_text("id,title,body,verdict\n1,One,Body,model-usage\n")
    thread = {"row": 1, "summary": "S", "thread": {"title": "T", "body": "B"}}
    (folder / "export.jsonl").write_text(json.dumps(thread) + "\n")
    ids = [row["id"] for row in rows]
    (folder / "labels.csv").write_text(
        "id,code\n" + "".join(f"{i},model-usage.api-calls\n" for i in ids)
    )
    (folder / "reuse").mkdir()
    stages = (ROOT / "docs" / "study.md").read_text().split("```toml\n")[1].partition("```")[0]
    stages = re.sub(r"labels = \d+", "labels = 20", stages)
    (folder / "reuse" / "study.toml").write_text(stages)
    repos = sorted({issue_id.partition("#")[0] for issue_id in all_ids})
    (folder / "reuse" / "repos.txt").write_text("\n".join([*repos, "acme/gone"]) + "\n")
    screened = "".join(f"{issue_id},ptm-related\n" for issue_id in all_ids)
    (folder / "all-screened.csv").write_text(f"id,code\n{screened}")
    out = (issue_id for issue_id in all_ids if issue_id not in ids)
    screened = [
        *((i, "ptm-related") for i in ids),
        *((i, "not-ptm-related") for i in islice(out, 4)),
    ]
    (folder / "screening.csv").write_text("id,code\n" + "".join(f"{i},{c}\n" for i, c in screened))
    (folder / "codebook").mkdir()
    (folder / "codebook" / "bugs.yaml").write_text(BUGS)
    (folder / "bugs-2.yaml").write_text(
        BUGS.replace('"1"', '"2"').replace("id: extrinsic", "id: extrinsic.dependency")
        .replace("dependency\n", "dependency\n  replaces: [extrinsic]\n") + PLATFORM
    )  # fmt: skip
    others = [(ids[0], "none"), *((i, "model-usage.api-calls") for i in ids[1:])]
    (folder / "bea.csv").write_text("id,code\n" + "".join(f"{i},{c}\n" for i, c in others))
    monkeypatch.setenv("CODER_MODEL__BASE_URL", chat_server)
    monkeypatch.setenv("GITHUB_API_URL", github)
    monkeypatch.setenv("GITHUB_TOKEN", "token-of-the-tests")
    (folder / "repos.txt").write_text("acme/fruit\nacme/gone  # renamed long ago\n")
    (folder / "coded.csv").write_text("id,code\nacme/fruit#1,none\n")
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-tests")
    monkeypatch.setenv("COLUMNS", "80")
    return folder


def test_the_readme_does_what_it_says(prepared):
    follow(PAGES[0], prepared, as_process)


@pytest.mark.parametrize("page", [p for p in PAGES[1:] if steps(p)], ids=lambda p: p.stem)
def test_the_page_does_what_it_says(page, prepared, monkeypatch, capsys):
    def here(folder: Path, words: list[str], answers: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(answers.encode())))
        capsys.readouterr()
        return run(words), *capsys.readouterr()

    # The pages go on in the study that the README's tour has made.
    coder(prepared, "coder propose first.jsonl --run first", here)
    shutil.copytree(prepared / "runs" / "first", prepared / "from-bea" / "first")
    follow(page, prepared, here)


def follow(page: Path, folder: Path, runner: Runner) -> None:
    for command, documented in steps(page):
        if command.startswith("cd "):
            folder = folder / command[3:]
            continue
        printed = coder(folder, command, runner)
        rest = iter(printed.split("\n"))
        for line in documented:
            assert any(same(line, other) for other in rest), f"{command}: {line!r}\n{printed}"


def same(documented: str, printed: str) -> bool:
    """Whether two lines say the same but for their figures, which differ between processors."""
    return re.sub(r"\d+", "0", documented) == re.sub(r"\d+", "0", printed.rstrip())


def coder(folder: Path, command: str, runner: Runner) -> str:
    program, *words = shlex.split(command)
    assert program == "coder", command
    code, out, err = runner(folder, words, "\n\nq\n" if words[0] == "review" else "y\n")
    assert code == 0, f"{command}\n{out}\n{err}"
    return out


def as_process(folder: Path, words: list[str], answers: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "coder", *words], cwd=folder, input=answers, text=True,
        capture_output=True, env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_python_of_the_pages_runs(prepared, monkeypatch, capsys):
    monkeypatch.chdir(prepared)
    assert run(["propose", "first.jsonl", "--run", "first"]) == 0
    assert run(["label", "import", "labels.csv", "--rater", "ann", "--run", "first"]) == 0
    capsys.readouterr()
    for page in PAGES:
        for block in PYTHON.findall(page.read_text(encoding="utf-8")):
            exec(compile(block, page.name, "exec"), {})
            assert capsys.readouterr().out, block


def test_every_verb_is_documented():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    commands = {command.split()[1] for page in PAGES for command, _ in steps(page)}
    for verb in VERBS:
        assert f"coder {verb}" in text or verb == "demo"
        assert verb in commands or verb == "demo", f"no page runs coder {verb}"


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
