"""A GeoTIFF or COG as a `Sink`: written beside its final name, renamed when complete, continued when it was killed.

Usage::

    with open_pair(pan, ms, options=...) as pair, open_sink(output, pair, options=SinkOptions(key={...})) as sink:
        for rows in sink.block_rows(grid):
            for block in engine(pair, rows=rows):
                sink.write(block.window, block.fused, block.valid)

Blocks come once each in row-major order. What is outside of the area, or already in the file, is ignored.
When the `with` body ends without an error the file appears under its final name (`sink.path`). When it fails, what was
finished stays as ``OUT.part`` with ``OUT.journal.json``, and the same command continues there.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.finish import check_cog_options, place_output
from ssdiff_cli.rasters.writing.journal import Journal, Recorder, RunKey, current_boot, run_key
from ssdiff_cli.rasters.writing.output_path import check_output
from ssdiff_cli.rasters.writing.profile import OutputProfile, SinkOptions, output_profile
from ssdiff_cli.rasters.writing.shards import ShardNote, own_path
from ssdiff_cli.rasters.writing.tile_assembler import Assembler, TileRun
from ssdiff_cli.rasters.writing.tile_encoder import (
    EncodedRun,
    encode_run,
    make_template,
    round_to_dtype,
    try_encoding,
)
from ssdiff_cli.rasters.writing.tile_file import TileFile, disk_errors, lock_part
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["RasterSink", "SinkOptions", "open_sink"]


class RasterSink:
    """An open output; implements `ssdiff_models.scene.Sink`."""

    def __init__(
        self,
        *,
        path: str,
        store: TileFile,
        profile: OutputProfile,
        record: Callable[[int], None],
        threads: int,
    ) -> None:
        """Takes a file that is at a whole tile row, and what to do after each further one; use `open_sink`."""
        self.path = path
        """Where the file will be."""
        self._store, self._profile, self._record = store, profile, record
        self._wanted = _windows(store.left, profile)
        self._missing = sum(window.rows * window.cols for window in self._wanted)
        self._assembler = Assembler(
            area=profile.area,
            bands=profile.bands,
            dtype=profile.dtype,
            tile_rows=profile.block_rows,
            tile_cols=profile.block_cols,
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._writing: deque[Future[None]] = deque()
        self._ahead = 8 * threads

    @property
    def wanted(self) -> tuple[Window, ...]:
        """What this run has to make: the area, less what is in the file already, less other shards' bands; top to bottom."""
        return self._wanted

    def block_rows(self, grid: TileGrid) -> list[range]:
        """Returns the rows of blocks of a lattice that `wanted` touches; ranges that follow one another are joined."""
        ranges: list[range] = []
        for window in self._wanted:
            rows, _ = grid.covering(window)
            if ranges and rows.start <= ranges[-1].stop:
                ranges[-1] = range(ranges[-1].start, rows.stop)
            else:
                ranges.append(rows)
        return ranges

    def write(self, block: Window, fused: FloatArray, valid: BoolArray) -> None:
        """Takes ``(bands, rows, cols)`` float32 in DN and the validity of its pixels.

        Raises:
            ResourceError: When the disk is full.
        """
        for window in self._wanted:
            part = block.intersection(window)
            if part is not None:
                rows, cols = part.within(block)
                self._write(part, fused[:, rows, cols], valid[rows, cols])

    def _write(self, part: Window, fused: FloatArray, valid: BoolArray) -> None:
        self._missing -= part.rows * part.cols
        for run in self._assembler.add(part, round_to_dtype(fused, valid, self._profile), valid):
            self._submit(run)

    def _submit(self, run: TileRun) -> None:
        encoding = self._pool.submit(encode_run, run, self._profile)
        self._writing.append(self._writer.submit(self._append, encoding))
        while len(self._writing) > self._ahead:
            self._writing.popleft().result()

    def _append(self, encoding: Future[EncodedRun]) -> None:
        """Writes tiles down as soon as they are encoded, and then tells the journal: a killed run loses the row it was in, no more."""
        run = encoding.result()
        with disk_errors(self.path):
            for k, planes in enumerate(run.tiles):
                for tile_rows in self._store.put(run.row, run.col + k, planes):
                    self._record(tile_rows)

    def finish(self) -> None:
        """Waits for what is still being encoded and written.

        Raises:
            ResourceError: When the disk is full.
            RuntimeError: When blocks are missing.
        """
        while self._writing:
            self._writing.popleft().result()
        if self._missing or self._store.left:
            raise RuntimeError(f"{self._missing} pixels of {self.path} were never written")

    def close(self) -> None:
        """Ends the threads, after what they were given: it is computed, and a continued run need not do it again."""
        for pool in (self._writer, self._pool):
            pool.shutdown(wait=True)


def _windows(tile_rows: tuple[int, ...], profile: OutputProfile) -> tuple[Window, ...]:
    """PAN windows of tile rows, adjacent ones joined."""
    area, height = profile.area, profile.block_rows
    spans: list[list[int]] = []
    for row in tile_rows:
        if spans and spans[-1][1] == row:
            spans[-1][1] = row + 1
        else:
            spans.append([row, row + 1])
    bands = [
        Window(row=area.row + a * height, col=area.col, rows=(b - a) * height, cols=area.cols)
        for a, b in spans
    ]
    return tuple(part for band in bands if (part := band.intersection(area)))


@contextmanager
def open_sink(output: str, pair: ScenePair, *, options: SinkOptions) -> Iterator[RasterSink]:
    """Opens an output for the pair's area; it appears under its name when the body ends without an error.

    Raises:
        UsageError: When the output cannot be used as given (see `check_output`), another run writes it, or an
            unfinished run with other settings is there.
        ResourceError: When the disk is full.
    """
    path = own_path(output, options.shard)
    check_output(path, overwrite=options.overwrite, inputs=(pair.pan.path, pair.ms.path))
    profile = output_profile(pair, options)
    try_encoding(profile)
    if profile.cog:
        check_cog_options(options.creation, profile)
    template = make_template(pair, profile, options.provenance)
    journal, part, key = Journal(path), Path(f"{path}.part"), run_key(pair, template, options.key)
    shard = options.shard
    tile_rows = (
        shard.tile_rows(profile.tiles_down, profile.block_rows)
        if shard
        else range(profile.tiles_down)
    )
    with lock_part(part, path) as file:
        store = TileFile(file, template, tile_rows)
        progress = journal.progress(key, part, boot=current_boot(), restart=options.overwrite)
        with _kept_when_begun(store, part, journal):
            with disk_errors(path):
                _begin(store, progress)
            record = Recorder(store, journal, key)
            with closing(
                RasterSink(
                    path=path,
                    store=store,
                    profile=profile,
                    record=record,
                    threads=options.num_threads,
                )
            ) as sink:
                yield sink
                sink.finish()
            with disk_errors(path):
                _complete(store, part, path, options, key)
        journal.remove()


def _begin(store: TileFile, progress: tuple[int, int] | None) -> None:
    if progress is None:
        store.start()
    else:
        store.resume(*progress)


@contextmanager
def _kept_when_begun(store: TileFile, part: Path, journal: Journal) -> Iterator[None]:
    """Removes an unfinished file that is not worth continuing."""
    try:
        yield
    except BaseException:
        if not store.rows_done:
            part.unlink(missing_ok=True)
            journal.remove()
        raise


def _complete(store: TileFile, part: Path, path: str, options: SinkOptions, key: RunKey) -> None:
    """Gives the file its name; a shard stays a GeoTIFF and tells at its end what it is a shard of."""
    shard = options.shard
    if shard is not None:
        note = ShardNote(
            index=shard.index,
            count=shard.count,
            tile_rows=store.tile_rows,
            head=store.head,
            digest=key.digest,
            format=options.format,
            creation=options.creation,
        )
        store.append_bytes(note.packed())
    place_output(
        part,
        path,
        file_format="GTiff" if shard else options.format,
        creation=options.creation,
        num_threads=options.num_threads,
    )
