"""A whole study as one file: issues cleaned, screened, coded, timed and tabled by ``coder run``.

    python benchmarks/study.py DATA_FOLDER [--embedder none|minilm] [--kills 2]

``DATA_FOLDER`` holds ``llm_app_issues_15207.jsonl.gz``. The same study is run twice: once to its
end, and once killed with SIGKILL in its longest stages and run again. Told are the time of each
stage, the peak memory, and which files of the two are the same, byte for byte. The labels are made
by words in the titles: they stand in for people's, so that every stage has something to do, and say
nothing about how well anything codes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = """\
name = "The shape of the paper"
codebook = "ptm-reuse"

[retrieval]
embedder = "{embedder}"

[report]
draws = 500

[stages.import]
command = "import raw.jsonl.gz -o issues.jsonl"
[stages.clean]
command = "clean issues.jsonl -o clean.jsonl --language en"
[stages.screen]
command = "propose clean.jsonl --run screening --codebook ptm-screening --labels screening.csv"
[stages.screened-by-hand]
command = "label import screened.csv --rater ann --run screening"
[stages.code]
command = "propose --run coding --where screening=ptm-related --labels codes.csv"
[stages.coded-by-hand]
command = "label import coded-by-ann.csv --rater ann --run coding"
[stages.report]
command = "report coding"
[stages.durations]
command = "durations coding --by category --labels model"
[stages.compared]
command = "durations screening --by code --labels final"
[stages.verdict]
command = "verdict coding"
[stages.flow]
command = "flow coding -o flow.md"
[stages.table]
command = "export coding -o coded.csv"
[stages.package]
command = "package coding screening -o study.zip"
"""
LONG = ("screening", "coding")
"""Runs in whose making the study is killed."""
COMPARED = (
    "issues.jsonl", "clean.jsonl", "coded.csv", "flow.md", "runs/coding/issues.jsonl",
    "runs/coding/report/tables/*.csv", "runs/coding/report/tables.tex",
    "runs/coding/report/durations.*", "runs/screening/report/durations.*",
    "runs/coding/report/verdict.*", "runs/coding/report/disagreements.csv",
)  # fmt: skip
WORDS = {
    "model-usage": ("how to use", "api", "prompt", "generate"),
    "model-performance": ("slow", "speed", "latency", "timeout"),
    "output-quality": ("wrong", "hallucin", "quality", "repeat"),
    "hardware": ("cuda", "gpu", "memory", "vram", "oom"),
    "documentation": ("docs", "documentation", "readme", "example"),
    "management": ("download", "checkpoint", "fine-tun", "convert", "load"),
}
RELATED = ("model", "llm", "gpt", "llama", "embedding", "token", "cuda", "inference", "checkpoint")


def labels(folder: Path, source: Path) -> None:
    """Files of labels on some issues, half to learn from and half as a rater's."""
    from coder.codebook.load import load
    from coder.files.resources import shipped

    subprocess.run(coder("import", str(source), "-o", "all.jsonl"), cwd=folder, check=True)
    book = load(shipped("codebook") / "ptm-reuse.yaml")
    leaves = {
        name: next(
            code.id for code in book.leaves if name.partition("-")[0] in book.category(code.id)
        )
        for name in WORDS
    }
    rng = random.Random(0)
    files = {"screening": [], "screened": [], "codes": [], "coded-by-ann": []}
    with (folder / "all.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            issue = json.loads(line)
            title = issue["title"].lower()
            related = any(word in title for word in RELATED)
            if rng.random() < 0.06:
                code = "ptm-related" if related else "not-ptm-related"
                files[rng.choice(("screening", "screened"))].append((issue["id"], code))
            named = next((n for n, words in WORDS.items() if any(w in title for w in words)), None)
            if related and named and rng.random() < 0.5:
                files[rng.choice(("codes", "coded-by-ann"))].append((issue["id"], leaves[named]))
    for name, rows in files.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "code"), *rows])
    (folder / "all.jsonl").unlink()
    for beside in folder.glob("all.*"):
        beside.unlink()


def coder(*words: str) -> list[str]:
    return [sys.executable, "-m", "coder", *words]


def proposed(study: Path, run: str) -> int:
    path = study / "runs" / run / "proposals.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def run(study: Path, kills: int) -> float:
    """Run the study to its end, killed so many times; returns the seconds of all runs together."""
    started = time.perf_counter()
    for name in LONG[:kills]:
        process = subprocess.Popen(
            coder("run"), cwd=study, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and proposed(study, name) < 100:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        print(f"killed with {proposed(study, name):,} issues of run {name} proposed")
    done = subprocess.run(coder("run"), cwd=study, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{done.stderr}")
    return time.perf_counter() - started


def hashes(study: Path) -> dict[str, str]:
    found = sorted({path for pattern in COMPARED for path in study.glob(pattern)})
    return {
        str(path.relative_to(study)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


def main(data: Path, embedder: str, kills: int) -> None:
    source = data.resolve() / "llm_app_issues_15207.jsonl.gz"
    with tempfile.TemporaryDirectory() as temporary:
        once, twice = Path(temporary, "once"), Path(temporary, "twice")
        once.mkdir()
        (once / "study.toml").write_text(STUDY.format(embedder=embedder))
        shutil.copyfile(source, once / "raw.jsonl.gz")
        labels(once, once / "raw.jsonl.gz")
        shutil.copytree(once, twice)
        seconds = run(once, 0)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"to its end: {seconds:,.0f} s, peak {peak:,.0f} MB")
        for line in (once / "runs" / "stages.jsonl").read_text().splitlines():
            stage = json.loads(line)
            print(f"  {stage['stage']:18}{stage['seconds']:>8.1f} s")
        print(f"killed {kills} times: {run(twice, kills):,.0f} s")
        one, other = hashes(once), hashes(twice)
        differ = sorted(
            name for name in one.keys() | other.keys() if one.get(name) != other.get(name)
        )
        print(f"{len(one)} files compared, {len(differ)} differ: {', '.join(differ) or 'none'}")
        print((once / "flow.md").read_text())
        with gzip.open(source) as file:
            print(f"{sum(1 for _ in file):,} rows to begin with")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--embedder", default="none")
    parser.add_argument("--kills", type=int, default=2, choices=(0, 1, 2))
    told = parser.parse_args()
    main(told.data, told.embedder, told.kills)
