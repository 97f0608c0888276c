"""Locks on outputs, and the files of known names beside them.

A known name may be taken: no link is followed, and what is not ours stays as it is.
"""

import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ssdiff_models.errors import UsageError

__all__ = [
    "LOCK",
    "foreign",
    "held",
    "is_at",
    "locked",
    "read_own",
    "remove_quietly",
    "tell_left",
]

LOCK = ".lock"
"""What the name of a lock adds to its output's."""

LARGEST = 2**26
"""Bytes of a file of ours that is read: 64 MB are a journal of a million rows of tiles."""


_log = logging.getLogger(__name__)


@contextmanager
def locked(output: str | Path) -> Iterator[None]:
    """Keeps other runs from an output as long as the body runs.

    Raises:
        UsageError: When another run has it, or another program's file has the lock's name.
        OSError: When the lock cannot be made.
    """
    with held(output, LOCK):
        try:
            yield
        finally:
            remove_quietly(Path(f"{output}{LOCK}"))


@contextmanager
def held(output: str | Path, ending: str) -> Iterator[int]:
    """Opens (creates) a file beside an output for this process alone; yields its descriptor.

    Raises:
        UsageError: When another run has it, or it is a link, no regular file, or has two names.
        OSError: When it cannot be opened.
    """
    path = Path(f"{output}{ending}")
    descriptor = _acquired(path, output)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _acquired(path: Path, output: str | Path) -> int:
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise UsageError(
                f"{output}: another run is writing it; wait for its end or choose another output"
            ) from error
        # Between opening and locking, the run that had the file may have renamed or removed it.
        if is_at(descriptor, path):
            return descriptor
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if path.is_symlink() or path.is_dir():
            raise foreign(path) from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise foreign(path)
    return descriptor


def foreign(path: Path) -> UsageError:
    """Returns the refusal of a file that is not ours but has a name that we need."""
    return UsageError(f"{path}: exists and is no file of ssdiff; move it, or choose another output")


def read_own(path: Path) -> bytes | None:
    """Returns the bytes of a file that may be ours: no link, one name; None for anything else.

    Raises:
        FileNotFoundError: When there is none.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        is_ours = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        return file.read() if is_ours and status.st_size <= LARGEST else None


def remove_quietly(path: Path) -> None:
    """Removes a file of ours that is needed no longer; a warning where that fails."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        tell_left(path, error)


def tell_left(path: Path, error: BaseException) -> None:
    """Warns of a file that stays because it cannot be removed."""
    if not isinstance(error, FileNotFoundError):
        _log.warning("%s: is no longer needed, but cannot be removed: %s", path, error)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file still has a name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False
