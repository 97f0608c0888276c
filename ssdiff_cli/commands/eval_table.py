"""The table of ``ssdiff eval``, as text for stdout."""

import io
import shutil
import sys

from ssdiff_cli.jobs.evaluate.results import Evaluation
from ssdiff_cli.jobs.evaluate.scores import METRICS

__all__ = ["render_table"]

_WIDTH = 160
"""Columns of a table that goes to a file or a pipe."""


def render_table(evaluation: Evaluation) -> str:
    """Returns the table, best figures marked, and the protocol; coloured for a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("method", header_style="bold", title_justify="left")
    for name in evaluation.metrics:
        metric = METRICS[name]
        arrow = "↓" if metric.best == "low" else "↑"
        table.add_column(escape(f"{metric.title} {arrow}"), justify="right")
    for method, cells in evaluation.table().items():
        texts = [f"[bold green]{one.text}*[/]" if one.best else f"{one.text} " for one in cells]
        table.add_row(escape(method), *texts)
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _WIDTH
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=width, highlight=False)
    console.print(table)
    for name, value in evaluation.settings.described(evaluation.count):
        console.print(f"{name}: {value}", markup=False, soft_wrap=True)
    for note in evaluation.settings.notes:
        console.print(f"note: {note.text}", markup=False, soft_wrap=True)
    return text.getvalue().rstrip("\n")
