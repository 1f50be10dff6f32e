"""How well `coder codebook suggest` finds the codes that raters wrote down for what had none.

    python benchmarks/suggest.py DATA_FOLDER [--sweep]

``DATA_FOLDER`` holds ``hf_reuse_questions.jsonl`` (asgaardlab/hf-question-answer): questions that
two raters coded with the sections of a model card, or as unmapped, with a note on what they were
about. The codebook is taken without its code for unmapped questions, these become "no code fits",
and the groups that the real command finds are held against rater 1's notes, which it never sees.

``--sweep`` compares ways of grouping on the same questions, and on those that do have a section
(which no choice was made on).
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.cluster import HDBSCAN, AgglomerativeClustering
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, v_measure_score

from coder.retrieval.embedders import MiniLM, encode_texts, normalised
from coder.retrieval.search import Text
from coder.revision.code_suggestions import FAR, SMALLEST, group, suggest
from coder.storage.run import Run
from coder.text.structure import prose

BOOK = Path(__file__).parent.resolve() / "codebooks" / "hf-model-card.yaml"
MAP = {
    "id": "row", "title": "question", "body": "discussion.title,discussion.body",
    "url": "discussion.url", "repo": "discussion.repo_id", "author": "discussion.author",
    "created_at": "discussion.created_at", "comments": "discussion.comments",
}  # fmt: skip
SHUFFLES = 2000


def coder(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "coder", *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def without_unmapped() -> str:
    """The codebook without its last code, and with "no code fits" instead."""
    text = BOOK.read_text("utf-8")
    kept = text[: text.index("  - id: unmapped")]
    return kept.replace("allow_none: false", "allow_none: true")


def scores(groups: Sequence[int], notes: Sequence[str]) -> str:
    """How groups and notes agree on what is in a group, beside chance: groups of the same sizes
    filled at random."""
    pure = purity(groups, notes)
    rng = np.random.default_rng(0)
    shuffled = [purity(list(rng.permutation(groups)), notes) for _ in range(SHUFFLES)]
    return (
        f"{len(groups):3} in {len(set(groups)):2} groups  "
        f"adjusted Rand {adjusted_rand_score(notes, groups):.2f}  "
        f"V {v_measure_score(notes, groups):.2f}  "
        f"adjusted mutual information {adjusted_mutual_info_score(notes, groups):.2f}  "
        f"purity {pure:.2f} (at random {np.mean(shuffled):.2f})"
    )


def purity(groups: Sequence[int], notes: Sequence[str]) -> float:
    inside: dict[int, Counter[str]] = {}
    for number, note in zip(groups, notes, strict=True):
        inside.setdefault(number, Counter())[note] += 1
    return sum(max(counts.values()) for counts in inside.values()) / len(groups)


def main(data: Path, sweep: bool) -> None:
    source = data.resolve() / "hf_reuse_questions.jsonl"
    rows = [json.loads(line) for line in source.read_text("utf-8").split("\n") if line]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        coder("init", ".")
        Path("codebook", "sections.yaml").write_text(without_unmapped(), "utf-8")
        maps = [word for f, column in MAP.items() for word in ("--map", f"{f}={column}")]
        coder("import", str(source), "-o", "hf.jsonl", *maps)
        coder("propose", "hf.jsonl", "--run", "hf", "--codebook", "sections")
        with Path("rater1.csv").open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["id", "code"])
            for row in rows:
                code = row["rater1"]
                if code:
                    out.writerow([str(row["row"]), "none" if code == "Unmapped" else code])
        coder("label", "import", "rater1.csv", "--rater", "rater1", "--run", "hf")
        print(coder("codebook", "suggest", "hf"))
        run, encoder = Run.open(Path("runs"), "hf"), MiniLM()
        found = suggest(run, encoder)
        notes = {
            str(row["row"]): row["rater1_note"].split("/")[0]
            for row in rows
            if row["rater1"] == "Unmapped" and row["rater1_note"]
        }
        placed = {
            issue.id: number
            for number, one in enumerate(found.candidates)
            for issue in one.issues
            if issue.id in notes
        }
        print(f"{len(notes)} unmapped questions with a note, {len(set(notes.values()))} notes")
        print("grouped:", scores(list(placed.values()), [notes[i] for i in placed]))
        alone = {i: -1 - n for n, i in enumerate(notes) if i not in placed}
        everything = {**placed, **alone}
        print("all, those in no group each alone:", end=" ")
        print(scores(list(everything.values()), [notes[i] for i in everything]))
        for number, one in enumerate(found.candidates):
            inside = Counter(notes[i] for i, n in placed.items() if n == number)
            print(f"  {one.name:40} {', '.join(f'{n} {note}' for note, n in inside.most_common())}")
        if sweep:
            mapped = {
                str(row["row"]): row["rater1"]
                for row in rows
                if row["rater1"] and row["rater1"] != "Unmapped"
            }
            print("\nunmapped, by rater 1's notes")
            compare(run, notes, encoder)
            print("\nwith a section, by rater 1's section (no choice was made on these)")
            compare(run, mapped, encoder)


def compare(run: Run, reference: dict[str, str], encoder: MiniLM) -> None:
    issues = [run.issues[i] for i in reference]
    truth = list(reference.values())
    titles = encoder.encode([issue.title for issue in issues])
    bodies = encoder.encode([prose(issue) for issue in issues])
    texts = [Text(issue.title, prose(issue)) for issue in issues]
    found = group(texts, encode_texts(encoder, texts))
    ours = {m: n for n, g in enumerate(found) for m in g.members}
    print("  as shipped", " " * 26, scores(list(ours.values()), [truth[m] for m in ours]))
    spaces = {"title": titles, "text": bodies, "both": normalised(titles + bodies)}
    for name, made in spaces.items():
        middle = normalised(made - made.mean(axis=0))
        ways: dict[str, ClusterMixin] = {
            f"average linkage, {far:.2f}": AgglomerativeClustering(
                None, linkage="average", metric="cosine", distance_threshold=far
            )
            for far in (FAR - 0.1, FAR - 0.05, FAR, FAR + 0.05, FAR + 0.1)
        }
        ways["HDBSCAN, 3 or more"] = HDBSCAN(min_cluster_size=SMALLEST, min_samples=1, copy=True)
        for way, clustering in ways.items():
            labels = clustering.fit_predict(middle).tolist()
            sizes = Counter(labels)
            kept = [i for i, label in enumerate(labels) if label >= 0 and sizes[label] >= SMALLEST]
            if kept:
                found = scores([labels[i] for i in kept], [truth[i] for i in kept])
                print(f"  {name:6} {way:30}", found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--sweep" in sys.argv)
