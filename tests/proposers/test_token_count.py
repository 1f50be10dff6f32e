"""Tokens are counted exactly without a network, and an estimate says that it is one."""

from __future__ import annotations

import importlib.util
import os
import socket

import pytest

from coder.proposers import token_count


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("counting tokens must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    # What another test made tiktoken keep in memory would hide a missing file.
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})


@pytest.mark.parametrize(
    ("model", "name", "exact"),
    [
        ("openai:gpt-4.1-mini", "o200k_base", True),
        ("openai:gpt-4", "cl100k_base", True),
        ("ollama:llama3", "o200k_base", False),
        ("openai:some-new-model", "o200k_base", False),
    ],
)
def test_counts_by_the_models_own_vocabulary(model, name, exact, tmp_path, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/the/user's/own")
    counter = token_count.open_counter(model, tmp_path)
    assert (counter.name, counter.exact) == (name, exact)
    assert counter.count("hello world") == 2
    assert counter.count("<|endoftext|>") > 1
    assert os.environ["TIKTOKEN_CACHE_DIR"] == "/the/user's/own"


def test_a_damaged_vocabulary_is_replaced(tmp_path):
    token_count.open_counter("openai:gpt-4.1", tmp_path)
    (file,) = (tmp_path / "tiktoken").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    assert token_count.open_counter("openai:gpt-4.1", tmp_path).exact
    assert file.read_bytes() == whole


def test_without_the_vocabulary_it_estimates_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    counter = token_count.open_counter("openai:gpt-4.1", tmp_path)
    assert (counter.name, counter.exact) == ("estimate", False)
    assert not token_count.check_tokens()


@pytest.mark.parametrize(
    "text", ["The model runs out of memory on my GPU. " * 20, "模型在我的显卡上内存不足。" * 20,
             "  File \"/a/b.py\", line 7, in forward\n    x = self.f(y)\n" * 20],
)  # fmt: skip
def test_the_estimate_is_near(text, tmp_path):
    exact = token_count.open_counter("openai:gpt-4.1", tmp_path).count(text)
    assert 0.6 * exact <= token_count.estimate(text) <= 2.5 * exact
