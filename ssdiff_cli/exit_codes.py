"""What an error means to a user: an exit code and one line."""

import errno
import os
from typing import Any

import typer

from ssdiff_models.errors import SsdiffError
from ssdiff_models.parallel.memory_budget import is_out_of_memory

__all__ = ["explain"]

_BUG = 1
_USAGE = 2
_RESOURCES = 5
NO_ROOM = ("failed to map segment", "Cannot allocate memory", "cannot allocate memory")
"""What the loader says of a library that memory does not suffice for."""


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
    known = _of_the_system(error, summary)
    advice = "please report it together with what the same command says with -vv"
    return known or (_BUG, f"this is a bug in ssdiff ({summary}): {advice}")


def _of_the_system(error: BaseException, summary: str) -> tuple[int, str] | None:
    """Explains what memory, disk or file system do not give."""
    if is_out_of_memory(error):
        advice = "choose a smaller --batch-size or --tile, or --device cpu"
        return _RESOURCES, f"out of memory: {advice} ({summary})"
    if isinstance(error, OSError) and error.errno is not None:
        return _RESOURCES, _disk(error)
    if isinstance(error, UnicodeEncodeError):
        return _USAGE, f"{error.object!r}: no file can have such a name here: rename it"
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return _USAGE, "a name with a null byte: no file can have it"
    if isinstance(error, ImportError) and any(text in str(error) for text in NO_ROOM):
        return _RESOURCES, f"out of memory while starting ({error}): free some, or raise the limit"
    return None


def _disk(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return f"{place}the disk is full: free space, or write to another folder"
    remedy = "check the name, its folder and the disk"
    return f"{place}{error.strerror or os.strerror(error.errno or 0)}: {remedy}"


def _usage(error: Any) -> str:  # noqa: ANN401 (Typer exports no base class of its usage errors)
    context = getattr(error, "ctx", None)
    hint = f" Try '{context.command_path} --help'." if context else ""
    return f"{error.format_message().rstrip('.')}.{hint}"
