"""Shards joined into the file that one run would have written, byte for byte."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ssdiff_cli.rasters.gdal import disk_errors
from ssdiff_cli.rasters.writing.finish import finished_file, name_rasters
from ssdiff_cli.rasters.writing.output_path import claimed_outputs
from ssdiff_cli.rasters.writing.shards import ShardNote, read_note
from ssdiff_cli.rasters.writing.tiff_tiles import Page, encoded_tile_at, read_pages
from ssdiff_cli.rasters.writing.tile_file import (
    TileFile,
    TilePlanes,
    blank_template,
    tile_sum,
)
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.files import working_folder

__all__ = ["merge_shards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShardFile:
    """An open shard."""

    path: str
    file: BinaryIO
    note: ShardNote
    directories: bytes
    pages: Sequence[Page]

    def tiles(self, row: int) -> Iterator[TilePlanes]:
        """Yields the encoded tiles of a tile row.

        Raises:
            InputError: When they are not those that were written.
        """
        total = row
        for col in range(self.pages[0].tiles_across):
            with _damages(self.path):
                planes = tuple(
                    tuple(
                        encoded_tile_at(self.file, self.directories, page, index)
                        for index in page.indexes(row, col)
                    )
                    for page in self.pages
                )
            total = tile_sum(planes, total)
            yield planes
        if total != self.note.sums[self.note.tile_rows.index(row)]:
            raise InputError(f"{self.path}: is damaged in tile row {row}: make it again")


def merge_shards(
    paths: Sequence[str],
    output: str,
    *,
    overwrite: bool,
    num_threads: int = 1,
    progress: Callable[[int, int], None],
) -> None:
    """Joins all shards of a run; ``progress(done, total)`` counts tile rows.

    Raises:
        InputError: When a file is no shard, or they are not all the shards of one run.
        UsageError: When the output cannot be used.
        ResourceError: When the disk is full.
    """
    if not paths:
        raise UsageError("no shards given: name the files of all of them")
    with ExitStack() as stack:
        stack.enter_context(claimed_outputs([output], paths, overwrite=overwrite))
        shards = [_open(path, stack) for path in paths]
        _check_complete(shards)
        note = shards[0].note
        with disk_errors(output), working_folder(Path(output)) as folder:
            # A merge is quick, so nothing is kept when it fails.
            part = folder / Path(output).name
            with part.open("x+b", buffering=0) as file:
                _join(shards, file, progress)
            with finished_file(part, output, note.format, note.creation, num_threads) as file:
                name_rasters([(file, Path(output))])


def _join(
    shards: Sequence[_ShardFile], file: BinaryIO, progress: Callable[[int, int], None]
) -> None:
    owners = {row: shard for shard in shards for row in shard.note.tile_rows}
    rows = range(shards[0].pages[0].tiles_down)
    merged = TileFile(file, blank_template(shards[0].directories), rows)
    merged.start()
    for row in rows:
        for col, planes in enumerate(owners[row].tiles(row)):
            for _ in merged.put(row, col, planes):
                progress(merged.rows_done, len(rows))


def _open(path: str, stack: ExitStack) -> _ShardFile:
    with _damages(path):
        file = stack.enter_context(Path(path).open("rb"))  # noqa: SIM115
        note = read_note(file, path)
        file.seek(0)
        directories = file.read(note.head)
        if zlib.crc32(directories) != note.head_sum:
            raise InputError(f"{path}: is damaged at its beginning: make it again")
        pages = read_pages(directories)
    return _ShardFile(path=path, file=file, note=note, directories=directories, pages=pages)


@contextmanager
def _damages(path: str) -> Iterator[None]:
    """Turns errors while a shard is read into the user's."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (LookupError, ArithmeticError, struct.error, MemoryError) as error:
        raise InputError(f"{path}: is damaged: make it again") from error


def _check_complete(shards: Sequence[_ShardFile]) -> None:
    first = shards[0]
    found: dict[int, str] = {}
    for shard in shards:
        path, note = shard.path, shard.note
        if (note.digest, note.count) != (first.note.digest, first.note.count):
            raise InputError(
                f"{path}: comes from another run than {first.path}: "
                "make both with the same inputs and settings, and one --precision where processors differ"
            )
        if note.index in found:
            raise InputError(
                f"{path}: is shard {note.index} of {note.count}, as is {found[note.index]}: "
                "give each once"
            )
        found[note.index] = path
    count = first.note.count
    missing = [str(index) for index in range(1, count + 1) if index not in found]
    if missing:
        shard_names = f"shard{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        raise InputError(
            f"of {count} parts {shard_names} is not there: "
            f"make it with --shard {missing[0]}/{count}, then merge all"
        )
    rows = sorted(row for shard in shards for row in shard.note.tile_rows)
    if rows != list(range(first.pages[0].tiles_down)):
        raise InputError(
            f"{first.path}: has not, with the others, each of {first.pages[0].tiles_down} rows of "
            "tiles once: make them again"
        )
