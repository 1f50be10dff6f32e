"""Human and model agreement on 165 questions about reusing models, coded by two raters.

    python benchmarks/hf_reuse.py DATA_FOLDER

``DATA_FOLDER`` holds ``hf_reuse_questions.jsonl`` (asgaardlab/hf-question-answer). Runs the real
commands in a temporary study and prints kappa with its interval for each pair, without labels and
learning from rater 1's (each question judged by a model that has not seen its label).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

BOOK = Path(__file__).parent.resolve() / "codebooks" / "hf-model-card.yaml"
MAP = {
    "id": "row", "title": "question", "body": "discussion.title,discussion.body",
    "url": "discussion.url", "repo": "discussion.repo_id", "author": "discussion.author",
    "created_at": "discussion.created_at", "comments": "discussion.comments",
}  # fmt: skip
RATERS = {"rater1": "rater1", "rater2": "rater2", "together": "resolved"}
"""Each rater's name and column; the last is what the two agreed on."""


def coder(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "coder", *arguments], check=True, capture_output=True)


def maps(fields: dict[str, str]) -> list[str]:
    return [word for field, column in fields.items() for word in ("--map", f"{field}={column}")]


def main(data: Path) -> None:
    source = str(data.resolve() / "hf_reuse_questions.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "coder", "init", folder], check=True)
        os.chdir(folder)
        coder("import", source, "-o", "hf.jsonl", *maps(MAP))
        coder("import", source, "-o", "rated.jsonl", *maps({**MAP, "code": "rater1"}))
        learn = ["--labels", "rated.labels.csv"]
        for run, extra in {"definitions only": [], "learning from rater1": learn}.items():
            name = run.replace(" ", "-")
            coder("propose", "hf.jsonl", "--run", name, "--codebook", str(BOOK), *extra)
            for rater, column in RATERS.items():
                columns = maps({"id": "row", "code": column})
                coder("label", "import", source, "--rater", rater, "--run", name, *columns)
            coder("report", name)
            report = json.loads(Path("runs", name, "report", "report.json").read_text("utf-8"))
            print(f"\n{run}")
            for pair in report["pairs"]:
                if pair["level"] == "code" and pair["kind"] == "blind":
                    k, a = pair["cohen_kappa"], pair["percent_agreement"]
                    print(
                        f"  {pair['left']:7} {pair['right']:9} n {pair['n']:4}"
                        f"  agree {a['value']:.3f}"
                        f"  kappa {k['value']:.3f} [{k['low']:.3f}, {k['high']:.3f}]"
                    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
