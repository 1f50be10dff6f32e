"""Errors a user can act on: each is one line saying what is wrong and one hint saying what to do.

Raised anywhere below ``coder.cli``, printed only there. Anything that is not a ``CoderError`` is a
bug and keeps its traceback.
"""

from __future__ import annotations


class CoderError(Exception):
    """A mistake or a missing thing on the user's side; never a bug of ours."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CoderError):
    """The command line or study.toml asks for something that does not exist or does not combine."""

    exit_code = 2


class InputError(CoderError):
    """A file the user gave is missing, unreadable or not of the shape it should be."""

    exit_code = 3


class CodebookError(InputError):
    """A codebook is not valid; the message carries ``file:line``."""


class RunError(CoderError):
    """A run folder is missing, damaged, locked, or was made with other inputs than those given."""

    exit_code = 4


class ModelError(CoderError):
    """A model, key, embedder or server is missing, refuses us, or cannot be reached."""

    exit_code = 5


class StorageError(CoderError):
    """The disk is full or not writable; everything acknowledged before is on disk."""

    exit_code = 6


class LimitReached(CoderError):
    """A cap that the user set does not allow another request; every answer so far is kept."""

    exit_code = 7


class Stopped(Exception):
    """A signal asked for the end, as Ctrl-C does; everything acknowledged before is on disk."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"stopped by signal {signal}")
        self.exit_code = 128 + signal
