"""Files that have their name only once they are complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic", "working_files"]

WORKING = (".part", ".journal.json", ".set.json", ".lock")
"""What the names of the files that we work with add to an output's."""


def working_files(output: str | Path) -> list[Path]:
    """Returns the known names beside an output that its making may use."""
    return [Path(f"{output}{ending}") for ending in WORKING]


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary file beside `path` that replaces `path` when the body succeeds.

    The temporary file is new and empty, and no link is followed to make it. On success it is on
    the disk before it is renamed; on failure it is removed and `path` stays as it was.

    Args:
        path: The file to write; its folder must exist.

    Raises:
        OSError: When the folder cannot be written to, or the disk is full.
    """
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    # An interrupted run may have left one, and somebody may have put a link there.
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    mode = os.fstat(descriptor).st_mode
    os.close(descriptor)
    try:
        yield part
        if part.stat().st_mode != mode:
            # Some libraries leave a file that only its owner can read.
            part.chmod(mode)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
