"""Suggestions learnt from what one rater has answered so far, for the issues still before them.

:mod:`coder.review.learning_worker`, a process of its own, fits the run\'s classifier anew
and hands proposals back; here it is decided when, and what is shown is written down first. Every
rater has a classifier of their own: one that learnt from two people would carry the judgements of
one to the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType

from coder.codebook.changes import Codes, Stale
from coder.records import (
    NONE_CODE,
    Action,
    Decision,
    Example,
    Label,
    Manifest,
    Proposal,
    Refit,
    content_hash,
)
from coder.revision.migration import Versions
from coder.storage.journal import Journal, R
from coder.storage.run import Run, standing

Answers = dict[str, tuple[str, ...]]

FEWEST = 10
"""Answers before the first fit, and new ones before any other."""
GROWTH = 0.2
"""Later fits wait until there are so many more answers, as each takes longer and changes less."""
SPARE = 10
"""Issues proposed for beyond those that come up until the next fit, for skips and slow fits."""
_TAUGHT = (Action.ACCEPT, Action.CORRECT, Action.REJECT)


def learns(manifest: Manifest) -> bool:
    """Whether the run's model can be fitted to answers: a chat model cannot."""
    return manifest.model.get("kind") == "classifier"


def answers(
    labels: Iterable[Label],
    decisions: Iterable[Decision],
    carry: Callable[[Codes, str], Codes | Stale],
) -> Answers:
    """What a rater's records teach about each issue; empty codes mean that no code fits.

    ``carry`` gives codes of another version of the codebook in that of the fit; what is stale there
    teaches nothing.

    A decision that stands comes after the rater's own label and replaces it. Skips and flags teach
    nothing.
    """
    latest = {label.issue_id: label for label in labels}
    said: dict[str, Label | Decision] = {
        issue_id: label for issue_id, label in latest.items() if not label.withdrawn
    }
    said |= {i: d for i, d in standing(decisions).items() if d.action in _TAUGHT}
    carried = {i: carry(record.codes, record.codebook_hash) for i, record in sorted(said.items())}
    return {
        issue_id: tuple(code for code in codes if code != NONE_CODE)
        for issue_id, codes in carried.items()
        if not isinstance(codes, Stale)
    }


class Teaching:
    """What one rater's fits were made from, found again in their files; raises ``RunError`` for a
    damaged one.

    A merge that joined two copies has moved the lines that a fit in the other copy counted, and has
    kept that copy's files beside: one of these holds them as they were.
    """

    def __init__(self, run: Run, rater: str) -> None:
        self._versions = Versions(run)
        labels, decisions = run.label_journal(rater), run.decision_journal(rater)
        self._files = [(list(la), list(d)) for la in _copies(labels) for d in _copies(decisions)]
        self.joined = len(_copies(run.refit_journal(rater))) > 1

    def of(self, refit: Refit) -> Answers | None:
        """``None`` where no file holds what the fit says it was made from."""
        for labels, decisions in self._files:
            read = labels[: refit.labels], decisions[: refit.decisions]
            found = answers(*read, partial(self._versions.carry, to=refit.codebook_hash))
            if (len(found), answers_hash(found)) == (refit.answers, refit.labels_hash):
                return found
        return None


def _copies(journal: Journal[R]) -> list[Journal[R]]:
    kept = sorted(journal.path.parent.glob(f"{journal.path.name}.from-*"))
    return [journal, *(Journal(path, journal.kind) for path in kept)]


def examples(run: Run, codebook_hash: str) -> list[Example]:
    """The run's labelled issues in one version of its codebook, without those that are stale."""
    versions = Versions(run)
    return [
        example.model_copy(update={"codes": codes})
        for example in run.examples
        if not isinstance(codes := versions.carry(example.codes, to=codebook_hash), Stale)
    ]


def answers_hash(found: Answers) -> str:
    return content_hash("answers.v1", [[i, list(codes)] for i, codes in sorted(found.items())])


def due(answered: int, learnt: int) -> bool:
    """Whether to fit again with ``answered`` answers, having last fitted to ``learnt``."""
    return answered >= _next(learnt)


def _next(learnt: int) -> int:
    return learnt + max(FEWEST, int(GROWTH * learnt))


class Learner:
    """The suggestions of one rater in one review; ask :meth:`for_` whenever an issue comes up.

    Nothing here takes more than a few milliseconds: the work is in the other process, which starts
    with the first fit and ends with :meth:`close`, or when this process ends in whatever way.
    """

    def __init__(self, run: Run, rater: str, *, embedder: str, cache: Path) -> None:
        self.failure = ""
        """Why there are no more suggestions; empty while all is well."""
        self._refits = run.refit_journal(rater)
        self._suggestions = run.suggestion_journal(rater)
        self._made = {refit.model: refit for refit in self._refits}
        # What was learnt in another version of the codebook is learnt again.
        fits = {refit.model for refit in self._refits if refit.codebook_hash == run.codebook.hash}
        shown = (proposal for proposal in self._suggestions if proposal.model in fits)
        self._shown = {proposal.issue_id: proposal for proposal in shown}
        self._ready: dict[str, Proposal] = {}
        self._labelled = set(run.labels(rater))
        self._decided: set[str] = set()
        self._learnt = 0
        self._waiting = False
        self._setting = {
            "run": str(run.path.resolve()),
            "rater": rater,
            "embedder": embedder,
            "cache": str(cache.resolve()),
        }
        self._process: _Process | None = None

    def __enter__(self) -> Learner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def fitting(self) -> bool:
        """Whether a fit was asked for that had not come back when last looked."""
        return self._waiting and not self.failure

    def close(self) -> None:
        """End the other process. What it had not handed over is made again another time."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def suggestion_for(self, issue_id: str, ahead: Iterator[str]) -> Proposal | None:
        """The suggestion to show for an issue, which is on disk by then; ``None``: the run's own.

        ``ahead`` are the issues that will come up, in order. An issue shown again has the
        suggestion it had, unless a later fit has made another.
        """
        self.prepare(issue_id, ahead)
        ready = self._ready.pop(issue_id, None)
        shown = self._shown.get(issue_id)
        if ready is None or (shown is not None and shown.id == ready.id):
            return shown
        self._suggestions.append([ready])
        self._shown[issue_id] = ready
        return ready

    def prepare(self, issue_id: str, ahead: Iterator[str]) -> None:
        """Go on learning while an issue is on the screen without its suggestion."""
        self._take_in()
        self._ask(issue for issue in ahead if issue != issue_id)

    def labelled(self, issue_id: str, stands: bool) -> None:
        """Told of every blind label that is given, and that is taken back (``stands`` false)."""
        if stands:
            self._labelled.add(issue_id)
        else:
            self._labelled.discard(issue_id)

    def answered(self, issue_id: str, action: Action | None) -> None:
        """Told of every answer that stands now; ``None`` when one was taken back."""
        if action in _TAUGHT:
            self._decided.add(issue_id)
            self._ready.pop(issue_id, None)
        else:
            self._decided.discard(issue_id)

    def answers(self, proposal: Proposal) -> int:
        """How many of the rater's answers a proposal was learnt from; 0 if it is the run's own."""
        made = self._made.get(proposal.model)
        return made.answers if made else 0

    # --- the other process ----------------------------------------------------------------------

    def _ask(self, ahead: Iterator[str]) -> None:
        answered = len(self._labelled | self._decided)
        if self._waiting or self.failure or not due(answered, self._learnt):
            return
        self._learnt = answered
        if self._process is None:
            self._process = _Process(self._setting)
        wanted = _next(self._learnt) - self._learnt + SPARE
        self._process.send(list(islice(ahead, wanted)))
        self._waiting = True

    def _take_in(self) -> None:
        """Whatever has been made in the meantime."""
        for said in self._process.messages() if self._process else ():
            if isinstance(said, str):
                self.failure = said
            elif isinstance(said, Refit):
                self._waiting = False
                if said.model not in self._made:
                    self._refits.append([said])
                    self._made[said.model] = said
            elif said.issue_id not in self._decided:
                self._ready[said.issue_id] = said


class _Process:
    """The process that fits. One request at a time, so that neither pipe ever fills up; a thread
    reads what comes back."""

    def __init__(self, setting: dict[str, str]) -> None:
        # Not multiprocessing: a Ctrl-C in the terminal, and whatever is printed, must not reach it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "coder.review.learning_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        self._said: queue.SimpleQueue[Refit | Proposal | str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._write(setting)

    def send(self, ahead: list[str]) -> None:
        self._write(ahead)

    def messages(self) -> Iterator[Refit | Proposal | str]:
        """What has come back since; a text says why nothing more will."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._said.get_nowait()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _write(self, value: object) -> None:
        assert self._process.stdin is not None
        # When it has ended, the reader says so.
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(value).encode("ascii") + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        said = ""
        for line in self._process.stdout:
            kind, _, value = line.partition(b" ")
            if kind == b"refit":
                self._said.put(Refit.model_validate_json(value))
            elif kind == b"proposal":
                self._said.put(Proposal.model_validate_json(value))
            else:
                said = json.loads(value)
        self._said.put(said or "the process that learns has ended")
