"""One output made by several runs: which rows are whose, and what a shard's file says of itself."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ssdiff_models.errors import InputError, UsageError

__all__ = ["Shard", "ShardNote", "own_path", "read_note", "shard_path"]

BAND_ROWS = 1024
"""Rows of a band where the scene has enough of them: several rows of tiles, so that little is computed twice."""

MARK = b"SSDIFF-SHARD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Part `index` of `count`; it makes every `count`-th band."""

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
        band = self.band(tiles_down, block_rows)
        return [row for row in range(tiles_down) if row // band % self.count == self.index - 1]

    def band(self, tiles_down: int, block_rows: int) -> int:
        """Returns the tile rows in a band."""
        return max(1, min(BAND_ROWS // block_rows, tiles_down // self.count))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardNote:
    """What a shard's file says of itself, behind its last tile."""

    index: int
    count: int
    tile_rows: tuple[int, ...]
    head: int
    """Bytes of the template."""
    digest: str
    """Hash of the run's key."""
    format: str
    creation: tuple[tuple[str, str], ...]
    """Creation options of the merged output."""

    def packed(self) -> bytes:
        """Returns the note as the end of a file."""
        text = json.dumps(asdict(self)).encode()
        return text + len(text).to_bytes(8, "little") + MARK


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
        InputError: When the file is no finished shard.
    """
    tail = len(MARK) + 8
    end = file.seek(0, 2)
    file.seek(max(0, end - tail))
    trailer = file.read(tail)
    length = int.from_bytes(trailer[:8], "little")
    if trailer[8:] != MARK or length > end - tail:
        raise InputError(f"{path}: is no finished shard: make it with --shard")
    file.seek(end - tail - length)
    fields: dict[str, Any] = json.loads(file.read(length))
    creation = tuple((key, value) for key, value in fields.pop("creation"))
    return ShardNote(creation=creation, tile_rows=tuple(fields.pop("tile_rows")), **fields)
