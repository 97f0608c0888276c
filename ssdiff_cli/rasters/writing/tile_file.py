"""The growing output file: a template with all metadata, then encoded tiles in row-major order, nothing else.

The bytes of the file follow from the template and the tiles alone. Which tile came first, in how many runs or from which
shard, leaves no trace, so a continued run and merged shards end with the file of an undisturbed run.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ssdiff_cli.rasters.writing.tiff_tiles import Page, read_pages
from ssdiff_models.errors import ResourceError, UsageError

__all__ = ["TileFile", "TilePlanes", "blank_template", "disk_errors", "lock_part"]

TilePlanes = tuple[tuple[bytes, ...], ...]
"""The bytes of one tile: for each page (image, mask) those of each of its planes."""

_REFUSALS = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENOENT,
    errno.ENAMETOOLONG,
}
"""Errors that no room on the disk mends."""


@contextmanager
def disk_errors(path: str) -> Iterator[None]:
    """Turns what the operating system says while `path` is written into the user's error.

    Raises:
        ResourceError: When the disk is full or gone, or does not take the file.
        UsageError: When the file outgrows a classic TIFF that was asked for.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
        remedy = (
            "choose another output"
            if error.errno in _REFUSALS
            else "make room and repeat the command"
        )
        raise ResourceError(f"{path}: cannot be written: {reason}; {remedy}") from error
    except OverflowError as error:
        raise UsageError(
            f"{path}: is larger than a classic TIFF can be: leave --co BIGTIFF out"
        ) from error


def lock_part(part: Path, output: str) -> BinaryIO:
    """Opens (creates) the unfinished file for this process alone.

    Raises:
        UsageError: When another run has it.
    """
    while True:
        with disk_errors(output):
            file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise UsageError(
                f"{output}: another run is writing it; wait for its end or choose another output"
            ) from error
        # Between opening and locking, the run that had the file may have renamed it to the output.
        if _is_at(file, part):
            return file
        file.close()


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def blank_template(data: bytes) -> bytes:
    """Returns the template in the first bytes of an output: the same directories with no tile in them."""
    blank = bytearray(data)
    for page in read_pages(data):
        for tag in (page.offsets, page.counts):
            blank[tag.position : tag.place(tag.count)] = bytes(tag.place(tag.count) - tag.position)
    return bytes(blank)


class TileFile:
    """Appends tiles to a file in row-major order of the tile rows that it is to hold."""

    def __init__(self, file: BinaryIO, template: bytes, tile_rows: Sequence[int]) -> None:
        """Takes an open file, its template, and the tile rows that will be written."""
        self._file, self._template, self._tile_rows = file, template, tuple(tile_rows)
        self._pages = read_pages(template)
        self._waiting: dict[tuple[int, int], TilePlanes] = {}
        self._end, self._rows_done, self._next_col = 0, 0, 0

    @property
    def pages(self) -> list[Page]:
        """The image and its mask, if there is one."""
        return self._pages

    @property
    def rows_done(self) -> int:
        """Number of whole tile rows in the file."""
        return self._rows_done

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return self._end

    @property
    def tile_rows(self) -> tuple[int, ...]:
        """Tile rows that the file holds when it is complete."""
        return self._tile_rows

    @property
    def head(self) -> int:
        """Bytes of the template."""
        return len(self._template)

    @property
    def left(self) -> tuple[int, ...]:
        """Tile rows that are still to come."""
        return self._tile_rows[self._rows_done :]

    def start(self) -> None:
        """Writes the template into an empty file."""
        self._file.truncate(0)
        self._file.seek(0)
        self._write(self._template)
        self._end = len(self._template)

    def resume(self, rows_done: int, size: int) -> None:
        """Goes back to the state after `rows_done` tile rows, when the file had `size` bytes."""
        self._file.truncate(size)
        self._end, self._rows_done = size, rows_done
        for row in self.left:
            for page in self._pages:
                for col in range(page.tiles_across):
                    for index in page.indexes(row, col):
                        self._point(page, index, 0, 0)

    def put(self, row: int, col: int, planes: TilePlanes) -> Iterator[int]:
        """Takes a tile, appends what is next in order, and yields the number of whole tile rows each time one is finished."""
        self._waiting[row, col] = planes
        while self.left and (place := (self.left[0], self._next_col)) in self._waiting:
            self._append(*place, self._waiting.pop(place))
            self._next_col += 1
            if self._next_col == self._pages[0].tiles_across:
                self._rows_done, self._next_col = self._rows_done + 1, 0
                yield self._rows_done

    def sync(self) -> None:
        """Sees to it that everything so far survives a crash of the machine."""
        os.fsync(self._file.fileno())

    def append_bytes(self, data: bytes) -> None:
        """Appends bytes that belong to no tile."""
        self._file.seek(self._end)
        self._write(data)
        self._end += len(data)

    def _append(self, row: int, col: int, planes: TilePlanes) -> None:
        for page, tiles in zip(self._pages, planes, strict=True):
            for index, data in zip(page.indexes(row, col), tiles, strict=True):
                if data:
                    start = self._end
                    self.append_bytes(data)
                    self._point(page, index, start, len(data))

    def _point(self, page: Page, index: int, start: int, size: int) -> None:
        for tag, value in ((page.offsets, start), (page.counts, size)):
            self._file.seek(tag.place(index))
            self._write(tag.pack(value))

    def _write(self, data: bytes) -> None:
        """Writes all of it: an unbuffered file may take less at a time."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
