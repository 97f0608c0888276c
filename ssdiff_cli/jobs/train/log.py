"""The log of a training beside its model: a table of every step, and its curves as a picture."""

import csv
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from ssdiff_models.errors import ModelError, ResourceError
from ssdiff_models.files import atomic

__all__ = ["LogRow", "TrainLog", "Watch", "draw_curves"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One step; the scores only where it was followed by a validation."""

    step: int
    loss: float
    rate: float
    gradient: float
    sam: float | None = None
    """Degrees, mean over the validation scenes."""
    ergas: float | None = None
    q2n: float | None = None


COLUMNS = tuple(field.name for field in fields(LogRow))


class TrainLog:
    """A CSV file of all steps so far; a continued run carries on where its state is."""

    def __init__(self, path: Path, step: int) -> None:
        """Keeps the rows of an earlier run up to its step `step`; those of a killed run's later steps come again."""
        self._path = path
        self.rows = [row for row in _read(path) if row.step <= step]
        with atomic(path) as part, part.open("w", newline="") as file:
            _write(file, self.rows, heading=True)
        self._pending: list[LogRow] = []

    def add(self, row: LogRow) -> None:
        """Takes a step."""
        self.rows.append(row)
        self._pending.append(row)

    def flush(self) -> None:
        """Puts the steps taken since into the file.

        Raises:
            ResourceError: When it cannot be written.
        """
        try:
            with self._path.open("a", newline="") as file:
                _write(file, self._pending, heading=False)
        except OSError as error:
            raise ResourceError(
                f"{self._path}: cannot be written ({error.strerror}): free some space"
            ) from error
        self._pending = []


def _write(file: object, rows: Sequence[LogRow], *, heading: bool) -> None:
    writer = csv.writer(file, lineterminator="\n")  # type: ignore[arg-type]
    if heading:
        writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else value for value in astuple(row)] for row in rows)


def _read(path: Path) -> Iterator[LogRow]:
    if not path.exists():
        return
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            try:
                loss, rate, gradient = (float(row[name]) for name in COLUMNS[1:4])
                sam, ergas, q2n = (float(row[name]) if row[name] else None for name in COLUMNS[4:])
                step = int(row["step"])
            except (
                KeyError,
                TypeError,
                ValueError,
            ):  # the last line of a killed run, or another file of that name
                return
            yield LogRow(
                step=step, loss=loss, rate=rate, gradient=gradient, sam=sam, ergas=ergas, q2n=q2n
            )


class Watch:
    """Notices a training that runs away: a loss far above where it has been."""

    FACTOR = 100.0
    MEMORY = 0.8

    def __init__(self) -> None:
        self._mean: float | None = None
        self._least = math.inf

    def look(self, step: int, loss: float) -> None:
        """Takes the loss of a step.

        Raises:
            ModelError: When the smoothed loss is a hundred times what it was at its least.
        """
        self._mean = (
            loss if self._mean is None else self.MEMORY * self._mean + (1 - self.MEMORY) * loss
        )
        self._least = min(self._least, self._mean)
        if self._mean > self.FACTOR * self._least > 0:
            raise ModelError(
                f"training diverged at step {step}: the loss is {loss:.3g}, it was {self._least:.3g}; lower the learning rate; "
                "states and checkpoints saved before are kept"
            )


def draw_curves(path: Path, rows: Sequence[LogRow]) -> None:
    """Draws loss and validation scores over the steps; without matplotlib it says so and draws nothing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        _log.info(
            "%s: not drawn, matplotlib is not installed: pip install 'ssdiff-cli[report]'", path
        )
        return
    figure = Figure(figsize=(9, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    steps = [row.step for row in rows]
    upper.plot(steps, [row.loss for row in rows], color="#9cc5d8", linewidth=0.5)
    upper.plot(steps, list(_smoothed([row.loss for row in rows])), color="#0b6e99", linewidth=1.4)
    upper.set_yscale("log")
    upper.set_ylabel("loss")
    looked = [row for row in rows if row.ergas is not None]
    for name, colour in (("ergas", "#d1495b"), ("sam", "#3a7d44")):
        values = [math.nan if getattr(row, name) is None else getattr(row, name) for row in looked]
        lower.plot(
            [row.step for row in looked],
            values,
            color=colour,
            marker="o",
            markersize=3,
            label=name.upper(),
        )
    right = lower.twinx()
    values = [math.nan if row.q2n is None else row.q2n for row in looked]
    right.plot(
        [row.step for row in looked],
        values,
        color="#6d4c9f",
        marker="s",
        markersize=3,
        label="Q2n (right)",
    )
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
