"""What an error means to a user: an exit code and one line."""

import errno
from typing import Any

import typer

from ssdiff_models.errors import SsdiffError
from ssdiff_models.parallel.memory_budget import is_out_of_memory

__all__ = ["explain"]

_BUG = 1
_USAGE = 2
_RESOURCES = 5


def explain(error: BaseException) -> tuple[int, str]:
    """Returns the exit code of an error and the line that a user reads."""
    name = type(error).__name__
    summary = f"{name}: {error}" if str(error) else name
    if isinstance(error, SsdiffError):
        return error.exit_code, str(error)
    if isinstance(error, typer.Abort):
        return _USAGE, "stopped: no answer to a question"
    if hasattr(error, "format_message"):
        return _USAGE, _usage(error)
    if is_out_of_memory(error):
        advice = "choose a smaller --batch-size or --tile, or --device cpu"
        return _RESOURCES, f"out of memory: {advice} ({summary})"
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        place = f" at {error.filename}" if error.filename else ""
        return _RESOURCES, f"the disk is full{place}: free space, or write to another folder"
    advice = "please report it together with what the same command says with -vv"
    return _BUG, f"this is a bug in ssdiff ({summary}): {advice}"


def _usage(error: Any) -> str:  # noqa: ANN401 (Typer exports no base class of its usage errors)
    context = getattr(error, "ctx", None)
    hint = f" Try '{context.command_path} --help'." if context else ""
    return f"{error.format_message().rstrip('.')}.{hint}"
