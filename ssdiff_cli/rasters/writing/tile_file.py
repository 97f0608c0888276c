"""The growing output file: a template with all metadata, then encoded tiles in row-major order.

The bytes of the file follow from the template and the tiles alone. Which tile came first, in how
many runs or from which shard, leaves no trace, so a continued run and merged shards end with the
file of an undisturbed run.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ssdiff_cli.rasters.gdal import disk_errors
from ssdiff_cli.rasters.writing.tiff_tiles import Page, read_pages
from ssdiff_models.errors import UsageError

__all__ = ["TileFile", "TilePlanes", "blank_template", "lock_part"]

TilePlanes = tuple[tuple[bytes, ...], ...]
"""The bytes of one tile: for each page (image, mask) those of each of its planes."""


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
        # Between opening and locking, the run that had the file may have given it its name.
        if _is_at(file, part):
            return file
        file.close()


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def blank_template(directories: bytes) -> bytes:
    """Returns the first bytes of an output with no tile in its directories."""
    blank = bytearray(directories)
    for page in read_pages(directories):
        for tag in (page.offsets, page.counts):
            stop = tag.place(tag.count)
            blank[tag.position : stop] = bytes(stop - tag.position)
    return bytes(blank)


class TileFile:
    """Appends tiles to a file in row-major order of its tile rows."""

    def __init__(self, file: BinaryIO, template: bytes, tile_rows: Sequence[int]) -> None:
        """Takes an open file, its template, and the tile rows that it is to hold."""
        self.tile_rows = tuple(tile_rows)
        """Tile rows of the complete file."""
        self.rows_done = 0
        """Number of whole tile rows in the file."""
        self.size = 0
        """Bytes of the file so far."""
        self.template = template
        self._file = file
        self._pages = read_pages(template)
        self._waiting: dict[tuple[int, int], TilePlanes] = {}
        self._next_col = 0

    @property
    def remaining(self) -> tuple[int, ...]:
        """Tile rows that are still to come."""
        return self.tile_rows[self.rows_done :]

    def start(self) -> None:
        """Writes the template into an empty file."""
        self._file.truncate(0)
        self._file.seek(0)
        self._write(self.template)
        self.size = len(self.template)

    def resume(self, rows_done: int, size: int) -> None:
        """Goes back to the state after `rows_done` tile rows, when the file had `size` bytes."""
        self._file.truncate(size)
        self.size = size
        self.rows_done = rows_done
        for row in self.remaining:
            for page in self._pages:
                for col in range(page.tiles_across):
                    for index in page.indexes(row, col):
                        self._point(page, index, 0, 0)

    def put(self, row: int, col: int, planes: TilePlanes) -> Iterator[None]:
        """Takes a tile, appends those that are next, and yields after each whole tile row."""
        self._waiting[row, col] = planes
        while self.remaining:
            place = self.remaining[0], self._next_col
            if place not in self._waiting:
                return
            self._append(*place, self._waiting.pop(place))
            self._next_col += 1
            if self._next_col == self._pages[0].tiles_across:
                self.rows_done += 1
                self._next_col = 0
                yield

    def sync(self) -> None:
        """Makes everything so far survive a crash of the machine."""
        os.fsync(self._file.fileno())

    def append_bytes(self, data: bytes) -> None:
        """Appends bytes that belong to no tile."""
        self._file.seek(self.size)
        self._write(data)
        self.size += len(data)

    def _append(self, row: int, col: int, planes: TilePlanes) -> None:
        for page, tiles in zip(self._pages, planes, strict=True):
            for index, data in zip(page.indexes(row, col), tiles, strict=True):
                if data:
                    start = self.size
                    self.append_bytes(data)
                    self._point(page, index, start, len(data))

    def _point(self, page: Page, index: int, start: int, size: int) -> None:
        self._file.seek(page.offsets.place(index))
        self._write(page.offsets.pack(start))
        self._file.seek(page.counts.place(index))
        self._write(page.counts.pack(size))

    def _write(self, data: bytes) -> None:
        """Writes all of it: an unbuffered file may take less at a time."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
