"""Shards of an output: the tile rows of each, and the note at the end of its file."""

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from ssdiff_models.errors import InputError, UsageError

__all__ = ["Shard", "ShardNote", "own_path", "read_note", "shard_path"]

BAND_ROWS = 1024
"""PAN rows that a shard makes at a time: several tile rows, so that little is computed twice."""

MARK = b"SSDIFF-SHARD-2"
"""Last bytes of a shard's file, after the note, its length and its checksum."""

NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Part `index` of `count`: every `count`-th band of tile rows."""

    index: int
    """1-based."""
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UsageError(
                f"--shard {self.index}/{self.count}: the first number runs from 1 to the second"
            )

    def tile_rows(self, tiles_down: int, block_rows: int) -> list[int]:
        """Returns the tile rows of this shard."""
        band = max(1, min(BAND_ROWS // block_rows, tiles_down // self.count))
        return [row for row in range(tiles_down) if row // band % self.count == self.index - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardNote:
    """The note in a shard's file, behind its last tile."""

    index: int
    count: int
    tile_rows: tuple[int, ...]
    sums: tuple[int, ...]
    """Checksums of these rows."""
    head: int
    """Bytes of the directories at the beginning of the file."""
    head_sum: int
    """Their checksum."""
    digest: str
    """Hash of the run's key."""
    format: str
    creation: tuple[tuple[str, str], ...]
    """Creation options of the merged output."""

    def packed(self) -> bytes:
        """Returns the note as the end of a file."""
        text = json.dumps(asdict(self)).encode()
        return text + _trailer(text)


def shard_path(output: str, shard: Shard) -> str:
    """Returns the name of a shard's file: ``out.tif`` becomes ``out.shard2of4.tif``."""
    path = Path(output)
    return str(path.with_name(f"{path.stem}.shard{shard.index}of{shard.count}{path.suffix}"))


def own_path(output: str, shard: Shard | None) -> str:
    """Returns the file that a run writes: the output itself, or its shard of it."""
    return shard_path(output, shard) if shard else output


def read_note(file: BinaryIO, path: str) -> ShardNote:
    """Reads the note at the end of a shard's file.

    Raises:
        InputError: When the file is no finished shard, or one of another version.
    """
    trailer_bytes = len(_trailer(b""))
    trailer_start = max(0, file.seek(0, 2) - trailer_bytes)
    file.seek(trailer_start)
    trailer = file.read(trailer_bytes)
    length = int.from_bytes(trailer[:NUMBER_BYTES], "little")
    if not trailer.endswith(MARK) or length > trailer_start:
        raise InputError(f"{path}: is no finished shard of this version: make it with --shard")
    file.seek(trailer_start - length)
    text = file.read(length)
    try:
        note = TypeAdapter(ShardNote).validate_json(text, strict=True)
    except ValidationError:
        note = None
    if note is None or _trailer(text) != trailer or len(note.sums) != len(note.tile_rows):
        raise InputError(f"{path}: is damaged at its end: make it again")
    return note


def _trailer(text: bytes) -> bytes:
    numbers = (len(text), zlib.crc32(text))
    return b"".join(number.to_bytes(NUMBER_BYTES, "little") for number in numbers) + MARK
