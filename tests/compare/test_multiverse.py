"""Which conclusions hang on a setting, on runs whose conclusions are known."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from support.runs import AT, Maker, issue, label, proposal

from coder.__main__ import run as coder
from coder.compare import multiverse, write_multiverse
from coder.records import Status

SLOW, FAST = 30.0, 1.0


def universe(maker, name, codes, **model):
    """A run whose model gives these codes, made with these settings."""
    maker.model = {"kind": "llm", "name": "m", "prompt": "one", "k": 3, **model}
    return maker.run({f"{n:02}": code for n, code in enumerate(codes)}, name)


@pytest.fixture
def runs(maker: Maker):
    maker.issues = [
        issue(f"{n:02}", created_at=AT,
              closed_at=AT + timedelta(days=(SLOW if n < 10 else FAST) + n / 100))
        for n in range(20)
    ]  # fmt: skip
    return [
        universe(maker, "one", "a" * 10 + "b" * 9 + "c"),
        universe(maker, "two", "a" * 10 + "b" * 9 + "c", prompt="other"),
        universe(maker, "three", "ab" * 9 + "bb", prompt="other", k=5),
    ]


def conclusion(found, name):
    return next(c for c in found.conclusions if c.name == name)


def test_conclusions_flip_with_the_setting_they_hang_on(runs):
    found = multiverse(runs)
    assert {s.name for s in found.settings} == {"prompt", "k"}
    largest = conclusion(found, "largest")
    assert largest.values == {"one": "a", "two": "a", "three": "b"}
    assert (largest.majority, largest.against, largest.told) == ("a", 1, 3)
    assert (largest.apart, largest.pairs) == (2, 3)
    assert largest.by_setting == {"prompt": (1, 0), "k": (1, 1)}
    order = conclusion(found, "order")
    assert order.values["one"] == "a > b > c"
    assert order.values["three"] == "b > a > c"


def test_whether_times_differ_hangs_on_the_codes(runs):
    time = conclusion(multiverse(runs), "time")
    assert time.values == {"one": "differs", "two": "differs", "three": "no difference shown"}


def test_ties_are_conclusions_of_their_own(maker: Maker):
    runs = [universe(maker, "one", "aabb"), universe(maker, "two", "aabc", k=5)]
    found = multiverse(runs)
    assert conclusion(found, "largest").values == {"one": "a = b", "two": "a"}
    assert conclusion(found, "largest").majority is None
    assert conclusion(found, "order").values["two"] == "a > b = c"


def test_labels_correct_the_counts_of_every_run(runs):
    truth = {f"{n:02}": "c" for n in range(20)}
    label(runs[0], "ann", truth)
    found = multiverse(runs)
    assert (found.rater, found.labels) == ("ann", 20)
    corrected = conclusion(found, "corrected")
    assert set(corrected.values.values()) == {"c"}
    assert corrected.apart == 0
    shares = {c.code: c.corrected.value for c in found.universes[2].counts}
    assert shares == {"a": 0, "b": 0, "c": 1}


def test_an_answer_off_the_codebook_or_none_is_in_no_category(maker: Maker):
    one = universe(maker, "one", ["a", "a", (), Status.FAILED, "zzz"])
    two = universe(maker, "two", "abbbb", k=5)
    found = multiverse([one, two]).universes[0]
    assert {c.code: c.count for c in found.counts} == {"a": 2, "b": 0, "c": 0}
    assert (found.none, found.answered) == (1, 3)


def test_runs_that_differ_in_a_hash_alone_are_told_apart(maker: Maker):
    runs = [universe(maker, n, "ab", prompt_hash=n * 8) for n in ("one", "two")]
    (setting,) = multiverse(runs).settings
    assert "hash" in setting.name
    alike = [universe(maker, n, "ab") for n in ("three", "four")]
    assert multiverse(alike).settings == ()


def test_the_files_say_the_same(runs, tmp_path):
    write_multiverse(multiverse(runs), tmp_path)
    saved = json.loads((tmp_path / "multiverse.json").read_text())
    assert saved["shared"] == 20
    text = (tmp_path / "multiverse.md").read_text()
    assert "1 of 3 runs against the majority; 2 of 3 pairs of runs disagree" in text
    assert "may still be wrong in all of them" in text


def test_issues_counted_and_tested_are_not_called_answered_and_closed(
    runs, tmp_path, monkeypatch, capsys
):
    """The only issue of ``c`` is closed and not tested; the first is leaked and yet counted."""
    runs[0].proposals.append([proposal("00", "a", shown=("00",), number=2)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coder.cli.terminal.console._width", 100)
    (tmp_path / "study.toml").touch()
    assert coder(["multiverse", "one", "two", "-o", "out"]) == 0
    lines = capsys.readouterr().out.split("\n")
    at = next(at for at, line in enumerate(lines) if "epsilon²" in line)
    head, row = lines[at], lines[at + 2]
    assert head.split()[:4] == ["run", "counted", "no", "code"]
    told = dict(zip(("letter", "run", "counted", "none", "tested"), row.split(), strict=False))
    assert (head.split()[4], told["counted"], told["tested"]) == ("tested", "20", "19")
    text = (tmp_path / "out" / "multiverse.md").read_text()
    (members,) = json.loads((tmp_path / "out" / "multiverse.json").read_text())["runs"][:1]
    assert members["answered"] == 19
    assert "| Counted, leaked ones too | 20 | 20 |" in text
    assert "| run | tested | still open |" in text
