"""The process behind :mod:`coder.proposers.chat.read_ahead`: looks up and composes.

    python -m coder.proposers.chat.read_ahead_worker

Reads, pickled by its parent, what to make a strategy of, then batches of issues; writes what was
prepared for each batch, or the error it ends with. Contacts nobody but a hosted embedder, writes no
file but caches, and ends as soon as its input does.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any, BinaryIO

from coder.errors import CoderError, ModelError
from coder.proposers.chat.prompt_composer import Composer
from coder.proposers.chat.strategies import open_strategy


def main() -> None:
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints is no answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    try:
        _serve(asked, answers)
    except (EOFError, BrokenPipeError):
        os._exit(0)  # the parent has what it wants, or has ended
    except CoderError as error:
        _say(answers, error)
    except Exception as error:
        _say(answers, ModelError(f"prompts cannot be made: {type(error).__name__}: {error}"))


def _serve(asked: BinaryIO, answers: BinaryIO) -> None:
    study, codebook, examples, compatible, share = pickle.load(asked)
    threads = max(1, (os.cpu_count() or 1) // share[1])
    composer = Composer.open(study, codebook, examples, threads=threads)
    strategy = open_strategy(study.settings.model, codebook, composer, compatible)
    composer.encode_labelled(*share)
    while True:
        issues = pickle.load(asked)
        _say(answers, strategy.prepare(issues))


def _say(answers: BinaryIO, value: Any) -> None:
    pickle.dump(value, answers, pickle.HIGHEST_PROTOCOL)
    answers.flush()


if __name__ == "__main__":
    main()
