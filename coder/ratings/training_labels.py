"""Which of a run's labelled issues its model can have learnt from."""

from __future__ import annotations

from coder.codebook.load import can_hold
from coder.proposers.chat.question import everything
from coder.records import Example
from coder.storage.run import Run


def taught(run: Run) -> list[Example]:
    """The examples whose label the run's model can use.

    A classifier is fitted to those it can hold, which no category alone is. A chat model can be
    shown them all, but where it chooses among all codes at once none that names a category alone.
    """
    model, book = run.manifest.model, run.first_codebook
    if not _asks(run):
        return [example for example in run.examples if can_hold(book, example.codes)]
    if not model.get("neighbours"):
        return []
    if model.get("strategy", "flat") != "flat":
        return list(run.examples)
    whole = everything(book)
    return [e for e in run.examples if whole.within(e.codes) is not None]


def fitted(run: Run) -> set[str]:
    """The issues whose label reaches the model of every proposal that does not exclude it: a chat
    model learns from nothing but what a request shows."""
    return set() if _asks(run) else {example.issue.id for example in taught(run)}


def _asks(run: Run) -> bool:
    return run.manifest.model.get("kind") == "llm"
