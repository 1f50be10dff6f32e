"""Log lines on stderr for ``coder --verbose``: time, module and event, each on one line."""

from __future__ import annotations

import logging

from coder.escaping import inert


class _OneLine(logging.Formatter):
    """Ids and paths may hold whatever somebody wrote: nothing in them moves a cursor."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(inert(super().format(record)).split())


def show_log() -> None:
    """From now on show what the package's own modules log; those of others stay silent."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    log = logging.getLogger("coder")
    for old in [*log.handlers]:
        log.removeHandler(old)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
