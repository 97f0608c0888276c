"""A GeoTIFF or COG as a `Sink`: written beside its final name, renamed when complete.

Usage::

    with open_pair(pan, ms, options=...) as pair, open_sink(output, pair, options=SinkOptions(provenance={...})) as sink:
        for block, fused, valid in engine:
            sink.write(block, fused, valid)

Blocks come once each in row-major order and are cut to the pair's area. When the `with` body ends without an
error the file appears under its final name; when it fails nothing is left.
"""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError

from ssdiff_cli.rasters.blocks import Assembler, Pixels, TileRun
from ssdiff_cli.rasters.encode import EncodedRun, encode_run, write_template
from ssdiff_cli.rasters.pair import ScenePair
from ssdiff_cli.rasters.profile import OutputProfile, SinkOptions, output_profile
from ssdiff_cli.rasters.tiff import Page, read_pages
from ssdiff_models.errors import ResourceError, SsdiffError, UsageError
from ssdiff_models.radiometry import cast
from ssdiff_models.scene import BoolArray, FloatArray
from ssdiff_models.tiles import Window

__all__ = ["RasterSink", "SinkOptions", "check_output", "open_sink"]


def check_output(output: str, *, overwrite: bool, inputs: tuple[str, ...] = ()) -> None:
    """Refuses, before any work, an output that could not be written at the end.

    Raises:
        UsageError: When it exists and `overwrite` is off, is an input, or its folder is missing or closed.
    """
    path = Path(output)
    if output.startswith("/vsi") or "://" in output:
        raise UsageError(f"{output}: the output must be a local file; copy it afterwards")
    if path.is_dir():
        raise UsageError(f"{output}: is a folder; name a file in it")
    if any(Path(name).exists() and path.exists() and path.samefile(name) for name in inputs):
        raise UsageError(f"{output}: is also an input; choose another output")
    if path.exists() and not overwrite:
        raise UsageError(f"{output}: exists; pass --overwrite to replace it")
    if not path.parent.is_dir():
        raise UsageError(f"{output}: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{output}: no permission to write into {path.parent}; choose another folder")


class RasterSink:
    """An open output; implements `ssdiff_models.scene.Sink`."""

    def __init__(self, file: BinaryIO, profile: OutputProfile, num_threads: int) -> None:
        """Takes a file that holds only directories; use `open_sink`."""
        file.seek(0)
        head = file.read()
        self._file, self._end = file, file.tell()
        self._pages = read_pages(head)
        self._profile = profile
        self._assembler = Assembler(
            area=profile.area,
            bands=profile.bands,
            dtype=profile.dtype,
            tile_rows=profile.block_rows,
            tile_cols=profile.block_cols,
        )
        self._left = profile.area.rows * profile.area.cols
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="encode")
        self._encoding: deque[Future[EncodedRun]] = deque()
        self._ahead = 2 * num_threads

    def __enter__(self) -> Self:
        """Returns the sink itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the encoding threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def write(self, block: Window, fused: FloatArray, valid: BoolArray) -> None:
        """Takes ``(bands, rows, cols)`` float32 in DN and the validity of its pixels; what is outside of the area is dropped.

        Raises:
            ResourceError: When the disk is full.
        """
        inside = block.intersection(self._profile.area)
        if inside is None:
            return
        rows, cols = inside.within(block)
        pixels = settle(fused[:, rows, cols], valid[rows, cols], self._profile)
        self._left -= inside.rows * inside.cols
        for run in self._assembler.add(inside, pixels, valid[rows, cols]):
            self._submit(run)

    def finish(self) -> None:
        """Writes what is still being encoded.

        Raises:
            RuntimeError: When blocks are missing.
        """
        while self._encoding:
            self._append(self._encoding.popleft().result())
        if self._left or self._assembler.unfinished:
            raise RuntimeError(f"{self._left} pixels of the output were never written")

    def _submit(self, run: TileRun) -> None:
        self._encoding.append(self._pool.submit(encode_run, run, self._profile))
        while len(self._encoding) > self._ahead:
            self._append(self._encoding.popleft().result())

    def _append(self, run: EncodedRun) -> None:
        for page, tiles in zip(self._pages, run.pages, strict=True):
            for k, planes in enumerate(tiles):
                for index, data in zip(page.indexes(run.row, run.col + k), planes, strict=True):
                    self._append_tile(page, index, data)

    def _append_tile(self, page: Page, index: int, data: bytes) -> None:
        if not data:
            return
        for tag, value in ((page.offsets, self._end), (page.counts, len(data))):
            self._file.seek(tag.place(index))
            self._file.write(tag.pack(value))
        self._file.seek(self._end)
        self._file.write(data)
        self._end += len(data)


def settle(fused: FloatArray, valid: BoolArray, profile: OutputProfile) -> Pixels:
    """Converts DN to stored pixels: rounded, clipped, invalid ones at nodata, and no valid one there."""
    if profile.maximum is not None:
        fused = np.minimum(fused, np.float32(profile.maximum))
    pixels = cast(fused, profile.dtype)
    if profile.nodata is None:
        pixels[:, ~valid] = 0
        return pixels
    nodata = profile.dtype.type(profile.nodata)
    pixels[pixels == nodata] = _neighbour(profile.nodata, profile)
    pixels[:, ~valid] = nodata
    return pixels


def _neighbour(nodata: float, profile: OutputProfile) -> float:
    """The value next to nodata, away from the end of the range."""
    if profile.dtype.kind == "f":
        return float(np.nextafter(profile.dtype.type(nodata), profile.dtype.type(0 if nodata else 1)))
    top = np.iinfo(profile.dtype).max if profile.maximum is None else profile.maximum
    return nodata - 1 if nodata == top else nodata + 1


@contextmanager
def open_sink(output: str, pair: ScenePair, *, options: SinkOptions) -> Iterator[RasterSink]:
    """Opens an output for the pair's area; it appears under its name when the body ends without an error.

    Raises:
        UsageError: When the output cannot be used as given: see `check_output`.
        ResourceError: When the disk is full.
    """
    check_output(output, overwrite=options.overwrite, inputs=(pair.pan.path, pair.ms.path))
    profile = output_profile(pair, options)
    part = Path(f"{output}.part")
    try:
        write_template(part, pair, profile, options.provenance)
        with part.open("r+b") as file, RasterSink(file, profile, options.num_threads) as sink:
            yield sink
            sink.finish()
        if options.format == "COG":
            part = _to_cog(part, output, options)
        part.replace(output)
    except OSError as error:
        raise disk_error(error, output) from error
    finally:
        _discard(Path(f"{output}.part"), Path(f"{output}.cog.part"))


def _to_cog(part: Path, output: str, options: SinkOptions) -> Path:
    cog = Path(f"{output}.cog.part")
    creation = {"COMPRESS": "DEFLATE", "PREDICTOR": "YES", "BIGTIFF": "IF_SAFER"} | {
        key.upper(): value for key, value in options.creation
    }
    try:
        with rasterio.Env(GDAL_NUM_THREADS=str(options.num_threads)):
            rasterio.shutil.copy(str(part), str(cog), driver="COG", **creation)
    except RasterioError as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ResourceError(f"{output}: GDAL could not write it: {reason}") from error
    return cog


def disk_error(error: OSError, output: str) -> SsdiffError:
    """Returns the user's error for a failed write."""
    reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
    return ResourceError(f"{output}: cannot be written: {reason}; free some space or choose another folder")


def _discard(*parts: Path) -> None:
    for part in parts:
        for path in (part, Path(f"{part}.aux.xml")):
            with suppress(OSError):
                path.unlink(missing_ok=True)
