"""What ``coder propose --dry-run`` prints: tokens, calls and price, before anything is paid."""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from coder.proposers.base import Preview

PARTS = {
    "system": "system, codebook, form of the answer",
    "definitions": "retrieved definitions",
    "examples": "similar labelled issues",
    "issue": "the issue itself",
    "total": "whole prompt",
}


def show(pending: int, preview: Preview | None) -> None:
    """Print what proposing codes for ``pending`` issues will take; ``None``: nothing."""
    from coder.cli.terminal import console, safe

    console.print("Dry run: nobody is contacted and nothing is written.")
    console.print(f"Issues pending: {pending:,}.")
    if preview is None:
        console.print("The embedded model makes no calls and costs nothing.")
        return
    if preview.sampled:
        measured = len(preview.measured) + preview.on_disk
        console.print(f"Measured on a random sample of {measured:,}; totals are extrapolated.")
    if preview.on_disk:
        console.print(
            f"{preview.on_disk:,} of those have their answer on disk already, of this run or of "
            "another of the study.",
            soft_wrap=True,
        )
    if preview.measured:
        console.print(_parts(preview))
        masked = sum(parts.masked for parts in preview.measured)
        if masked:
            console.print(f"Masked in what was measured: {masked:,} places.")
    for line in _totals(preview):
        console.print(safe(line), soft_wrap=True)


def _parts(preview: Preview) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    single = all(parts.prompts == 1 for parts in preview.measured)
    table.add_column("tokens of one prompt" if single else "tokens an issue")
    for head in ("mean", "median", "largest"):
        table.add_column(head, justify="right")
    for part, name in PARTS.items():
        counts = [getattr(parts, part) for parts in preview.measured]
        figures = (fmean(counts), median(counts), max(counts))
        table.add_row(name, *(f"{figure:,.0f}" for figure in figures))
    return table


def _totals(preview: Preview) -> list[str]:
    from coder.proposers.budget import money

    usage, cacheable = preview.usage, preview.cacheable
    about = "about " if preview.sampled else ""
    how = preview.counted_by if preview.exact else f"{preview.counted_by}, an approximation here"
    share = cacheable.cached_tokens / usage.input_tokens if usage.input_tokens else 0
    lines = [
        f"Calls: {about}{preview.calls:,}; one more for each answer that must be repaired or "
        "request that must be repeated.",
        f"Input: {about}{usage.input_tokens:,} tokens (counted by {how}); {share:.0%} of them are "
        "a prefix that a provider may have cached.",
        f"Output: at most {about}{usage.output_tokens:,} tokens, if every answer is as long as it "
        f"may be ({preview.max_output_tokens:,}).",
    ]
    price = preview.price
    if price is None:
        return [*lines, f"Price: unknown; prices.toml has no entry for {preview.model}."]
    if price.as_of is None:
        return [*lines, "Price: USD 0; the server is your own."]
    return [
        *lines,
        f"Price: {about}{money(preview.cost(usage))} with that output, "
        f"{money(preview.cost(cacheable))} with the prefix cached "
        f"(prices of {price.as_of}; they change).",
    ]
