"""Shards joined into the file that one run would have written, byte for byte."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ssdiff_cli.rasters.gdal import disk_errors
from ssdiff_cli.rasters.writing.finish import name_output
from ssdiff_cli.rasters.writing.output_path import check_outputs
from ssdiff_cli.rasters.writing.shards import ShardNote, read_note
from ssdiff_cli.rasters.writing.tiff_tiles import encoded_tile_at, read_pages
from ssdiff_cli.rasters.writing.tile_file import TileFile, TilePlanes, blank_template, lock_part
from ssdiff_models.errors import InputError, UsageError

__all__ = ["merge_shards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShardFile:
    """An open shard."""

    path: str
    file: BinaryIO
    note: ShardNote
    directories: bytes

    def tiles(self, row: int) -> Iterator[TilePlanes]:
        """Yields the encoded tiles of a tile row."""
        pages = read_pages(self.directories)
        for col in range(pages[0].tiles_across):
            yield tuple(
                tuple(
                    encoded_tile_at(self.file, self.directories, page, index)
                    for index in page.indexes(row, col)
                )
                for page in pages
            )


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
    check_outputs([output], paths, overwrite=overwrite)
    part = Path(f"{output}.part")
    with ExitStack() as stack:
        shards = [_open(path, stack) for path in paths]
        _check_complete(shards)
        file = stack.enter_context(lock_part(part, output))
        # A merge is quick, so nothing is kept when it fails.
        stack.callback(part.unlink, missing_ok=True)
        note = shards[0].note
        with disk_errors(output):
            _join(shards, file, progress)
            name_output(part, output, note.format, note.creation, num_threads)


def _join(
    shards: Sequence[_ShardFile], file: BinaryIO, progress: Callable[[int, int], None]
) -> None:
    owners = {row: shard for shard in shards for row in shard.note.tile_rows}
    rows = sorted(owners)
    merged = TileFile(file, blank_template(shards[0].directories), rows)
    merged.start()
    for row in rows:
        for col, planes in enumerate(owners[row].tiles(row)):
            for _ in merged.put(row, col, planes):
                progress(merged.rows_done, len(rows))


def _open(path: str, stack: ExitStack) -> _ShardFile:
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - the stack closes it
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    stack.callback(file.close)
    note = read_note(file, path)
    file.seek(0)
    return _ShardFile(path=path, file=file, note=note, directories=file.read(note.head))


def _check_complete(shards: Sequence[_ShardFile]) -> None:
    first = shards[0]
    found: dict[int, str] = {}
    for shard in shards:
        path, note = shard.path, shard.note
        if (note.digest, note.count) != (first.note.digest, first.note.count):
            raise InputError(
                f"{path}: comes from another run than {first.path}: "
                "make both with the same inputs and settings"
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
