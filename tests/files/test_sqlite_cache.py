"""A cache may be damaged or deleted at any time: what it held is made again."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from coder.errors import StorageError
from coder.files.sqlite_cache import SqliteCache


def opened(path: Path, *, read_only: bool = False) -> SqliteCache:
    return SqliteCache(path, "kept", "key TEXT PRIMARY KEY, value TEXT", read_only=read_only)


def put(cache: SqliteCache, *keys: str) -> None:
    rows = [(key, key * 500) for key in keys]
    cache.use(lambda db: db.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?)", rows))


def keys(cache: SqliteCache) -> list[str]:
    found = cache.use(lambda db: db.execute("SELECT key FROM kept ORDER BY key").fetchall())
    return [key for (key,) in found or ()]


def overwrite(path: Path) -> None:
    path.write_bytes(b"\xff" * 100 + path.read_bytes()[100:])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def another(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE kept (other TEXT)")
    db.close()


def not_text(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("UPDATE kept SET key = CAST(x'ff' AS TEXT) WHERE key = 'a'")
    db.commit()
    db.close()


@pytest.mark.parametrize("damage", [overwrite, cut, another, not_text])
def test_what_is_damaged_is_put_aside_and_made_again(tmp_path: Path, damage) -> None:
    path = tmp_path / "cache" / "a.sqlite"
    first = opened(path)
    put(first, *"abcdefgh")
    first.close()
    damage(path)
    again = opened(path)
    assert keys(again) == []
    put(again, "x")
    assert keys(opened(path)) == ["x"]
    assert path.with_name("a.sqlite.damaged").is_file()


@pytest.mark.parametrize("damage", [overwrite, cut, another])
def test_reading_alone_leaves_what_is_damaged_as_it_is(tmp_path: Path, damage) -> None:
    path = tmp_path / "a.sqlite"
    first = opened(path)
    put(first, *"abcdefgh")
    first.close()
    damage(path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert keys(opened(path, read_only=True)) == []
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("what", ["the file", "the folder", "everything in it"])
def test_what_is_removed_while_it_is_in_use_does_not_end_the_run(tmp_path: Path, what: str) -> None:
    path = tmp_path / "cache" / "a.sqlite"
    used = opened(path)
    put(used, "a")
    if what == "the folder":
        shutil.rmtree(path.parent)
    for file in [path] if what == "the file" else path.parent.glob("*"):
        file.unlink()
    put(used, "b")
    assert "b" in keys(used)
    later = opened(path)
    put(later, "c")
    assert "c" in keys(opened(path))


def test_two_that_meet_the_damage_at_once_keep_what_the_other_made(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    one, two = opened(path), opened(path)
    for cache in (one, two):
        put(cache, "a")
        cache.close()
    overwrite(path)
    put(one, "x")
    put(two, "y")
    assert keys(one) == keys(two) == ["x", "y"]


def test_what_cannot_be_made_again_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .*a\.sqlite") as caught:
        put(opened(tmp_path / "file" / "a.sqlite"), "a")
    assert caught.value.hint
