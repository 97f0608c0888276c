"""Whether files can be written to, asked before any work."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from ssdiff_cli.rasters.reading.source_files import files_read
from ssdiff_cli.rasters.writing.side_cars import check_side_cars, side_cars
from ssdiff_models.errors import ResourceError, UsageError
from ssdiff_models.files import WEIGHTS, finish_naming, sweep, working_files
from ssdiff_models.locks import locked

__all__ = ["check_outputs", "claimed_outputs", "refuse_existing"]


def check_outputs(
    outputs: Sequence[str | Path], reads: Iterable[str | Path] = (), *, overwrite: bool
) -> None:
    """Refuses outputs of one run that could not be written at the end, or would destroy a file.

    Args:
        outputs: All files that the run makes.
        reads: Everything that it reads, by the names that GDAL gets.
        overwrite: Whether existing outputs are replaced.

    Raises:
        UsageError: When one exists and `overwrite` is off; when it, or a file that we work with
            beside it, is an input or another output; when it is a link or a device; when its
            folder is missing or closed.
    """
    for output in outputs:
        _check_kind(str(output), Path(output))
    for output in outputs:
        _refuse_others(output, outputs)
    _refuse_inputs(outputs, reads)
    for output in outputs:
        if _holds(Path(output).is_symlink):
            target = os.path.realpath(output)
            raise UsageError(f"{output}: is a link to {target}; name that file itself")
        if not overwrite and _holds(Path(output).exists):
            refuse_existing(output)
        _check_folder(output)
        check_side_cars(Path(output), overwrite=overwrite)


@contextmanager
def claimed_outputs(
    outputs: Sequence[str | Path], reads: Iterable[str | Path] = (), *, overwrite: bool
) -> Iterator[None]:
    """Checks outputs as `check_outputs` does, and keeps them for this run as long as it lasts.

    What a killed run has left of them is named or removed, and may be replaced.

    Raises:
        UsageError: As `check_outputs` does, and when another run writes them.
        ResourceError: When the folder refuses a lock.
    """
    if not outputs:
        yield
        return
    reads = tuple(reads)
    check_outputs(outputs, reads, overwrite=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(outputs[0]))
            left = finish_naming(outputs)
        except OSError as error:
            raise ResourceError(
                f"{outputs[0]}: cannot be written: {error.strerror}; choose another output"
            ) from error
        for output in outputs:
            sweep(output)
        if not (overwrite or left):
            check_outputs(outputs, reads, overwrite=False)
        yield


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


def _refuse_others(output: str | Path, outputs: Sequence[str | Path]) -> None:
    own = os.path.realpath(output)
    if [os.path.realpath(other) for other in outputs].count(own) > 1:
        raise UsageError(f"{output}: is also another output; choose another output")
    for other in outputs:
        if own in map(os.path.realpath, (*working_files(other), *side_cars(Path(other)))):
            raise UsageError(f"{output}: is also a working file of {other}; choose another output")


def _refuse_inputs(outputs: Iterable[str | Path], reads: Iterable[str | Path]) -> None:
    """Refuses an output that is, or whose working files or side-cars are, something that is read.

    What the inputs consist of is looked up only where there is something to lose.
    """
    touched = {}
    for output in map(Path, outputs):
        for own in (output, *working_files(output), *side_cars(output)):
            if _holds(own.exists):
                touched[_identity(own)] = output, own
    if not touched:
        return
    for name in map(str, (*reads, *WEIGHTS.glob("*.safetensors"))):
        for path in files_read(name):
            if _identity(path) in touched:
                output, own = touched[_identity(path)]
                which = "is also" if own == output else f"its own {own.name} is also"
                through = "" if path == Path(name) else f" (of {name[:100]})"
                raise UsageError(f"{output}: {which} an input{through}; choose another output")


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _check_folder(output: str | Path) -> None:
    folder = Path(output).parent
    if not _holds(folder.is_dir):
        raise UsageError(f"{output}: there is no folder {folder}; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{output}: no permission to write into {folder}; choose another folder")
    for name in working_files(output):
        try:
            name.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise UsageError(f"{output}: the name is too long; choose a shorter one") from error


def _holds(question: Callable[[], bool]) -> bool:
    """Asks a path; False where it must not be looked at, or where no file can have its name."""
    try:
        return question()
    except (OSError, ValueError):
        return False
