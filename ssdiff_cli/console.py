"""What the terminal sees: results on stdout, talk on stderr, a progress bar where somebody looks."""

import json
import logging
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ssdiff_cli.progress import Progress, no_progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import Task
    from rich.text import Text

__all__ = [
    "adjust_verbosity",
    "answer",
    "collected_warnings",
    "emit_json",
    "fail",
    "result",
    "tile_progress",
]

TALKERS = ("ssdiff_cli", "ssdiff_models", "py.warnings")
"""Loggers whose records reach the terminal; other libraries' talk does not."""


class _Talk(logging.Handler):
    """Writes one line a record to whatever `sys.stderr` is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        mark = "warning: " if record.levelno == logging.WARNING else ""
        text = self.format(record)
        with suppress(BrokenPipeError):
            sys.stderr.write(f"ssdiff: {mark}{text if record.exc_info else _one_line(text)}\n")
            sys.stderr.flush()


class _Collector(logging.Handler):
    """Keeps the text of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            self.texts.append(_one_line(record.getMessage()))


_talk = _Talk(logging.WARNING)
_log = logging.getLogger(__name__)


def adjust_verbosity(steps: int, before: int) -> int:
    """Sets what stderr shows to ``-v`` minus ``-q`` counts and returns their sum.

    Args:
        steps: Count of ``-v``, or minus the count of ``-q``.
        before: The sum of the counts met so far.
    """
    total = before + steps
    _talk.setLevel(max(logging.DEBUG, logging.WARNING - 10 * total))
    for name in TALKERS:
        logger = logging.getLogger(name)
        # Quiet runs still collect their warnings, so the handler filters and not the logger.
        logger.setLevel(min(_talk.level, logging.WARNING))
        if _talk not in logger.handlers:
            logger.addHandler(_talk)
    return total


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Yields a list that grows with every warning logged inside, shown or not: the ``warnings`` of ``--json``."""
    collector = _Collector()
    loggers = [logging.getLogger(name) for name in TALKERS]
    for logger in loggers:
        logger.addHandler(collector)
    try:
        yield collector.texts
    finally:
        for logger in loggers:
            logger.removeHandler(collector)


def fail(message: str, error: BaseException | None = None) -> None:
    """Writes the one line an error gets, however quiet the run; at ``-vv`` its traceback follows."""
    _talk.handle(
        _log.makeRecord(_log.name, logging.ERROR, __file__, 0, _one_line(message), (), None)
    )
    if error and _talk.level <= logging.DEBUG:
        _log.debug("traceback", exc_info=error)


def result(text: str) -> None:
    """Writes one line to stdout; a reader who has left (``| head``) is no error."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer must not fail again when the interpreter flushes it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def answer(record: Mapping[str, object], lines: Iterable[str], *, as_json: bool) -> None:
    """Writes a command's result to stdout: one JSON object, or lines to read."""
    if as_json:
        emit_json(record)
        return
    for line in lines:
        result(line)


def emit_json(record: Mapping[str, object]) -> None:
    """Writes one JSON object to stdout: numbers are numbers, NaN and infinities null, paths strings."""
    result(json.dumps(_plain(record), ensure_ascii=False, allow_nan=False))


@contextmanager
def tile_progress(title: str) -> Iterator[Progress]:
    """Shows a bar on stderr with tiles done, megapixels per second and time left; nothing with ``-q`` or without a terminal.

    Yields:
        ``update(done, total, pixels)``, to be called after each tile, from any thread.
    """
    if _talk.level > logging.WARNING or not sys.stderr.isatty():
        yield no_progress
        return
    with _tile_bar() as bar:
        task = bar.add_task(title, total=None, pixels=0)
        yield lambda done, total, pixels: bar.update(
            task, completed=done, total=total, pixels=pixels
        )


def _tile_bar() -> "Bar":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Speed(ProgressColumn):
        """Megapixels per second since the start of this run."""

        def render(self, task: "Task") -> "Text":
            elapsed = task.finished_time or task.elapsed
            return Text(
                f"{task.fields['pixels'] / 1e6 / elapsed:.2f} MP/s" if elapsed else "- MP/s"
            )

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("tiles"),
        Speed(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        # Results go to stdout while a bar may be up; only talk is woven into it.
        redirect_stdout=False,
    )


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # NumPy's and torch's scalars.
    scalar = getattr(value, "item", None)
    if scalar is None:
        raise TypeError(f"no JSON for {type(value).__name__}")
    return _plain(scalar())
