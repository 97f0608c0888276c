"""Shards joined into the file that one run would have written, byte for byte."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ssdiff_cli.rasters.writing.finish import place_output
from ssdiff_cli.rasters.writing.output_path import check_output
from ssdiff_cli.rasters.writing.shards import ShardNote, read_note
from ssdiff_cli.rasters.writing.tiff_tiles import encoded_tile_at, read_pages
from ssdiff_cli.rasters.writing.tile_file import (
    TileFile,
    TilePlanes,
    blank_template,
    disk_errors,
    lock_part,
)
from ssdiff_models.errors import InputError, UsageError

__all__ = ["merge_shards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shard:
    """An open shard."""

    file: BinaryIO
    note: ShardNote
    head: bytes

    def tiles(self, row: int) -> Iterator[TilePlanes]:
        """Yields the encoded tiles of a tile row."""
        pages = read_pages(self.head)
        for col in range(pages[0].tiles_across):
            yield tuple(
                tuple(
                    encoded_tile_at(self.file, self.head, page, index)
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
        UsageError: When the output cannot be used as given.
        ResourceError: When the disk is full.
    """
    if not paths:
        raise UsageError("no shards given: name the files of all of them")
    check_output(output, overwrite=overwrite, inputs=tuple(paths))
    part = Path(f"{output}.part")
    with ExitStack() as stack:
        shards = [_open(path, stack) for path in paths]
        _check_complete([shard.note for shard in shards], paths)
        file = stack.enter_context(lock_part(part, output))
        # Quickly made again, so nothing is kept when it fails.
        stack.callback(part.unlink, missing_ok=True)
        note = shards[0].note
        with disk_errors(output):
            _join(shards, file, progress)
            place_output(
                part,
                output,
                file_format=note.format,
                creation=note.creation,
                num_threads=num_threads,
            )


def _join(shards: Sequence[_Shard], file: BinaryIO, progress: Callable[[int, int], None]) -> None:
    owner = {row: shard for shard in shards for row in shard.note.tile_rows}
    merged = TileFile(file, blank_template(shards[0].head), sorted(owner))
    merged.start()
    for row in sorted(owner):
        for col, planes in enumerate(owner[row].tiles(row)):
            for done in merged.put(row, col, planes):
                progress(done, len(owner))


def _open(path: str, stack: ExitStack) -> _Shard:
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - the stack closes it
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    stack.callback(file.close)
    note = read_note(file, path)
    file.seek(0)
    return _Shard(file=file, note=note, head=file.read(note.head))


def _check_complete(notes: Sequence[ShardNote], paths: Sequence[str]) -> None:
    first = notes[0]
    seen: dict[int, str] = {}
    for note, path in zip(notes, paths, strict=True):
        if (note.digest, note.count) != (first.digest, first.count):
            raise InputError(
                f"{path}: comes from another run than {paths[0]}: make both with the same inputs and settings"
            )
        if note.index in seen:
            raise InputError(
                f"{path}: is shard {note.index} of {note.count}, as is {seen[note.index]}: give each once"
            )
        seen[note.index] = path
    missing = [str(index) for index in range(1, first.count + 1) if index not in seen]
    if missing:
        numbers = f"shards {', '.join(missing)}" if len(missing) > 1 else f"shard {missing[0]}"
        raise InputError(
            f"of {first.count} parts {numbers} is not there: make it with --shard {missing[0]}/{first.count}, then merge all"
        )
