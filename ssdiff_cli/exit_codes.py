"""What an error means to a user: an exit code and one line."""

import errno
from typing import Any

import typer

from ssdiff_models.errors import SsdiffError
from ssdiff_models.parallel.memory_budget import is_out_of_memory

__all__ = ["explain"]

BUG, USAGE, RESOURCES = 1, 2, 5


def explain(error: BaseException) -> tuple[int, str]:
    """Returns the exit code of `error` and the line a user reads."""
    if isinstance(error, SsdiffError):
        return error.exit_code, str(error)
    if isinstance(error, typer.Abort):
        return USAGE, "stopped: no answer to a question"
    if hasattr(error, "format_message"):
        return USAGE, _usage(error)
    if is_out_of_memory(error):
        return (
            RESOURCES,
            f"out of memory: choose a smaller --batch-size or --tile, or --device cpu ({_summary(error)})",
        )
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            RESOURCES,
            f"the disk is full{_at(error)}: free some space, or write to another folder",
        )
    advice = "please report it together with what the same command says with -vv"
    return BUG, f"this is a bug in ssdiff ({_summary(error)}): {advice}"


def _usage(error: Any) -> str:  # noqa: ANN401 (Typer exports no base class of its usage errors)
    context = getattr(error, "ctx", None)
    hint = f" Try '{context.command_path} --help'." if context else ""
    return f"{error.format_message().rstrip('.')}.{hint}"


def _summary(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _at(error: OSError) -> str:
    return f" at {error.filename}" if error.filename else ""
