"""A process that is killed while it renames files."""

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["KILLED", "dying"]

KILLED = 9
"""Exit code of a process that `dying` ended."""


def dying(target: Path, work: Callable[..., object], *arguments: object) -> None:
    """Calls `work`, and ends this process on the spot when a file is to be renamed to `target`."""
    rename = Path.replace

    def replace(path: Path, to: Path) -> Path:
        if Path(to) == target:
            os._exit(KILLED)
        return rename(path, to)

    Path.replace = replace  # type: ignore[method-assign, assignment]
    work(*arguments)
