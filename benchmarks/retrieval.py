"""Do the labelled issues a chat model would be shown have the right code? By meaning, by words, by
both, with more or less diversity, and with a cap per repository.

    python benchmarks/retrieval.py FOLDER

FOLDER holds nlbse2024_train.csv.gz and nlbse2024_test.csv.gz (see nlbse.py) and, as an example of
many codes, hf_reuse_questions.jsonl (asgaardlab/hf-question-answer). Settings were chosen on the
first three columns: the training part, each issue without its own label. Of four shown:

    agree   how many have the issue's own code
    vote    how often the most frequent code is right; a tie counts in part
    recall  how often the right code is among them
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nlbse import read

from coder.codebook import load as codebooks
from coder.records import Codebook, Example, Issue
from coder.retrieval.embedders import MiniLM, Vectors
from coder.retrieval.index import LabelIndex
from coder.retrieval.retriever import Retriever
from coder.retrieval.search import LexicalIndex, Ranked, Search, Text
from coder.study import RetrievalSettings

BOOKS = Path(__file__).parent / "codebooks"
SHOWN = 4
DEFAULT = RetrievalSettings()
DIVERSITIES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
CAPS = (1, 2, 3)
RULES = (1, 3, 5, 8, 12)


class Remembering:
    """The encoder, asked once about each text: many settings are tried on the same issues."""

    def __init__(self) -> None:
        self._encoder = MiniLM()
        self.id = self._encoder.id
        self._known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(new, self._encoder.encode(new), strict=True)
        return np.array([self._known[text] for text in texts])


class Cached:
    """A search, made once for each text."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._known: dict[tuple[Text, int, int], tuple[Ranked, Ranked]] = {}

    def search(self, texts: Sequence[Text], issues: int, codes: int) -> list[tuple[Ranked, Ranked]]:
        for text in texts:
            key = (text, issues, codes)
            if key not in self._known:
                self._known[key] = self._search.search([text], issues, codes)[0]
        return [self._known[text, issues, codes] for text in texts]


class Data:
    """Labelled issues to look up among others."""

    def __init__(
        self, name: str, book: Codebook, known: Sequence[Example], asked: Sequence[Example],
        encoder: Remembering, folder: Path,
    ) -> None:  # fmt: skip
        self.name, self._book, self._known, self._asked = name, book, known, asked
        self._searches: dict[str, Search] = {
            "dense": Cached(LabelIndex(folder, encoder, book, known)),
            "lexical": Cached(LexicalIndex(book, known)),
        }

    def measure(self, searches: Sequence[str], **settings: float) -> str:
        changed = DEFAULT.model_copy(update=settings)
        used = {name: self._searches[name] for name in searches}
        retriever = Retriever(self._book, self._known, used, changed, "")
        rows = []
        for example in self._asked:
            found = retriever.look_up([example.issue], SHOWN, 0)[0]
            right = [near.codes == example.codes for near in found.neighbours]
            votes = Counter(near.codes for near in found.neighbours)
            most = [codes for codes, count in votes.items() if count == max(votes.values())]
            vote = (example.codes in most) / max(len(most), 1)
            rows.append((sum(right) / SHOWN, vote, any(right)))
        return "  ".join(f"{mean:.3f}" for mean in np.mean(rows, axis=0))

    def rules(self) -> str:
        """Of how many issues the right code is among the nearest, without any label."""
        retriever = Retriever(self._book, (), self._searches, DEFAULT, "")
        ranks = []
        for example in self._asked:
            near = retriever.look_up([example.issue], 0, len(self._book.leaves))[0].definitions
            codes = [code.code for code in near]
            ranks.append(codes.index(example.codes[0]) if example.codes[0] in codes else len(codes))
        shares = (f"{shown}: {np.mean(np.array(ranks) < shown):.3f}" for shown in RULES)
        return f"codes by definition, {self.name}, right one among the first " + ", ".join(shares)


def questions(path: Path) -> list[Example]:
    """The questions with the code that the two raters agreed on in the end."""
    resolver = codebooks.resolver(codebooks.load(BOOKS / "hf-model-card.yaml"))
    found = []
    with path.open(encoding="utf-8", newline="\n") as file:
        for row in map(json.loads, file):
            talk = row["discussion"]
            text = "\n\n".join(part or "" for part in (talk["title"], talk["body"]))
            issue = Issue(
                id=str(row["row"]), repo=talk["repo_id"], title=row["question"] or "", body=text
            )
            if row["resolved"]:
                found.append(Example(issue=issue, codes=(resolver(row["resolved"]),)))
    return found


def speed(book: Codebook, known: Sequence[Example], asked: Sequence[Example]) -> None:
    """The real thing, with an empty cache and with a filled one; the encoder is not cached."""
    encoder = MiniLM()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for cache in ("empty", "filled"):
            began = time.perf_counter()
            searches: dict[str, Search] = {
                "dense": LabelIndex(Path(folder), encoder, book, known),
                "lexical": LexicalIndex(book, known),
            }
            retriever = Retriever(book, known, searches, DEFAULT, encoder.id)
            retriever.look_up([asked[0].issue], SHOWN, 8)[0]
            print(
                f"{len(known)} labels, {cache} cache: ready in {time.perf_counter() - began:.1f} s"
            )
        taken = []
        for example in asked[:200]:
            began = time.perf_counter()
            retriever.look_up([example.issue], SHOWN, 8)[0]
            taken.append(time.perf_counter() - began)
    began = time.perf_counter()
    for example in asked[:200]:
        encoder.encode([example.issue.text])
    encoding = (time.perf_counter() - began) / 200
    print(f"{1000 * np.mean(taken):.1f} ms a query, {1000 * encoding:.1f} ms of them the encoder")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    train, test = (read(given.folder / f"nlbse2024_{part}.csv.gz") for part in ("train", "test"))
    book = codebooks.load(BOOKS / "nlbse.yaml")
    cards = codebooks.load(BOOKS / "hf-model-card.yaml")
    rated = questions(given.folder / "hf_reuse_questions.jsonl")
    encoder = Remembering()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        cache = Path(folder)
        data = (
            Data("train", book, train, train, encoder, cache),
            Data("test", book, train, test, encoder, cache),
            Data("questions", cards, rated, rated, encoder, cache),
        )
        print(" " * 36 + "".join(f"{each.name:24}" for each in data))
        print(" " * 36 + "agree  vote   recall   " * len(data))
        both, plain = ("dense", "lexical"), {"diversity": 0.0, "per_repository": 0}
        tried = {
            "by meaning": (("dense",), plain),
            "by words": (("lexical",), plain),
            **{f"both, diversity {d}": (both, plain | {"diversity": d}) for d in DIVERSITIES},
            **{
                f"both, at most {cap} a repository": (both, plain | {"per_repository": cap})
                for cap in CAPS
            },
        }
        for name, (searches, settings) in tried.items():
            figures = (each.measure(searches, **settings) for each in data)
            print(f"{name:36}" + "".join(f"{each:24}" for each in figures), flush=True)
        print(data[-1].rules())
    speed(book, train, test)


if __name__ == "__main__":
    main()
