"""Time and memory of importing 15,207 issues and pre-coding some of them; killed and resumed.

    python benchmarks/scale.py DATA_FOLDER [HOW_MANY=1000]

``DATA_FOLDER`` holds ``llm_app_issues_15207.jsonl.gz``. Runs the real commands in a temporary study
with the shipped codebook and the embedded default, kills the run with SIGKILL when half is done,
resumes it, and checks that every issue has exactly one proposal.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from coder.storage.run import Run


def timed(*arguments: str) -> tuple[float, float]:
    """Seconds and the peak megabytes of any command so far."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "coder", *arguments], check=True, capture_output=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return time.perf_counter() - started, peak


def main(data: Path, how_many: int) -> None:
    source = data.resolve() / "llm_app_issues_15207.jsonl.gz"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "coder", "init", folder], check=True)
        os.chdir(folder)
        seconds, peak = timed("import", str(source), "-o", "all.jsonl")
        print(f"import of all issues: {seconds:.1f} s, peak {peak:.0f} MB")
        command = ["propose", "all.jsonl", "--run", "scale", "--sample", str(how_many)]
        proposals = Path("runs/scale/proposals.jsonl")
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "coder", *command], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while not proposals.exists() or proposals.read_bytes().count(b"\n") < how_many // 2:
            time.sleep(0.2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        first = time.perf_counter() - started
        before = sum(1 for _ in Run(Path("runs/scale")).proposals)
        second, peak = timed(*command)
        run = Run(Path("runs/scale"))
        seen = Counter(p.issue_id for p in run.proposals)
        print(f"killed after {before} proposals in {first:.1f} s; the rest took {second:.1f} s")
        print(f"{1000 * (first + second) / how_many:.0f} ms an issue, peak {peak:.0f} MB")
        print(f"proposals: {len(seen)} of {how_many}, twice: {sum(n > 1 for n in seen.values())}")
        print(f"chain of lines broken at: {run.proposals.broken_line()}")
        print("statuses:", dict(Counter(p.status.value for p in run.latest_proposals().values())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
