"""A GeoTIFF or COG as a `Sink`: renamed when complete, continued when it was killed.

Blocks come once each in row-major order; pixels outside the area or in the file are ignored.
When the `with` body ends without an error, all files appear under their final names (`sink.path`).
When it fails, whole tile rows stay as ``OUT.part`` with ``OUT.journal.json``, and the same command
continues there.
"""

import os
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from ssdiff_cli.rasters.gdal import disk_errors
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.finish import check_cog_options, finished_file, name_rasters
from ssdiff_cli.rasters.writing.journal import Journal
from ssdiff_cli.rasters.writing.output_path import check_outputs
from ssdiff_cli.rasters.writing.profile import OutputProfile, SinkOptions, output_profile
from ssdiff_cli.rasters.writing.rounding import round_to_dtype
from ssdiff_cli.rasters.writing.run_key import run_key
from ssdiff_cli.rasters.writing.shards import Shard, ShardNote, own_path
from ssdiff_cli.rasters.writing.template import make_template
from ssdiff_cli.rasters.writing.tile_assembler import Assembler, TileRun
from ssdiff_cli.rasters.writing.tile_encoder import EncodedRun, encode_run, try_encoding
from ssdiff_cli.rasters.writing.tile_file import TileFile
from ssdiff_models.files import PART
from ssdiff_models.locks import held, remove_quietly
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["RasterSink", "SinkOptions", "open_sinks"]

RUNS_PER_THREAD = 8
"""Runs of tiles that may wait to be encoded or written."""


class RasterSink:
    """An open output; implements `ssdiff_models.scene.Sink`. Use `open_sinks`."""

    def __init__(
        self,
        path: str,
        store: TileFile,
        journal: Journal,
        profile: OutputProfile,
        options: SinkOptions,
    ) -> None:
        """Takes a file that ends with a whole tile row."""
        self.path = path
        """The file's final name."""
        self.wanted = _windows(store.remaining, profile)
        """What this run makes, top to bottom: no rows already written, no other shards' bands."""
        self._store = store
        self._journal = journal
        self._profile = profile
        self._options = options
        self._missing = sum(window.rows * window.cols for window in self.wanted)
        self._assembler = Assembler(
            area=profile.area,
            bands=profile.bands,
            dtype=profile.dtype,
            tile_rows=profile.block_rows,
            tile_cols=profile.block_cols,
        )
        threads = options.num_threads
        self._encoders = ThreadPoolExecutor(threads, thread_name_prefix="encode")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._writing: deque[Future[None]] = deque()
        self._most_waiting = RUNS_PER_THREAD * threads

    def block_rows(self, grid: TileGrid) -> list[range]:
        """Returns the rows of blocks of a lattice that `wanted` touches, adjacent ones joined."""
        return _joined(grid.covering(window)[0] for window in self.wanted)

    def write(self, block: Window, fused: FloatArray, valid: BoolArray) -> None:
        """Takes ``(bands, rows, cols)`` float32 in DN and the validity of its pixels.

        Raises:
            ResourceError: When the disk is full.
        """
        for window in self.wanted:
            part = block.intersection(window)
            if part is not None:
                rows, cols = part.within(block)
                self._write(part, fused[:, rows, cols], valid[rows, cols])

    def _write(self, part: Window, fused: FloatArray, valid: BoolArray) -> None:
        self._missing -= part.rows * part.cols
        pixels = round_to_dtype(fused, valid, self._profile)
        for run in self._assembler.add(part, pixels, valid):
            self._submit(run)

    def _submit(self, run: TileRun) -> None:
        encoding = self._encoders.submit(encode_run, run, self._profile)
        self._writing.append(self._writer.submit(self._append, encoding))
        while len(self._writing) > self._most_waiting:
            self._writing.popleft().result()

    def _append(self, encoding: Future[EncodedRun]) -> None:
        """Writes encoded tiles and notes whole rows: a killed run loses only its last row."""
        run = encoding.result()
        with disk_errors(self.path):
            for col, planes in enumerate(run.tiles, start=run.col):
                for _ in self._store.put(run.row, col, planes):
                    self._journal.record(self._store)

    def finish(self) -> None:
        """Waits for the encoding and writing of all tiles.

        Raises:
            ResourceError: When the disk is full.
            RuntimeError: When blocks are missing.
        """
        while self._writing:
            self._writing.popleft().result()
        if self._missing or self._store.remaining:
            raise RuntimeError(f"{self._missing} pixels of {self.path} were never written")

    @contextmanager
    def complete(self) -> Iterator[tuple[Path, Path]]:
        """Yields the complete file and its name; a shard stays a GeoTIFF and ends with its note.

        Raises:
            ResourceError: When GDAL cannot write a COG.
        """
        part = Path(f"{self.path}{PART}")
        options = self._options
        file_format = "GTiff" if options.shard is not None else options.format
        if options.shard is not None:
            self._store.append_bytes(self._note(options.shard).packed())
        with finished_file(
            part, self.path, file_format, options.creation, options.num_threads
        ) as file:
            yield file, Path(self.path)

    def _note(self, shard: Shard) -> ShardNote:
        head = self._store.head()
        return ShardNote(
            index=shard.index,
            count=shard.count,
            tile_rows=self._store.tile_rows,
            sums=tuple(self._store.sums),
            head=len(head),
            head_sum=zlib.crc32(head),
            digest=self._journal.digest,
            format=self._options.format,
            creation=self._options.creation,
        )

    def tidy(self) -> None:
        """Removes what a named output needs no longer."""
        remove_quietly(Path(f"{self.path}{PART}"))
        self._journal.remove()

    def close(self) -> None:
        """Ends the threads after all submitted tiles: a continued run need not make them again."""
        self._writer.shutdown(wait=True)
        self._encoders.shutdown(wait=True)


def _windows(tile_rows: tuple[int, ...], profile: OutputProfile) -> tuple[Window, ...]:
    """Returns the PAN windows of tile rows, adjacent ones joined."""
    area = profile.area
    height = profile.block_rows
    windows = []
    for rows in _joined(range(row, row + 1) for row in tile_rows):
        row = area.row + rows.start * height
        row_stop = min(area.row + rows.stop * height, area.row_stop)
        windows.append(Window(row=row, col=area.col, rows=row_stop - row, cols=area.cols))
    return tuple(windows)


def _joined(ranges: Iterable[range]) -> list[range]:
    """Joins ascending ranges that touch."""
    joined: list[range] = []
    for rows in ranges:
        if joined and rows.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, rows.stop)
        else:
            joined.append(rows)
    return joined


@contextmanager
def open_sinks(
    wanted: Mapping[str, SinkOptions], pair: ScenePair, reads: Iterable[str] = ()
) -> Iterator[list[RasterSink]]:
    """Opens the outputs of one run, for the pair's area; they get their names together.

    Args:
        wanted: Each output and how it is written.
        pair: The pair.
        reads: What is read besides it, which no output may replace.

    Raises:
        UsageError: When an output cannot be used (see `check_outputs`), another run writes it, or
            an unfinished run with other settings is there.
        ResourceError: When the disk is full.
    """
    paths = {own_path(output, options.shard): options for output, options in wanted.items()}
    overwrite = all(options.overwrite for options in wanted.values())
    check_outputs(tuple(paths), (pair.pan.path, pair.ms.path, *reads), overwrite=overwrite)
    with ExitStack() as stack:
        sinks = [stack.enter_context(_open(path, pair, paths[path])) for path in paths]
        yield sinks
        for sink in sinks:
            sink.finish()
        with disk_errors(sinks[0].path), ExitStack() as files:
            complete = [files.enter_context(sink.complete()) for sink in sinks]
            name_rasters(complete)
        for sink in sinks:
            sink.tidy()


@contextmanager
def _open(path: str, pair: ScenePair, options: SinkOptions) -> Iterator[RasterSink]:
    """Opens an output that was checked; whole tile rows stay when the body fails."""
    profile = output_profile(pair, options)
    try_encoding(profile)
    if profile.cog:
        check_cog_options(options.creation, profile)
    template = make_template(pair, profile, options.provenance)
    journal = Journal(path, run_key(pair, template, options.key))
    with ExitStack() as stack:
        with disk_errors(path):
            descriptor = stack.enter_context(held(path, PART))
        file = os.fdopen(descriptor, "r+b", buffering=0, closefd=False)
        store = TileFile(file, template, _tile_rows(profile, options))
        stack.enter_context(_kept_when_begun(store, path, journal))
        with disk_errors(path):
            journal.begin(store, restart=options.overwrite)
        sink = RasterSink(path, store, journal, profile, options)
        yield stack.enter_context(closing(sink))


def _tile_rows(profile: OutputProfile, options: SinkOptions) -> list[int]:
    if options.shard is None:
        return list(range(profile.tiles_down))
    return options.shard.tile_rows(profile.tiles_down, profile.block_rows)


@contextmanager
def _kept_when_begun(store: TileFile, path: str, journal: Journal) -> Iterator[None]:
    """Removes an unfinished file of ours without a whole tile row."""
    try:
        yield
    except BaseException:
        if store.is_empty or (store.begun and not store.rows_done):
            remove_quietly(Path(f"{path}{PART}"))
        if store.begun and not store.rows_done:
            journal.remove()
        raise
