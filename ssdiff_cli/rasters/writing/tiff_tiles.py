"""Tiles of a TIFF file as bytes: taken out of one file, appended to another.

GDAL writes a file's directories (all metadata, no pixels) and encodes runs of tiles into small files in memory; this module
moves the encoded tiles. So the layout of an output is the order in which its tiles were appended and nothing else, and a run
that was killed continues where the last complete append ended.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["ArrayTag", "Page", "encoded_tile", "encoded_tile_at", "read_pages"]

_WIDTH, _HEIGHT, _SAMPLES, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS = (
    256,
    257,
    277,
    284,
    322,
    323,
    324,
    325,
)
_FORMATS = {3: "H", 4: "I", 16: "Q"}
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    16: 8,
    17: 8,
    18: 8,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayTag:
    """Where a tag's numbers are stored."""

    position: int
    """Byte position of the first number in the file."""
    count: int
    code: str
    """`struct` code of one number, with its byte order."""

    def read(self, data: bytes, index: int) -> int:
        """Returns one number out of the file's bytes."""
        return int(
            struct.unpack_from(self.code, data, self.position + index * struct.calcsize(self.code))[
                0
            ]
        )

    def place(self, index: int) -> int:
        """Returns the byte position of one number."""
        return self.position + index * struct.calcsize(self.code)

    def pack(self, value: int) -> bytes:
        """Returns one number as stored.

        Raises:
            OverflowError: When it does not fit: a file beyond 4 GB that is no BigTIFF.
        """
        try:
            return struct.pack(self.code, value)
        except struct.error as error:
            raise OverflowError(
                f"{value} does not fit into a TIFF field of {8 * struct.calcsize(self.code)} bits"
            ) from error


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


def encoded_tile_at(file: BinaryIO, head: bytes, page: Page, index: int) -> bytes:
    """Returns a tile as it is stored in an open file of which `head` holds the directories."""
    file.seek(page.offsets.read(head, index))
    return file.read(page.counts.read(head, index))


def read_pages(data: bytes) -> list[Page]:
    """Returns the images of a TIFF file, in file order, from its bytes (of the directories at least)."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    pages, position = (
        [],
        struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0],
    )
    while position:
        tags, position = _directory(data, order, position, big=big)
        pages.append(_page(data, tags))
    return pages


def _directory(
    data: bytes, order: str, position: int, *, big: bool
) -> tuple[dict[int, ArrayTag], int]:
    """Returns the numeric tags of a directory and the position of the next one."""
    head, entry, word = ("Q", 20, "Q") if big else ("H", 12, "I")
    count = struct.unpack_from(order + head, data, position)[0]
    position += struct.calcsize(head)
    tags = {}
    for start in range(position, position + count * entry, entry):
        tag, kind, number = struct.unpack_from(f"{order}HH{word}", data, start)
        value = start + 4 + struct.calcsize(word)
        inline = _SIZES[kind] * number <= struct.calcsize(word)
        if kind in _FORMATS:
            place = value if inline else struct.unpack_from(order + word, data, value)[0]
            tags[tag] = ArrayTag(position=place, count=number, code=order + _FORMATS[kind])
    return tags, struct.unpack_from(order + word, data, position + count * entry)[0]


def _page(data: bytes, tags: dict[int, ArrayTag]) -> Page:
    width, height, across, down = (
        tags[tag].read(data, 0) for tag in (_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT)
    )
    samples = tags[_SAMPLES].read(data, 0) if _SAMPLES in tags else 1
    separate = _PLANAR in tags and tags[_PLANAR].read(data, 0) == 2
    return Page(
        tiles_across=-(-width // across),
        tiles_down=-(-height // down),
        planes=samples if separate else 1,
        offsets=tags[_OFFSETS],
        counts=tags[_COUNTS],
    )
