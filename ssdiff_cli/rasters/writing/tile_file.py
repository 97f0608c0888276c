"""The growing output file: a template with all metadata, then encoded tiles in row-major order.

The bytes of the file follow from the template and the tiles alone. Which tile came first, in how
many runs or from which shard, leaves no trace, so a continued run and merged shards end with the
file of an undisturbed run.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ssdiff_cli.rasters.writing.tiff_tiles import Page, read_pages

__all__ = ["TileFile", "TilePlanes", "blank_template", "tile_sum"]

TilePlanes = tuple[tuple[bytes | memoryview, ...], ...]
"""The bytes of one tile: for each page (image, mask) those of each of its planes."""


def tile_sum(planes: TilePlanes, before: int) -> int:
    """Returns the checksum of a tile row up to a tile; `before` it, or the row's number."""
    for page in planes:
        for data in page:
            before = zlib.crc32(data, zlib.crc32(len(data).to_bytes(8, "little"), before))
    return before


def blank_template(directories: bytes) -> bytes:
    """Returns the first bytes of an output with no tile in its directories."""
    return _blanked(directories, read_pages(directories))


def _blanked(directories: bytes, pages: Sequence[Page]) -> bytes:
    blank = bytearray(directories)
    for page in pages:
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
        self.sums: list[int] = []
        """Checksums of the whole tile rows."""
        self.begun = False
        """Whether the file is ours: what was there before is checked, or gone."""
        self._file = file
        self._pages = read_pages(template)
        self._waiting: dict[tuple[int, int], TilePlanes] = {}
        self._next_col = 0
        self._sum = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no byte on the disk."""
        return os.fstat(self._file.fileno()).st_size == 0

    def has_head(self) -> bool:
        """Whether the file on the disk begins as ours do, as far as it goes.

        The places of the tiles aside, which are checked with the tiles.
        """
        head = self.head()
        whole = head + self.template[len(head) :]
        return _blanked(whole, self._pages) == _blanked(self.template, self._pages)

    def head(self) -> bytes:
        """Returns the directories as they are on the disk."""
        self._file.seek(0)
        return self._file.read(len(self.template))

    @property
    def remaining(self) -> tuple[int, ...]:
        """Tile rows that are still to come."""
        return self.tile_rows[self.rows_done :]

    def start(self) -> None:
        """Writes the template into an empty file."""
        self.begun = True
        self._file.truncate(0)
        self._file.seek(0)
        self._write(self.template)
        self.size = len(self.template)

    def resume(self, sums: Sequence[int]) -> None:
        """Goes back to the state after the last tile row up to which all have these checksums."""
        head = self.head()
        if len(head) < len(self.template):
            self.start()
            return
        self.begun = True
        end = os.fstat(self._file.fileno()).st_size
        self.size = len(head)
        for row, expected in zip(self.tile_rows, sums, strict=False):
            size = self._checked(head, row, expected, end)
            if size is None:
                break
            self.size = size
            self.sums.append(expected)
            self.rows_done += 1
        self._file.truncate(self.size)
        for row in self.remaining:
            for page in self._pages:
                for col in range(page.tiles_across):
                    for index in page.indexes(row, col):
                        self._point(page, index, 0, 0)

    def _checked(self, head: bytes, row: int, expected: int, end: int) -> int | None:
        """Returns the file's size up to a tile row; None where the row is not as it was."""
        size = self.size
        total = row
        for col in range(self._pages[0].tiles_across):
            for page in self._pages:
                for index in page.indexes(row, col):
                    start = page.offsets.read(head, index)
                    count = page.counts.read(head, index)
                    if start != (size if count else 0):
                        return None
                    data = os.pread(self._file.fileno(), max(0, min(count, end - size)), size)
                    total = tile_sum(((data,),), total)
                    size += count
        return size if total == expected else None

    def put(self, row: int, col: int, planes: TilePlanes) -> Iterator[None]:
        """Takes a tile, appends those that are next, and yields after each whole tile row."""
        self._waiting[row, col] = planes
        while self.remaining:
            place = self.remaining[0], self._next_col
            if place not in self._waiting:
                return
            planes = self._waiting.pop(place)
            self._append(*place, planes)
            self._sum = tile_sum(planes, self._sum if self._next_col else place[0])
            self._next_col += 1
            if self._next_col == self._pages[0].tiles_across:
                self.sums.append(self._sum)
                self.rows_done += 1
                self._next_col = 0
                yield

    def sync(self) -> None:
        """Makes everything so far survive a crash of the machine."""
        os.fsync(self._file.fileno())

    def append_bytes(self, data: bytes | memoryview) -> None:
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

    def _write(self, data: bytes | memoryview) -> None:
        """Writes all of it: an unbuffered file may take less at a time."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
