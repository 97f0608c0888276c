"""The table of ``ssdiff eval``, as text for stdout."""

import io
import shutil
import sys
from typing import TYPE_CHECKING

from ssdiff_cli.console import printable
from ssdiff_cli.jobs.evaluate.results import Evaluation, Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

__all__ = ["render_table"]

_WIDTH = 160
"""Columns of a table that goes to a file or a pipe."""


def render_table(evaluation: Evaluation) -> str:
    """Returns the tables, best figures marked, and the protocol; coloured for a terminal."""
    from rich.box import ASCII, HEAVY_HEAD
    from rich.console import Console

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _WIDTH
    text = io.StringIO()
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    unicode = encoding.lower().startswith("utf")
    console = Console(file=text, force_terminal=terminal, width=width, highlight=False)
    for table in evaluation.tables():
        drawn = _drawn(table)
        drawn.box = HEAVY_HEAD if unicode else ASCII
        console.print(drawn)
    for comment in evaluation.comments:
        console.print(printable(comment), markup=False, soft_wrap=True)
    for name, value in evaluation.settings.described(evaluation.count):
        console.print(printable(f"{name}: {value}"), markup=False, soft_wrap=True)
    for note in evaluation.settings.notes:
        console.print(printable(f"note: {note.text}"), markup=False, soft_wrap=True)
    return text.getvalue().rstrip("\n")


def _drawn(table: Table) -> "RichTable":
    from rich.markup import escape
    from rich.table import Table as RichTable

    drawn = RichTable("method", header_style="bold", title_justify="left")
    if table.ranks:
        drawn.add_column("rank", justify="right")
    for metric in table.metrics:
        drawn.add_column(escape(f"{metric.title} {metric.arrow}"), justify="right")
    for method, cells in table.rows.items():
        texts = [f"[bold green]{one.text}*[/]" if one.best else f"{one.text} " for one in cells]
        ranks = [table.rank(method)] if table.ranks else []
        drawn.add_row(escape(printable(method)), *ranks, *texts)
    return drawn
