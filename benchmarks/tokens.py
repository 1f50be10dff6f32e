"""Prompt tokens of each strategy against naive prompting (whole codebook, whole issue).

    python benchmarks/tokens.py DATA_FOLDER [HOW_MANY=1000]

``DATA_FOLDER`` holds ``hf_reuse_questions.jsonl`` (all of it is measured) and
``llm_app_issues_15207.jsonl.gz`` (a random sample). Asks nobody: prompts are made and counted with
tiktoken (o200k_base). "cached" counts a prefix that a provider has seen before as nothing: of naive
prompting, which begins with the codebook, the issue is left. What is shown here is how much is
sent; whether codes are as good is for ``quality.py`` to say.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from hf_reuse import BOOK, MAP, coder, maps

from coder.codebook import load as codebooks
from coder.files.resources import find
from coder.proposers.base import Parts, total_parts
from coder.proposers.chat.prompt_composer import Composer
from coder.proposers.chat.strategies import open_strategy
from coder.records import Codebook, Issue
from coder.sources.issues import load_issues
from coder.study import Study

WAYS: Sequence[tuple[str, str, str, dict[str, int]]] = (
    ("v1", "propose.v1", "flat", {}),
    ("v1, rules of 3 codes", "propose.v1", "flat", {"definitions": 3}),
    ("v1, all rules", "propose.v1", "flat", {"definitions": 0}),
    ("v1, cascade", "propose.v1", "cascade", {}),
    ("v2", "propose.v2", "flat", {}),
    ("v2, rules of 8 codes", "propose.v2", "flat", {"rules_tokens": 0}),
    ("v2, cascade", "propose.v2", "cascade", {}),
)
"""Row, prompt, strategy and settings of retrieval."""


def naive(composer: Composer, book: Codebook, issue: Issue) -> int:
    """Every rule of the codebook and every word of the issue, in one message."""
    rules = "\n".join(
        "\n".join([f"{code.id} ({code.name}): {code.definition}", *code.include, *code.exclude,
                   *code.examples])
        for code in book.codes
    )  # fmt: skip
    return composer.counter.count(f"{rules}\n{issue.text}")


def measure(name: str, book: Codebook, issues: list[Issue]) -> None:
    print(f"\n{name}: {len(issues)} issues, {len(book.leaves)} codes")
    print("| prompt | system and schema | rules | issue | in all | of naive | of naive, cached |")
    print("|---|---|---|---|---|---|---|")
    whole = 0.0
    for row, prompt, strategy, retrieval in WAYS:
        study = Study.open(
            model={
                "name": "openai:any",
                "base_url": "http://localhost",
                "strategy": strategy,
                "prompt": prompt,
            },
            retrieval=retrieval,
        )
        composer = Composer.open(study, book, [])
        if not whole:
            whole = fmean(naive(composer, book, issue) for issue in issues)
            alone = fmean(composer.counter.count(issue.text) for issue in issues)
            print(f"| naive | | | {alone:,.0f} | {whole:,.0f} | 1 | {alone / whole:.2f} |")
        asking = open_strategy(study.settings.model, book, composer, bounded=False)
        beginnings = {stage.composer.prompt.system for stage in asking.stages()}
        found: list[Parts] = []
        for issue in issues:
            made = asking.expected(issue)
            assert {one.composed.messages[0][1] for one in made} <= beginnings
            found.append(total_parts([one.parts for one in made]))
        system, rules, text = (
            fmean(getattr(parts, name) for parts in found)
            for name in ("system", "definitions", "issue")
        )
        sent = system + rules + text
        print(f"| {row} | {system:,.0f} | {rules:,.0f} | {text:,.0f} | {sent:,.0f} "
              f"| {sent / whole:.2f} | {(sent - system) / whole:.2f} |", flush=True)  # fmt: skip


def main(data: Path, how_many: int) -> None:
    data = data.resolve()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "coder", "init", folder], check=True)
        os.chdir(folder)
        source = str(data / "hf_reuse_questions.jsonl")
        coder("import", source, "-o", "hf.jsonl", *maps(MAP))
        coder("import", str(data / "llm_app_issues_15207.jsonl.gz"), "-o", "llm.jsonl")
        measure("hf_reuse_questions", codebooks.load(BOOK), load_issues(Path("hf.jsonl")))
        issues = load_issues(Path("llm.jsonl"))
        book = codebooks.load(find("codebook", "ptm-reuse", ".yaml", Path()))
        measure("LLM-app issues", book, random.Random(0).sample(issues, how_many))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
