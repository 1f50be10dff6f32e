"""What was appended is on disk, whole, in order, and provably unchanged."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.errors import RunError, StorageError
from coder.files.atomic_write import write_atomically
from coder.records import ScoredCode
from coder.storage.journal import Journal


def record(text: str) -> ScoredCode:
    return ScoredCode(code=text)


def codes(path: Path) -> list[str]:
    return [r.code for r in Journal(path, ScoredCode)]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), max_size=5))
def test_any_text_comes_back_as_it_was(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("j") / "a.jsonl"
    for batch in batches:  # a new Journal each time, as after a restart
        Journal(path, ScoredCode).append([record(text) for text in batch])
    assert codes(path) == [text for batch in batches for text in batch]
    assert Journal(path, ScoredCode).broken_line() is None


def test_a_line_may_be_spelled_otherwise_and_say_what_a_chain_says(tmp_path):
    """Read whole or field by field, a line is the same record."""
    path = tmp_path / "a.jsonl"
    text = f'x,"prev":"{"0" * 64}"'
    Journal(path, ScoredCode).append([record(text), record(text)])
    (line, _) = path.read_bytes().splitlines()
    fields = json.loads(line)
    turned = {"prev": fields.pop("prev"), **fields}
    path.write_bytes(line + b"\n" + json.dumps(turned).encode() + b"\n" + b'{"code":"y"}\n')
    whole, other, short = Journal(path, ScoredCode)
    assert whole == other == record(text)
    assert short == record("y")
    assert short.model_fields_set == {"code"}
    assert whole.model_copy(update={"confidence": 0.5}).code == text


def test_a_line_with_a_field_that_is_not_known_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"code":"x","prev":"0"}\n{"code":"x","prior":"0"}\n')
    with pytest.raises(RunError, match=r"a\.jsonl:2: .*prior"):
        list(Journal(path, ScoredCode))


@given(cut=st.integers(min_value=1, max_value=80))
def test_a_line_torn_at_any_byte_is_set_aside_and_the_rest_goes_on(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("j") / "a.jsonl"
    Journal(path, ScoredCode).append([record("one"), record("two")])
    whole = path.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    torn = whole[last : last + min(cut, len(whole) - last - 1)]
    path.write_bytes(whole[:last] + torn)
    assert codes(path) == ["one"]
    Journal(path, ScoredCode).append([record("three")])
    assert codes(path) == ["one", "three"]
    assert path.with_name("a.jsonl.torn").read_bytes() == torn + b"\n"
    assert Journal(path, ScoredCode).broken_line() is None


def test_a_changed_or_removed_line_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    Journal(path, ScoredCode).append([record(c) for c in "abcd"])
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], lines[1].replace(b'"b"', b'"x"'), *lines[2:]]))
    assert Journal(path, ScoredCode).broken_line() == 3
    path.write_bytes(b"\n".join([lines[0], *lines[2:]]))
    assert Journal(path, ScoredCode).broken_line() == 2


def test_a_damaged_line_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "a.jsonl"
    Journal(path, ScoredCode).append([record("a"), record("b")])
    path.write_bytes(path.read_bytes().replace(b'"code":"b"', b'"kode":"b"'))
    with pytest.raises(RunError, match=r"a\.jsonl:2: not a scoredcode record"):
        codes(path)


def test_a_full_disk_leaves_only_whole_lines(tmp_path):
    """A real limit of the operating system on the file's size stands in for the full disk."""
    path = tmp_path / "a.jsonl"
    Journal(path, ScoredCode).append([record("kept")])
    script = textwrap.dedent(f"""
        import resource, signal
        from pathlib import Path
        from coder.errors import StorageError
        from coder.storage.journal import Journal
        from coder.records import ScoredCode
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = Path({str(path)!r}).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, resource.RLIM_INFINITY))
        journal = Journal(Path({str(path)!r}), ScoredCode)
        try:
            journal.append([ScoredCode(code="too long " * 20)])
        except StorageError as error:
            assert "everything reported before is on disk" in error.hint
        else:
            raise SystemExit("no error")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        journal.append([ScoredCode(code="after")])
    """)
    assert resource.RLIM_INFINITY  # the module exists on this system
    subprocess.run([sys.executable, "-c", script], check=True)
    assert codes(path) == ["kept", "after"]
    assert Journal(path, ScoredCode).broken_line() is None


def test_no_rights_is_an_error_with_a_hint(tmp_path):
    with pytest.raises(StorageError) as caught:
        write_atomically(Path("/proc/nowhere/file"), "text")
    assert "permissions" in caught.value.hint


def _append_for_ever(path: Path, acknowledged: Path) -> None:
    journal = Journal(path, ScoredCode)
    with acknowledged.open("a", buffering=1) as log:
        for i in range(10**9):
            journal.append([record(f"{os.getpid()}:{i}")])
            log.write(f"{os.getpid()}:{i}\n")


def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path):
    path, acknowledged = tmp_path / "a.jsonl", tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    for round_ in range(3):
        writer = context.Process(target=_append_for_ever, args=(path, acknowledged))
        writer.start()
        wanted = (round_ + 1) * 30
        while not acknowledged.exists() or acknowledged.read_bytes().count(b"\n") < wanted:
            assert writer.is_alive()
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    seen = codes(path)
    log = acknowledged.read_text().split("\n")[:-1]
    assert set(log) <= set(seen)
    assert len(seen) == len(set(seen))
    assert Journal(path, ScoredCode).broken_line() is None


def test_two_writers_at_once_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    script = textwrap.dedent(f"""
        from pathlib import Path
        from coder.storage.journal import Journal
        from coder.records import ScoredCode
        with Journal(Path({str(path)!r}), ScoredCode).writing("review"):
            print("held", flush=True)
            input()
    """)
    other = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin
    assert other.stdout
    assert other.stdout.readline() == b"held\n"
    journal = Journal(path, ScoredCode)
    with pytest.raises(RunError, match="another process"), journal.writing("review"):
        pass
    other.communicate(b"\n")
    with journal.writing("review"):
        journal.append([record("mine now")])
    assert codes(path) == ["mine now"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "first")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "second \ud800")
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
