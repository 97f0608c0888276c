"""The log of a training beside its model: a table of every step, and its curves as a picture."""

import csv
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from importlib.util import find_spec
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ssdiff_models.errors import ModelError, ResourceError
from ssdiff_models.files import atomic
from ssdiff_models.training.loop import StepReport

__all__ = [
    "COLUMNS",
    "LogRow",
    "can_draw",
    "draw_curves",
    "read_log",
    "stopped_if_diverging",
    "write_log",
]

BAD = (ValidationError, UnicodeDecodeError, csv.Error, TypeError)
"""What is raised for lines that are no rows."""
DIVERGED = 100.0
"""A smoothed loss this many times its least value is no accident."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow(StepReport):
    """One step, with scores where it was followed by a validation."""

    sam: float | None = None
    """Degrees, mean over the validation scenes."""
    ergas: float | None = None
    q2n: float | None = None


COLUMNS = tuple(field.name for field in fields(LogRow))


def read_log(path: Path, last: int) -> list[LogRow]:
    """Returns the rows of an earlier run up to step `last`; a killed run repeats later steps."""
    if not path.exists():
        return []
    rows = []
    adapter = TypeAdapter(LogRow)
    # Another file of that name, or a line cut off by hand, ends the table.
    with path.open(newline="", encoding="utf-8") as file, suppress(*BAD):
        for values in csv.DictReader(file):
            row = adapter.validate_python({name: text or None for name, text in values.items()})
            if row.step <= last:
                rows.append(row)
    return rows


def write_log(path: Path, rows: Iterable[LogRow]) -> None:
    """Writes the table, atomically.

    Raises:
        ResourceError: When it cannot be written.
    """
    try:
        with atomic(path) as part, part.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(map(astuple, rows))
    except OSError as error:
        raise ResourceError(
            f"{path}: cannot be written ({error.strerror}): free some space"
        ) from error


def stopped_if_diverging(reports: Iterable[StepReport]) -> Iterator[StepReport]:
    """Yields the reports of a training until its smoothed loss is far above its least value.

    Raises:
        ModelError: When it is.
    """
    mean: float | None = None
    least = math.inf
    for report in reports:
        mean = report.loss if mean is None else 0.8 * mean + (1 - 0.8) * report.loss
        least = min(least, mean)
        if mean > DIVERGED * least > 0:
            raise ModelError(
                f"training diverged at step {report.step}: the loss is {report.loss:.3g}, it was "
                f"{least:.3g}; lower the learning rate; states and checkpoints are kept"
            )
        yield report


def can_draw(path: Path) -> bool:
    """Whether matplotlib is installed; otherwise it is told that there is no picture."""
    if find_spec("matplotlib") is not None:
        return True
    hint = "%s: not drawn, matplotlib is not installed: pip install 'ssdiff-cli[report]'"
    _log.info(hint, path)
    return False


def draw_curves(path: Path, rows: Sequence[LogRow]) -> None:
    """Draws loss and validation scores over the steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    right = lower.twinx()
    steps = [row.step for row in rows]
    losses = [row.loss for row in rows]
    upper.plot(steps, losses, color="#9cc5d8", linewidth=0.5)
    upper.plot(steps, list(_smoothed(losses)), color="#0b6e99", linewidth=1.4)
    upper.set_yscale("log")
    upper.set_ylabel("loss")
    scored = [row for row in rows if row.ergas is not None]
    for axis, name, label, colour, marker in (
        (lower, "ergas", "ERGAS", "#d1495b", "o"),
        (lower, "sam", "SAM", "#3a7d44", "o"),
        (right, "q2n", "Q2n (right)", "#6d4c9f", "s"),
    ):
        values = [getattr(row, name) for row in scored]
        style = {"color": colour, "marker": marker, "markersize": 3, "label": label}
        axis.plot([row.step for row in scored], values, **style)
    lower.set_xlabel("step")
    lower.set_ylabel("validation")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    with atomic(path) as part:
        figure.savefig(part, format="png", dpi=110)


def _smoothed(values: Sequence[float]) -> Iterator[float]:
    mean = values[0] if values else 0.0
    for value in values:
        mean = 0.98 * mean + 0.02 * value
        yield mean
