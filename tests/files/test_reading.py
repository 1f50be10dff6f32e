"""What is no UTF-8 text, too large or nested without end is refused in one line that says where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coder.__main__ import run
from coder.errors import InputError, RunError
from coder.files import reading
from coder.files.reading import read_text
from coder.records import Label
from coder.storage.journal import Journal
from coder.study import Study

BOOK = "id: pets\nname: Pets\ncodes:\n- {id: cat, name: Cat, definition: Cats purr.}\n"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CODER_API_KEY", raising=False)
    (tmp_path / "study.toml").write_text('codebook = "pets"\n')
    for folder in ("codebook", "prompts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(BOOK)
    return tmp_path


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a command that must fail as a user's mistake does."""
    assert run(list(arguments)) not in (0, 130)
    printed = capsys.readouterr().err.strip().split("\n")
    assert "Traceback" not in printed[0]
    message, hint = printed[-2:]
    assert message.startswith("error: ") and hint.startswith("hint: ")
    return message


SHOW = ("codebook", "show")
FILES = {
    "study.toml": ('codebook = "pets"\n', SHOW),
    ".env": ("CODER_SEED=7\n", SHOW),
    "codebook/pets.yaml": (BOOK, SHOW),
    "prompts/mine.jinja": ("{# a prompt #}\n", ("prompt", "diff", "mine", "propose.v1")),
}
"""Each file a study is read from, and a command that reads it."""
every_file = pytest.mark.parametrize("name", FILES)


@every_file
def test_a_byte_order_mark_is_no_mistake(study: Path, name: str) -> None:
    text, command = FILES[name]
    (study / name).write_bytes(text.encode("utf-8-sig"))
    assert run(list(command)) == 0


def test_what_stands_behind_a_byte_order_mark_counts(study: Path) -> None:
    (study / "study.toml").write_bytes("seed = 5\n".encode("utf-8-sig"))
    (study / ".env").write_bytes("CODER_API_KEY=k\nOTHER=x\n".encode("utf-8-sig"))
    opened = Study.open()
    assert opened.settings.seed == 5
    assert opened.settings.api_key and opened.settings.api_key.get_secret_value() == "k"
    (study / ".env").write_bytes("OTHER=x\n".encode("utf-8-sig"))
    assert opened.key("OTHER")


@every_file
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_called_so(
    study: Path, capsys: pytest.CaptureFixture[str], name: str, encoding: str
) -> None:
    text, command = FILES[name]
    (study / name).write_bytes(text.encode(encoding))
    message = failure(capsys, *command)
    assert f"{name} is UTF-16" in message or f"{name} is not UTF-8 text" in message


@every_file
def test_a_byte_that_is_not_utf_8_is_named_with_its_line(
    study: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    text, command = FILES[name]
    (study / name).write_bytes(text.encode() + b"\n# caf\xe9\n")
    line = text.count("\n") + 2
    assert f"{name}:{line}: not UTF-8 text (byte 0xe9)" in failure(capsys, *command)


@every_file
def test_a_file_far_too_large_is_not_read(
    study: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    text, command = FILES[name]
    (study / name).write_bytes(text.encode() + b"#" * reading.LARGEST_TEXT)
    assert f"{name} is larger than 4 MiB" in failure(capsys, *command)


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="larger than"):
        read_text(Path("/dev/zero"))


def test_settings_nested_without_end(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "study.toml").write_text("a = " + "[" * 20_000)
    assert "study.toml is not valid TOML" in failure(capsys, *SHOW)


def label(memo: str) -> bytes:
    fields = {"issue_id": "1", "rater": "ann", "codes": [], "memo": memo, "prev": "0" * 64}
    return json.dumps(fields).encode() + b"\n"


@pytest.mark.parametrize("line", [b'{"memo":' + b"[" * 200_000, b'{"memo":"\xff"}', b"[]"])
def test_a_line_of_a_run_that_is_no_record_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ann.jsonl"
    path.write_bytes(label("a") + line + b"\n")
    with pytest.raises(RunError, match=r"ann\.jsonl:2: not a label record"):
        list(Journal(path, Label))
    assert Journal(path, Label).broken_line() == 2


def test_a_line_of_a_run_too_long_to_be_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_LINE", 1 << 20)
    path = tmp_path / "ann.jsonl"
    path.write_bytes(label("a") + label("x" * (1 << 20)) + label("b"))
    with pytest.raises(RunError, match=r"ann\.jsonl:2: .* longer than 1 MiB"):
        list(Journal(path, Label))
