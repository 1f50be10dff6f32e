"""``coder`` and ``python -m coder``: where an error becomes a line and an exit code."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys

import click

from coder.cli.main import cli
from coder.errors import CoderError, Stopped, StorageError


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0, the error's own, or 128 + n after a signal n,
    such as 130 after Ctrl-C."""
    _take_any_character()
    try:
        # Commands return nothing; where one exits early, click hands over the code.
        code: int | None = cli.main(arguments, prog_name="coder", standalone_mode=False)
        return code or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CoderError as error:
        return _report(error)
    except (KeyboardInterrupt, click.Abort):
        return _stopped(130)
    except Stopped as stop:
        return _stopped(stop.exit_code)
    except BrokenPipeError:
        # The reader of our output has left (`coder ... | head`): nothing to say, nothing to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES):
            raise
        where = f" {error.filename}" if error.filename else ""
        hint = "free some space or fix the permissions, then run the same command again"
        return _report(StorageError(f"cannot write{where}: {error.strerror}", hint))


def _stopped(code: int) -> int:
    with contextlib.suppress(OSError):  # the terminal may be what has gone
        print("\nstopped; run the same command again to go on", file=sys.stderr)
    return code


def _take_any_character() -> None:
    """What the encoding of a terminal or a pipe lacks becomes an escape, instead of an error."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            if stream is sys.stdin and codecs.lookup(stream.encoding).name == "ascii":
                stream.reconfigure(encoding="utf-8")  # which ASCII is a part of


def _report(error: CoderError) -> int:
    from coder.cli.terminal import plain_line

    print(plain_line(f"error: {error.message}"), file=sys.stderr)
    if error.hint:
        print(plain_line(f"hint: {error.hint}"), file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    main()
