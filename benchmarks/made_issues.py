"""Made-up issues with the lengths and the structure of real ones, for benchmarks.

Lengths are drawn log-normally: median 620 characters, 95% below 7,300, the longest 64,604, as in
15,207 issues of LLM applications. Each has what such issues have: prose about a model, headings and
tick boxes of a template, code, logs.
"""

from __future__ import annotations

import math
import random
import re

from coder.records import Issue

MEDIAN, SPREAD, LONGEST = 620, 1.5, 64_604

MODELS = ["bert-base", "llama-3-8b", "whisper-small", "clip-vit", "t5-large", "mistral-7b", "yolo"]
PARTS = ["tokenizer", "checkpoint", "config", "adapter", "pipeline", "trainer", "dataset", "cache"]
VERBS = ["load", "fine-tune", "quantise", "convert", "export", "run", "download", "evaluate"]
TROUBLES = [
    "runs out of memory on a card with {n} GB", "gives other results than the paper says",
    "fails with a version conflict of torch {n}.1", "answers in the wrong language",
    "is {n} times slower than on the hub", "needs a licence that nobody names",
    "does not stop before {n} tokens", "has no documentation for the {part}",
    "repeats the last sentence again and again", "cannot be found under that name any more",
]  # fmt: skip
SENTENCES = [
    "When I {verb} {model}, it {trouble}.", "The {part} of {model} {trouble}.",
    "I expected that the {part} would just work, as it did with {other}.",
    "Has anybody managed to {verb} {model} with its {part}?",
    "We {verb} it in production for {n} users, and since the last release it {trouble}.",
    "It is the same with {other}, but only if the {part} was made by the old script.",
    "Any hint would be welcome; I can send the {part} if that helps.",
]  # fmt: skip
LOG = "[2026-01-{d:02} 12:{n:02}:07] ERROR {part}.py:{n} {model}: {trouble}"
CODE = "{part} = AutoModel.from_pretrained('{model}', batch={n})"
TEMPLATE = (
    "### Describe the bug\n\n{said}\n\n### Checklist\n\n- [x] I have searched the existing issues\n"
    "- [ ] I would like to work on it\n\n### Version\n\n{n}.2.1\n"
)


def made_issues(count: int, seed: int = 0) -> list[Issue]:
    """``count`` issues; the same for the same seed, and the first of more."""
    return [_made(number, random.Random(f"{seed} {number}")) for number in range(count)]


def _made(number: int, rng: random.Random) -> Issue:
    length = min(LONGEST, max(40, round(rng.lognormvariate(math.log(MEDIAN), SPREAD))))
    title = _filled("{model} {trouble}", rng)
    pieces: list[str] = []
    written = len(title)
    while written < length:
        # Long issues are mostly logs and code.
        how = rng.random() * (1 if length < 3000 else 2)
        if how < 0.7:
            said = [_filled(rng.choice(SENTENCES), rng) for _ in range(rng.randint(1, 5))]
            piece = " ".join(said)
        elif how < 1:
            piece = TEMPLATE.format(said=_filled(rng.choice(SENTENCES), rng), n=rng.randint(0, 9))
        else:
            line = CODE if how < 1.4 else LOG
            rows = [_filled(line, rng) for _ in range(rng.randint(3, 30))]
            piece = "\n".join(["```", *rows, "```"])
        pieces.append(piece)
        written += len(piece) + 2
    body = "\n\n".join(pieces)[: max(0, length - len(title))]
    repo = f"maker-{number % 31}/tool"
    return Issue(id=f"{repo}#{number}", repo=repo, number=number, title=title, body=body)


def _word(rng: random.Random) -> str:
    """One of 30,000 made-up words; few are common and most are rare, as names in issues are."""
    rank = min(29_999, int(rng.paretovariate(0.5)))
    letters = random.Random(rank)
    return "".join(letters.choice("bdfgklmnprstvz") + letters.choice("aeiou") for _ in range(3))


def _filled(text: str, rng: random.Random) -> str:
    text = text.replace("{trouble}", rng.choice(TROUBLES))
    text = re.sub(
        r" (?=[a-z{])", lambda gap: f" {_word(rng)} " if rng.random() < 0.3 else " ", text
    )
    return text.format(
        model=rng.choice(MODELS), other=rng.choice(MODELS), part=rng.choice(PARTS),
        verb=rng.choice(VERBS), n=rng.randint(1, 59), d=rng.randint(1, 28),
    )  # fmt: skip
