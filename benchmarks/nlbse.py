"""How good is the embedded proposer on issues it was not made for? Trains on the training part of
the NLBSE'24 tool competition (1,500 issues of five repositories), predicts its test part.

    python benchmarks/nlbse.py FOLDER

FOLDER holds nlbse2024_train.csv.gz and nlbse2024_test.csv.gz (columns repo, label, title, body),
made from https://github.com/nlbse2024/issue-report-classification. The competition's score is the
mean over repositories of macro-F1; its own baselines reach .827 (SetFit) and .792 (RoBERTa), one
model a repository.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import resource
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from coder.codebook import load as codebooks
from coder.proposers.embedded import EmbeddedProposer
from coder.records import Example, Issue
from coder.retrieval.embedders import open_embedder

CODEBOOK = Path(__file__).parent / "codebooks" / "nlbse.yaml"


def read(path: Path) -> list[Example]:
    csv.field_size_limit(2**31 - 1)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [
            Example(
                issue=Issue(
                    id=f"{path.name}:{i}", repo=row["repo"], title=row["title"], body=row["body"]
                ),
                codes=(row["label"],),
            )
            for i, row in enumerate(csv.DictReader(file))
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--embedder", default="minilm", help="minilm, or none for words alone")
    parser.add_argument("--labels", type=int, help="use only so many training labels, every k-th")
    given = parser.parse_args()
    train = read(given.folder / "nlbse2024_train.csv.gz")
    test = read(given.folder / "nlbse2024_test.csv.gz")
    if given.labels is not None:
        train = [train[i * len(train) // given.labels] for i in range(given.labels)]

    started = time.perf_counter()
    proposer = EmbeddedProposer.fit(
        codebooks.load(CODEBOOK), train, encoder=open_embedder(given.embedder)
    )
    measured = proposer.measured()
    fitted = time.perf_counter()
    proposals = list(proposer.propose((example.issue for example in test), lambda call: None))
    done = time.perf_counter()

    true = np.array([example.codes[0] for example in test])
    said = np.array([p.codes[0].code if p.codes else "none" for p in proposals])
    sure = np.array([p.codes[0].confidence if p.codes else 0.0 for p in proposals])
    repos = np.array([example.issue.repo for example in test])
    scores = {
        repo: f1_score(true[repos == repo], said[repos == repo], average="macro", zero_division=0)
        for repo in sorted(set(repos))
    }
    for repo, score in scores.items():
        print(f"{repo:30} macro-F1 {score:.3f}")
    print(f"{'mean':30} macro-F1 {np.mean(list(scores.values())):.4f}")
    print(f"accuracy {(true == said).mean():.3f}, mean confidence {sure.mean():.3f}")
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [
        (bins == b).mean() * abs((true == said)[bins == b].mean() - sure[bins == b].mean())
        for b in set(bins)
    ]
    print(f"expected calibration error {sum(gaps):.3f} (10 bins)")
    print(f"cross-validated on the training part: {measured['cross_validated']}")
    print(f"with evidence: {np.mean([bool(p.evidence) for p in proposals]):.2f}")
    print(f"fit {fitted - started:.0f} s, {1000 * (done - fitted) / len(test):.0f} ms an issue")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / (2**20 if sys.platform == 'darwin' else 2**10):.0f} MB")


if __name__ == "__main__":
    main()
