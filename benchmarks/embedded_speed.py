"""Issues a second of the embedded classifier, against how well it codes.

    python benchmarks/embedded_speed.py DATA_FOLDER [HOW_MANY=120]

``DATA_FOLDER`` holds ``llm_app_issues_15207.jsonl.gz`` and ``hf_reuse_questions.jsonl``. Times
random issues of the first, by the clock and by the processor, with the sentence encoder and by
words alone: without labels and with 300 (drawn at random, for the time only), the first time and
once more with the vectors kept. Beside it, kappa with rater 1 on the questions, learning from
rater 1.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from choice import questions
from not_sure import applications, kappa

from coder.codebook import load as codebooks
from coder.proposers.embedded import EmbeddedProposer
from coder.records import Codebook, Example, Issue
from coder.retrieval.embedders import Encoder, open_embedder
from coder.retrieval.embedding_cache import FILE, remembered

LABELS = 300


def timed(
    book: Codebook, issues: Sequence[Issue], examples: Sequence[Example], encoder: Encoder | None
) -> tuple[float, float]:
    """Seconds by the clock and of the processor for ``issues``, once the models are fitted."""
    proposer = EmbeddedProposer.fit(book, examples, encoder=encoder)
    # Fits what is fitted when first needed; nobody else's text, so nothing else is encoded.
    list(proposer.propose([Issue(id="first", title="A first issue", body="")], lambda call: None))
    clock, processor = time.perf_counter(), time.process_time()
    list(proposer.propose(issues, lambda call: None))
    return time.perf_counter() - clock, time.process_time() - processor


def learnt(folder: Path, encoder: Encoder | None) -> float:
    book, issues, raters = questions(folder)
    labels = raters["rater1"]
    examples = [Example(issue=i, codes=labels[i.id]) for i in issues if i.id in labels]
    proposer = EmbeddedProposer.fit(book, examples, encoder=encoder)
    found = proposer.propose([e.issue for e in examples], lambda call: None)
    pairs = [(p.codes[0].code if p.codes else "none", labels[p.issue_id][0]) for p in found]
    return kappa(pairs)


def main(folder: Path, how_many: int) -> None:
    book = codebooks.load(Path(__file__).parents[1] / "codebook" / "ptm-reuse.yaml")
    drawn = applications(folder)
    issues, others = drawn[:how_many], drawn[how_many : how_many + LABELS]
    leaves = [code.id for code in book.leaves]
    examples = [
        Example(issue=issue, codes=(leaves[n % len(leaves)],)) for n, issue in enumerate(others)
    ]
    print("| encoder | labels | vectors | issues a second | ms of processor an issue | kappa |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as kept:
        for setting in ("minilm", "none"):
            agreement = learnt(folder, open_embedder(setting))
            for given in ([], examples):
                cases = ("new", "kept") if setting == "minilm" else ("-",)
                for vectors in cases:
                    encoder = open_embedder(setting)
                    if encoder is not None:
                        encoder = remembered(encoder, Path(kept) / f"{len(given)}-{FILE}")
                    clock, processor = timed(book, issues, given, encoder)
                    told = f"{agreement:.2f}" if given else "-"
                    print(
                        f"| {setting} | {len(given)} | {vectors} | {how_many / clock:.0f} "
                        f"| {1000 * processor / how_many:.1f} | {told} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 120)
