"""The process behind :mod:`coder.review.learning`: fits the classifier anew to a rater's answers,
and proposes for the issues that come next.

    python -m coder.review.learning_worker

Reads a line that says of which run and rater, then a line for each fit: the ids of the issues to
propose for. Answers are read from the rater's own files. Writes ``refit RECORD``, then ``proposal
RECORD`` for one issue after the other until the next request comes. Writes no file but the cache of
vectors, and ends as soon as its input does.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from coder.errors import CoderError
from coder.proposers.embedded import EmbeddedProposer
from coder.records import Example, Issue, Proposal, Refit, content_hash
from coder.retrieval.embedders import Encoder, open_embedder
from coder.retrieval.embedding_cache import FILE, remembered
from coder.review.learning import answers, answers_hash, examples
from coder.revision.migration import Versions
from coder.storage.run import Run

NICE = 10
"""The review must be drawn first."""


class LearningWorker:
    """Fits one rater's classifier of one run."""

    def __init__(self, run: Run, rater: str, encoder: Encoder | None) -> None:
        self._run = run
        self._rater = rater
        self._versions = Versions(run)
        self._encoder = encoder

    def fit(self) -> tuple[Refit, EmbeddedProposer]:
        """The classifier fitted to the run's labelled issues and to what the rater says by now.

        Where the rater has answered a labelled issue, their answer replaces its label.
        """
        run = self._run
        labels = list(run.label_journal(self._rater))
        decisions = list(run.decision_journal(self._rater))
        said = answers(labels, decisions, self._versions.carry)
        learnt = [e for e in examples(run, run.codebook.hash) if e.issue.id not in said]
        learnt += [
            Example(issue=run.issues[i], codes=codes)
            for i, codes in said.items()
            if i in run.issues
        ]
        labels_hash = answers_hash(said)
        version, model = self._name(labels_hash)
        proposer = EmbeddedProposer.fit(
            run.codebook,
            learnt,
            encoder=self._encoder,
            seed=run.manifest.seed,
            name=model,
            quick=True,
        )
        refit = Refit(
            version=version,
            rater=self._rater,
            answers=len(said),
            labels=len(labels),
            decisions=len(decisions),
            labels_hash=labels_hash,
            codebook_hash=run.codebook.hash,
            model=model,
        )
        return refit, proposer

    def _name(self, labels_hash: str) -> tuple[int, str]:
        """The fit's version and name; those of an earlier fit to the same answers."""
        manifest = self._run.manifest
        made_of = content_hash(
            "refit.v1",
            {
                "answers": labels_hash,
                "examples": manifest.labels_hash,
                "codebook": self._run.codebook.hash,
                "encoder": self._encoder.id if self._encoder else "",
                "seed": manifest.seed,
            },
        )[:12]
        made = [refit.model for refit in self._run.refit_journal(self._rater)]
        known = (number for number, model in enumerate(made, 1) if model.endswith(f"@{made_of}"))
        version = next(known, len(made) + 1)
        return version, f"embedded/refit-{version}@{made_of}"


def propose(proposer: EmbeddedProposer, issues: Sequence[Issue]) -> Iterator[Proposal]:
    """One by one: what comes up next must not wait for the others."""
    for issue in issues:
        yield from proposer.propose([issue], lambda _: None)


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(NICE)
    setting = json.loads(sys.stdin.readline())
    requests: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line))
        # The review has ended, or was killed: nobody wants what is being made.
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    try:
        _serve(setting, requests)
    except CoderError as error:
        _say("error", json.dumps(f"{error.message}; {error.hint}"))
    except Exception as error:
        _say("error", json.dumps(f"{type(error).__name__}: {error}"))


def _serve(setting: dict[str, Any], requests: queue.SimpleQueue[list[str]]) -> None:
    run = Run(Path(setting["run"]))
    encoder = open_embedder(setting["embedder"], run.path.parent.parent)
    if encoder is not None:
        encoder = remembered(encoder, Path(setting["cache"]) / FILE)
    refitter = LearningWorker(run, setting["rater"], encoder)
    while True:
        ahead = requests.get()
        started = time.perf_counter()
        refit, proposer = refitter.fit()
        proposals = propose(proposer, [run.issues[issue_id] for issue_id in ahead])
        # The models are fitted when the first issue is proposed for.
        first = list(islice(proposals, 1))
        taken = round(time.perf_counter() - started, 2)
        _say("refit", refit.model_copy(update={"seconds": taken}).to_json())
        for proposal in chain(first, proposals):
            _say("proposal", proposal.to_json())
            if not requests.empty():
                break


def _say(kind: str, value: str) -> None:
    sys.stdout.buffer.write(f"{kind} {value}\n".encode())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
