"""What the terminal sees: results on stdout; messages and a progress bar on stderr."""

import json
import logging
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TextIO
from unicodedata import category

from ssdiff_cli.progress import Progress, no_progress
from ssdiff_models.errors import ResourceError

__all__ = [
    "adjust_verbosity",
    "answer",
    "collected_warnings",
    "emit_json",
    "fail",
    "printable",
    "result",
    "tell",
    "tile_progress",
]

PROGRESS_SECONDS = 30.0
"""Time between two lines of progress where there is no terminal."""
_LOGGERS = ("ssdiff_cli", "ssdiff_models", "py.warnings")
"""Loggers whose records reach the terminal; those of other libraries do not."""


UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of controls, directions, surrogates, unassigned letters, line ends."""


class _Messages(logging.Handler):
    """Writes one line a record to whatever `sys.stderr` is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        mark = "warning: " if record.levelno == logging.WARNING else ""
        text = self.format(record)
        line = printable(text, "\n") if record.exc_info else _one_line(text)
        try:
            sys.stderr.write(f"ssdiff: {mark}{line}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # a log on a full disk loses no run
            _silence(sys.stderr)


class _Collector(logging.Handler):
    """Keeps the text of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            self.texts.append(_one_line(record.getMessage()))


_messages = _Messages(logging.WARNING)
_log = logging.getLogger(__name__)


def adjust_verbosity(steps: int, before: int) -> int:
    """Sets what stderr shows to the count of ``-v`` minus that of ``-q``; returns the difference.

    Args:
        steps: Count of ``-v``, or minus the count of ``-q``.
        before: The sum of the counts so far.
    """
    total = before + steps
    _messages.setLevel(max(logging.DEBUG, logging.WARNING - 10 * total))
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        # Quiet runs still collect their warnings, so the handler filters and not the logger.
        logger.setLevel(min(_messages.level, logging.WARNING))
        if _messages not in logger.handlers:
            logger.addHandler(_messages)
    return total


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Yields the ``warnings`` of ``--json``: a list that grows with each, shown or not."""
    collector = _Collector()
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(collector)
    try:
        yield collector.texts
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(collector)


def fail(message: str, error: BaseException | None = None) -> None:
    """Writes the one line of an error, however quiet the run; its traceback follows at ``-vv``."""
    record = _log.makeRecord(_log.name, logging.ERROR, __file__, 0, _one_line(message), (), None)
    _messages.handle(record)
    if error and _messages.level <= logging.DEBUG:
        _log.debug("traceback", exc_info=error)


def tell(message: str) -> None:
    """Writes one line to stderr that is neither result nor warning, unless the run is quiet."""
    if _messages.level <= logging.WARNING:
        _messages.handle(_log.makeRecord(_log.name, logging.INFO, __file__, 0, message, (), None))


def result(text: str) -> None:
    """Writes text to stdout as it is; a reader that has gone (``| head``) is no error.

    Raises:
        ResourceError: When stdout cannot be written otherwise.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        _silence(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise ResourceError(
                f"stdout: cannot be written: {error.strerror}; what was to be made is made"
            ) from error


def _silence(stream: TextIO) -> None:
    """Lets a stream that fails go nowhere: its buffer must not fail again at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def printable(text: str, allowed: str = "") -> str:
    """Returns text with escapes for what could move a terminal's cursor or forge its lines."""
    return "".join(
        letter if letter in allowed or category(letter) not in UNPRINTABLE else _escaped(letter)
        for letter in text
    )


def _escaped(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def answer(record: Mapping[str, object], lines: Iterable[str], *, as_json: bool) -> None:
    """Writes a command's result to stdout: one JSON object, or lines to read."""
    if as_json:
        emit_json(record)
        return
    for line in lines:
        result(printable(line))


def emit_json(record: Mapping[str, object]) -> None:
    """Writes one JSON object to stdout; NaN and infinities are null, paths are strings."""
    plain = _plain(record)
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
        result(text if text == printable(text) else json.dumps(plain, allow_nan=False))
    except UnicodeEncodeError:
        result(json.dumps(plain, allow_nan=False))


@contextmanager
def tile_progress(title: str) -> Iterator[Progress]:
    """Shows a bar on stderr, or a line now and then where that is no terminal; none if quiet.

    Yields:
        ``update(done, total, pixels)``, to be called after each tile, from any thread.
    """
    if _messages.level > logging.WARNING:
        yield no_progress
        return
    if not sys.stderr.isatty():
        yield _progress_lines(title)
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("tiles {task.fields[speed]:.2f} MP/s"),
        progress.TimeRemainingColumn(),
    )
    started = time.perf_counter()
    # Results go to stdout while a bar is shown; only messages are woven into it.
    with progress.Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as bar:
        task = bar.add_task(title, total=None, speed=0.0)

        def update(done: int, total: int, pixels: int) -> None:
            speed = pixels / 1e6 / (time.perf_counter() - started)
            bar.update(task, completed=done, total=total, speed=speed)

        yield update


def _progress_lines(title: str) -> Progress:
    """Returns a progress that tells a line at most every `PROGRESS_SECONDS`."""
    started = told = time.monotonic()

    def update(done: int, total: int, pixels: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < PROGRESS_SECONDS or not done:
            return
        told = now
        seconds = now - started
        left = seconds * (total - done) / done
        speed = pixels / 1e6 / seconds
        share = f"{done} of {total} tiles ({done / total:.0%})"
        tell(f"{title}: {share}, {speed:.2f} MP/s, about {left:.0f} s left")

    return update


def _one_line(text: str) -> str:
    return printable(" ".join(line.strip() for line in text.splitlines() if line.strip()))


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case float():
            return float(value) if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case os.PathLike():
            return os.fspath(value)
    # NumPy's and torch's scalars.
    scalar = getattr(value, "item", None)
    if scalar is None:
        raise TypeError(f"no JSON for {type(value).__name__}")
    return _plain(scalar())
