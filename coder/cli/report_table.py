"""The tables of a report on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def plain_table(title: str, first: str, *rest: str) -> Table:
    """A table whose first column folds; the others are figures, whose columns stay whole."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"\n{title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        pad_edge=False, show_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column(first, overflow="fold")
    for column in rest:
        table.add_column(column, justify="right", no_wrap=True)
    return table
