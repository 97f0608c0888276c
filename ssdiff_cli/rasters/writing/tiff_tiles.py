"""Tiles of a TIFF file as bytes: taken out of one file, appended to another.

GDAL writes a file's directories (all metadata, no pixels) and encodes runs of tiles into small
files in memory; this module moves the encoded tiles. So the layout of an output is the order in
which its tiles were appended, and a killed run continues after the last complete append.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

__all__ = ["ArrayTag", "Page", "encoded_tile", "encoded_tile_at", "read_pages"]

NUMBER_FORMATS = {3: "H", 4: "I", 16: "Q"}
"""TIFF field types that hold unsigned numbers, as `struct` codes."""


class _Tag(IntEnum):
    WIDTH = 256
    HEIGHT = 257
    SAMPLES = 277
    PLANAR = 284
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    OFFSETS = 324
    COUNTS = 325


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayTag:
    """Where a tag's numbers are stored."""

    position: int
    """Byte position of the first number in the file."""
    count: int
    code: str
    """`struct` code of one number, with its byte order."""

    def place(self, index: int) -> int:
        """Returns the byte position of one number."""
        return self.position + index * struct.calcsize(self.code)

    def read(self, data: bytes, index: int) -> int:
        """Returns one number out of the file's bytes."""
        return _number(data, self.code, self.place(index))

    def pack(self, value: int) -> bytes:
        """Returns one number as stored.

        Raises:
            OverflowError: When it does not fit: a file beyond 4 GB that is no BigTIFF.
        """
        try:
            return struct.pack(self.code, value)
        except struct.error as error:
            bits = 8 * struct.calcsize(self.code)
            raise OverflowError(f"{value} does not fit into a TIFF field of {bits} bits") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One image of a tiled TIFF file."""

    tiles_across: int
    tiles_down: int
    planes: int
    """Separately stored bands: 1 where the bands of a pixel lie together."""
    offsets: ArrayTag
    counts: ArrayTag

    def indexes(self, row: int, col: int) -> Iterator[int]:
        """Yields the numbers of the tiles at a place, one per plane."""
        for plane in range(self.planes):
            yield (plane * self.tiles_down + row) * self.tiles_across + col


def encoded_tile(data: bytes, page: Page, index: int) -> bytes:
    """Returns a tile as it is stored; empty where the file is sparse."""
    start = page.offsets.read(data, index)
    return data[start : start + page.counts.read(data, index)]


def encoded_tile_at(file: BinaryIO, directories: bytes, page: Page, index: int) -> bytes:
    """Returns a tile as it is stored in an open file whose directories are known."""
    file.seek(page.offsets.read(directories, index))
    return file.read(page.counts.read(directories, index))


def read_pages(data: bytes) -> list[Page]:
    """Returns the images of a TIFF file, in file order, from the bytes of its directories.

    Raises:
        ValueError: When a directory points back at an earlier one.
    """
    order = "<" if data[:2] == b"II" else ">"
    is_big = _number(data, order + "H", 2) == 43
    position = _number(data, order + "Q", 8) if is_big else _number(data, order + "I", 4)
    pages = []
    seen: set[int] = set()
    while position:
        if position in seen:
            raise ValueError("a directory points at itself")
        seen.add(position)
        tags, position = _directory(data, order, position, is_big=is_big)
        pages.append(_page(data, tags))
    return pages


def _number(data: bytes, code: str, position: int) -> int:
    return int(struct.unpack_from(code, data, position)[0])


def _directory(
    data: bytes, order: str, position: int, *, is_big: bool
) -> tuple[dict[int, ArrayTag], int]:
    """Returns the numeric tags of a directory and the position of the next one."""
    count_code = order + ("Q" if is_big else "H")
    word = order + ("Q" if is_big else "I")
    entry_bytes = 4 + 2 * struct.calcsize(word)
    first = position + struct.calcsize(count_code)
    stop = first + _number(data, count_code, position) * entry_bytes
    tags = {}
    for start in range(first, stop, entry_bytes):
        tag, kind, count = struct.unpack_from(order + "HH" + word[1], data, start)
        if kind in NUMBER_FORMATS:
            code = order + NUMBER_FORMATS[kind]
            value = start + 4 + struct.calcsize(word)
            is_inline = count * struct.calcsize(code) <= struct.calcsize(word)
            place = value if is_inline else _number(data, word, value)
            tags[tag] = ArrayTag(position=place, count=count, code=code)
    return tags, _number(data, word, stop)


def _page(data: bytes, tags: dict[int, ArrayTag]) -> Page:
    def value(tag: _Tag) -> int:
        return tags[tag].read(data, 0) if tag in tags else 1

    return Page(
        tiles_across=-(-value(_Tag.WIDTH) // value(_Tag.TILE_WIDTH)),
        tiles_down=-(-value(_Tag.HEIGHT) // value(_Tag.TILE_HEIGHT)),
        planes=value(_Tag.SAMPLES) if value(_Tag.PLANAR) == 2 else 1,
        offsets=tags[_Tag.OFFSETS],
        counts=tags[_Tag.COUNTS],
    )
