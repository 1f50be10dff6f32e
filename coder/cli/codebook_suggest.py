"""``coder codebook suggest``: candidate codes for what a codebook does not cover."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names
from coder.cli.asking import agree_to_send, send_to

if TYPE_CHECKING:
    from coder.revision.code_suggestions import Candidate, Suggestions
    from coder.storage.run import Run
    from coder.study import Study


@click.command("suggest")
@click.argument("name", shell_complete=run_names)
@click.option(
    "-o", "output", type=click.Path(path_type=Path), help="Write the candidates as YAML codes."
)
@click.option("--name-with-model", is_flag=True, help="Ask the study's chat model for names.")
@send_to
def suggest(
    name: str, output: Path | None, name_with_model: bool, send_to: tuple[str, ...]
) -> None:
    """Group the issues of run NAME that its codebook does not settle.

    Those are issues that no code fits, that the model is least sure of, or whose code people often
    correct. Each group is a candidate for a code, named by the words its issues have in common.
    Whether it becomes one, people decide.
    """
    from coder.cli.terminal import console, safe
    from coder.retrieval.embedders import open_embedder
    from coder.revision.code_suggestions import suggest as find
    from coder.storage.run import Run
    from coder.study import Study
    from coder.text.spelling import plural

    study = Study.open()
    run = Run.open(study.runs, name)
    found = find(run, open_embedder(study.settings.retrieval.embedder, study.root))
    candidates = list(found.candidates)
    if name_with_model and candidates:
        candidates = _named(study, run, candidates, send_to)
    _show(run, found, candidates)
    if output and candidates:
        _write(output, run, candidates)
        console.print(
            f"{plural(len(candidates), 'candidate')} in {safe(output)}: copy what you want into "
            "the codebook and define it, then: coder codebook bump",
            soft_wrap=True,
        )


def _named(
    study: Study, run: Run, candidates: list[Candidate], send_to: tuple[str, ...]
) -> list[Candidate]:
    from coder.cli.terminal import err_console
    from coder.errors import UsageError
    from coder.proposers.chat.naming import name_groups
    from coder.records import Call
    from coder.revision.code_suggestions import named
    from coder.storage.journal import Journal

    if study.settings.model.name == "embedded":
        raise UsageError(
            "the study's model is the built-in classifier, which names nothing",
            "leave --name-with-model out, or set model.name to a chat model",
        )
    shown = [one.examples for one in candidates]
    agree_to_send(study, [issue for issues in shown for issue in issues], send_to)
    calls = Journal(run.path / "suggest" / "calls.jsonl", Call)
    with calls.writing("coder codebook suggest"):
        names = name_groups(study, run.codebook, shown, calls)
    unnamed = sum(not given.name for given in names)
    if unnamed:
        err_console.print(f"The model gave no usable name for {unnamed}; these keep their words.")
    return [
        named(one, given.name, given.definition) if given.name else one
        for one, given in zip(candidates, names, strict=True)
    ]


def _show(run: Run, found: Suggestions, candidates: list[Candidate]) -> None:
    from collections import Counter

    from coder.cli.printing import table
    from coder.cli.terminal import console, safe
    from coder.revision.code_suggestions import heading

    counts = Counter(found.pool.values())
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in counts.most_common())
    more = f" {found.left_out:,} more were left out." if found.left_out else ""
    console.print(f"{len(found.pool):,} issues are not settled: {reasons}.{more}", soft_wrap=True)
    if not candidates:
        console.print("No three of them are alike: there is nothing to suggest.")
        return
    shown = table("", "Candidate")
    shown.show_lines = shown.expand = True
    shown.columns[0].ratio = 2
    shown.add_column("For example", ratio=3, no_wrap=True, overflow="ellipsis")
    for one in candidates:
        why = ", ".join(f"{n} {reason}" for reason, n in one.reasons.most_common())
        told = [f"[bold]{safe(one.name)}[/]"]
        told += [f"[dim]{safe(', '.join(one.words))}[/]"] if one.renamed else []
        told += [
            f"{len(one.issues):,} issues, alike {one.cohesion:.2f}",
            f"[dim]{why}[/]",
            f"near {safe(run.codebook.path(one.nearest))} [dim]{one.similarity:.2f}[/]",
        ]
        lines = [f"{safe(issue.id)}  {safe(heading(issue))}" for issue in one.examples]
        shown.add_row("\n".join(told), "\n".join(lines))
    console.print(shown)
    console.print(
        f"{found.unlike:,} are like no other. Alike: how near a group's issues are to its middle "
        "(cosine).",
        soft_wrap=True,
    )


def _write(path: Path, run: Run, candidates: list[Candidate]) -> None:
    import yaml

    from coder.files.atomic_write import write_atomically
    from coder.revision.code_suggestions import entries

    book = run.codebook
    head = (
        f"# Candidate codes for {book.id} {book.version}, found by coder codebook suggest in run\n"
        f"# {run.name}. Entries for the list `codes`; to be defined before they are used.\n"
    )

    class Indented(yaml.SafeDumper):
        """Lists are indented, as in the shipped codebooks."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

    body = yaml.dump(
        {"codes": entries(candidates)}, Dumper=Indented, sort_keys=False, allow_unicode=True,
        width=96,
    )  # fmt: skip
    write_atomically(path, head + body)
