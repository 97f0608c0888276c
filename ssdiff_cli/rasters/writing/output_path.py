"""Whether a path can be written to, asked before any work."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ssdiff_models.errors import UsageError

__all__ = ["check_output", "refuse_existing"]


def check_output(output: str | Path, *, overwrite: bool, inputs: tuple[str, ...] = ()) -> None:
    """Refuses an output that could not be written at the end.

    Raises:
        UsageError: When it exists and `overwrite` is off, is an input or a device, or its folder
            is missing or closed.
    """
    path = Path(output)
    _check_kind(str(output), path)
    if _is_one_of(path, inputs):
        raise UsageError(f"{output}: is also an input; choose another output")
    if not overwrite and _holds(path.exists):
        refuse_existing(output)
    if not _holds(path.parent.is_dir):
        raise UsageError(f"{output}: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(
            f"{output}: no permission to write into {path.parent}; choose another folder"
        )


def refuse_existing(path: str | Path, problem: str = "") -> NoReturn:
    """Refuses a file that would be replaced; `problem` says what is wrong with it.

    Raises:
        UsageError: Always.
    """
    raise UsageError(f"{path}: exists{problem and ', '}{problem}; pass --overwrite to replace it")


def _check_kind(output: str, path: Path) -> None:
    if output in {"", "-"}:
        raise UsageError(f"output {output!r}: an output cannot be a pipe; name a file")
    if output.startswith("/vsi") or "://" in output:
        raise UsageError(f"{output}: the output must be a local file; copy it afterwards")
    if _holds(path.is_dir):
        raise UsageError(f"{output}: is a folder; name a file in it")
    if _holds(path.exists) and not _holds(path.is_file):
        raise UsageError(
            f"{output}: is no regular file, and the output would take its place; name another one"
        )


def _is_one_of(path: Path, inputs: tuple[str, ...]) -> bool:
    if not _holds(path.exists):
        return False
    return any(_holds(Path(name).exists) and path.samefile(name) for name in inputs)


def _holds(question: Callable[[], bool]) -> bool:
    """Asks a path; False where it must not be looked at, or where no file can have its name."""
    try:
        return question()
    except OSError:
        return False
