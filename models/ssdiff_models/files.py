"""Files that have their names only once they are complete, alone or as a set.

Until then they lie in a new folder beside their output, which nobody else can write into.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ssdiff_models.locks import LOCK, foreign, held, is_at, remove_quietly, tell_left

__all__ = [
    "JOURNAL",
    "PART",
    "WEIGHTS",
    "atomic",
    "atomic_set",
    "finish_naming",
    "name_together",
    "sweep",
    "working_files",
    "working_folder",
]

WEIGHTS = Path(__file__).parent / "weights"
"""The folder of the shipped models."""
PART = ".part"
"""What the name of an unfinished file adds to its output's."""
JOURNAL = ".journal.json"
"""What that of its journal adds."""
SET = ".set.json"
"""What that of the list of files adds that are being named together."""

NOTE_BYTES = 2**20
NAME_BYTES = 100
"""Bytes of an output's name in that of its working folder: names may have 255 bytes."""


def working_files(output: str | Path) -> list[Path]:
    """Returns the known names beside an output that its making may use."""
    return [Path(f"{output}{ending}") for ending in (PART, JOURNAL, SET, LOCK)]


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary file that replaces `path` when the body succeeds.

    The temporary file is new and empty. On success it is on the disk before it is renamed; on
    failure it is removed and `path` stays as it was.

    Args:
        path: The file to write; its folder must exist.

    Raises:
        OSError: When the folder cannot be written to, or the disk is full.
    """
    with atomic_set([path]) as (part,):
        yield part


@contextmanager
def atomic_set(
    paths: Sequence[str | Path], owner: str | Path | None = None
) -> Iterator[list[Path]]:
    """Yields a temporary file for each path, as `atomic` does; all replace theirs, or none.

    Args:
        paths: The files to write; their folders must exist.
        owner: The file by whose name `finish_naming` finds the set; by default the first one.

    Raises:
        OSError: When a folder cannot be written to, or the disk is full.
    """
    targets = [Path(path) for path in paths]
    with ExitStack() as stack:
        parts = [stack.enter_context(working_folder(path)) / path.name for path in targets]
        for part in parts:
            part.touch(exist_ok=False)
        modes = [part.stat().st_mode for part in parts]
        yield parts
        for part, mode in zip(parts, modes, strict=True):
            if part.stat().st_mode != mode:
                # Some libraries leave a file that only its owner can read.
                part.chmod(mode)
            with part.open("rb") as file:
                os.fsync(file.fileno())
        name_together(list(zip(parts, targets, strict=True)), owner)


@contextmanager
def working_folder(output: Path) -> Iterator[Path]:
    """Yields a new folder beside an output, for this process alone; it is removed at the end."""
    while True:
        folder = Path(tempfile.mkdtemp(PART, _prefix(output), output.parent))
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        # Some file systems know no locks on folders: then nobody sweeps there.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_at(descriptor, folder):
            break
        os.close(descriptor)
    try:
        yield folder
    finally:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            tell_left(folder, error)
        os.close(descriptor)


def _prefix(output: Path) -> str:
    return f".{os.fsdecode(os.fsencode(output.name)[:NAME_BYTES])}."


def _is_working_folder(folder: Path, output: Path) -> bool:
    is_beside = folder.parent == output.parent
    return is_beside and folder.name.startswith(_prefix(output)) and folder.name.endswith(PART)


def sweep(output: str | Path) -> None:
    """Removes the working folders of an output whose processes have died."""
    target = Path(output)
    with suppress(OSError):
        for folder in target.parent.iterdir():
            if _is_working_folder(folder, target) and folder.is_dir():
                _remove_if_dead(folder)


def _remove_if_dead(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def name_together(files: Sequence[tuple[Path, Path]], owner: str | Path | None = None) -> None:
    """Gives finished files their names: all, or none.

    After a kill between two names `finish_naming` ends it.

    Args:
        files: Each file and its name.
        owner: The file by whose name `finish_naming` finds the set; by default the first one.

    Raises:
        OSError: When one cannot be named; then all are where they were.
    """
    if len(files) == 1:
        files[0][0].replace(files[0][1])
        return
    with ExitStack() as stack:
        old = [stack.enter_context(_kept(target)) for _, target in files]
        stack.enter_context(_noted(files, Path(owner or files[0][1])))
        try:
            for part, target in files:
                part.replace(target)
        except BaseException:
            for (part, target), backup in zip(files, old, strict=True):
                if not os.path.lexists(part):
                    target.replace(part)
                    if backup is not None:
                        backup.replace(target)
            raise


@contextmanager
def _kept(target: Path) -> Iterator[Path | None]:
    """Yields another name of a file that is about to be replaced; None where there is none."""
    if not target.exists():
        yield None
        return
    with working_folder(target) as folder:
        backup: Path | None = folder / "old"
        try:
            os.link(target, folder / "old")
        except OSError:
            # A file system without hard links.
            backup = None
        yield backup


@contextmanager
def _noted(files: Sequence[tuple[Path, Path]], output: Path) -> Iterator[None]:
    """Notes, as long as the body runs, which files belong together."""
    names = [[os.path.relpath(path, output.parent) for path in pair] for pair in files]
    with held(output, SET) as descriptor:
        if os.fstat(descriptor).st_size:
            raise foreign(Path(f"{output}{SET}"))
        try:
            os.write(descriptor, json.dumps({"ssdiff": names}).encode())
            os.fsync(descriptor)
            yield
        finally:
            remove_quietly(Path(f"{output}{SET}"))


def finish_naming(outputs: Sequence[str | Path]) -> bool:
    """Ends the naming of a set that a killed run had begun; returns whether these were the set.

    Args:
        outputs: The files that are to be made, in their order.

    Raises:
        UsageError: When another run is naming them, or another program's file has our name.
        OSError: When a file cannot be named.
    """
    note = Path(f"{outputs[0]}{SET}")
    if not os.path.lexists(note):
        return False
    with held(outputs[0], SET) as descriptor:
        files = _read_note(os.pread(descriptor, NOTE_BYTES, 0), note)
        for part, target in files:
            if part.is_file():
                part.replace(target)
        note.unlink()
    made = [target.resolve() for _, target in files]
    return made == [Path(output).resolve() for output in outputs]


def _read_note(text: bytes, note: Path) -> list[tuple[Path, Path]]:
    """Returns files and names; only such as `name_together` may have written."""
    try:
        names = json.loads(text)["ssdiff"] if text else []
        files = [(_beside(note, part), _beside(note, target)) for part, target in names]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise foreign(note) from error
    for part, target in files:
        if part != Path(f"{target}{PART}") and not _is_working_folder(part.parent, target):
            raise foreign(note)
    return files


def _beside(note: Path, name: str) -> Path:
    return Path(os.path.normpath(note.parent / name))
