"""May this path be written?"""

import os
from collections.abc import Callable
from pathlib import Path

from ssdiff_models.errors import UsageError

__all__ = ["check_output"]


def check_output(output: str, *, overwrite: bool, inputs: tuple[str, ...] = ()) -> None:
    """Refuses, before any work, an output that could not be written at the end.

    Raises:
        UsageError: When it exists and `overwrite` is off, is an input or a device, or its folder is missing or closed.
    """
    path = Path(output)
    _check_kind(output, path)
    if _holds(path.exists) and any(
        _holds(Path(name).exists) and path.samefile(name) for name in inputs
    ):
        raise UsageError(f"{output}: is also an input; choose another output")
    if _holds(path.exists) and not overwrite:
        raise UsageError(f"{output}: exists; pass --overwrite to replace it")
    if not _holds(path.parent.is_dir):
        raise UsageError(f"{output}: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(
            f"{output}: no permission to write into {path.parent}; choose another folder"
        )


def _check_kind(output: str, path: Path) -> None:
    if output in {"", "-"}:
        raise UsageError(f"output {output!r}: a GeoTIFF cannot be written into a pipe; name a file")
    if output.startswith("/vsi") or "://" in output:
        raise UsageError(f"{output}: the output must be a local file; copy it afterwards")
    if _holds(path.is_dir):
        raise UsageError(f"{output}: is a folder; name a file in it")
    if _holds(path.exists) and not _holds(path.is_file):
        raise UsageError(
            f"{output}: is no regular file, and the output would take its place; name another one"
        )


def _holds(question: Callable[[], bool]) -> bool:
    """Whether a path is what is asked; nothing is where it must not be looked for, or cannot have such a name."""
    try:
        return question()
    except OSError:
        return False
