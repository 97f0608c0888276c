"""A pair of files and a run that writes it, for the tests of outputs; also a program that dies while it writes."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ssdiff_cli.rasters.reading.pair import ScenePair, open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing.sink import SinkOptions, open_sinks
from ssdiff_cli.rasters.writing.tile_file import TileFile
from ssdiff_models.scene.windows import TileGrid
from tests.cli.rasters.fields import Array, Rasters, north_up

__all__ = ["fake_fusion", "make_pair", "run", "stored"]

SMALL_TILES = (("BLOCKXSIZE", "64"), ("BLOCKYSIZE", "64"))


def make_pair(
    rasters: Rasters, rows: int = 300, cols: int = 280, *, nodata: float | None = 0
) -> tuple[str, str]:
    """Writes a PAN of random DN with a hole, and its MS."""
    rng = np.random.default_rng(8)
    pan, ms = (
        rng.integers(1, 3000, (1, rows, cols)),
        rng.integers(1, 3000, (3, rows // 4, cols // 4)),
    )
    if nodata is not None:
        pan[0, 130:190, 70:90] = nodata
    return (
        rasters.write(
            "pan.tif", pan.astype(np.uint16), north_up(500_000.0, 4_600_000.0, 1.0), nodata=nodata
        ),
        rasters.write("ms.tif", ms.astype(np.uint16), north_up(500_000.0, 4_600_000.0, 4.0)),
    )


def fake_fusion(
    pair: ScenePair, grid: TileGrid, rows: range
) -> Iterator[tuple[object, Array, Array]]:
    """Yields blocks whose pixels depend on nothing but their place in the pair."""
    for i in rows:
        for j in grid.covering(pair.area)[1]:
            block = grid.block(i, j)
            patch = pair.read(block)
            yield (
                block,
                np.stack([patch.pan + 10.4 * band for band in range(pair.bands)]),
                patch.valid,
            )


@contextmanager
def opened(paths: tuple[str, str], options: PairOptions | None = None) -> Iterator[ScenePair]:
    with open_pair(*paths, options=options or PairOptions()) as pair:
        yield pair


def run(
    paths: tuple[str, str],
    output: str,
    options: SinkOptions | None = None,
    *,
    step: int = 64,
    pair_options: PairOptions | None = None,
    stop: tuple[int, BaseException] | None = None,
) -> int:
    """Writes an output and returns how many blocks that took; `stop` raises after so many."""
    written = 0
    with (
        opened(paths, pair_options) as pair,
        open_sinks({output: options or SinkOptions()}, pair) as (sink,),
    ):
        grid = TileGrid(rows=pair.rows, cols=pair.cols, step=step, overlap=0, multiple=4)
        for rows in sink.block_rows(grid):
            for block, fused, valid in fake_fusion(pair, grid, rows):
                sink.write(block, fused, valid)  # type: ignore[arg-type]
                written += 1
                if stop is not None and written == stop[0]:
                    raise stop[1]
    return written


def stored(paths: tuple[str, str], pair_options: PairOptions | None = None) -> tuple[Array, Array]:
    """Returns the pixels ``(bands, rows, cols)`` and the validity that an output of the whole area should hold."""
    with opened(paths, pair_options) as pair:
        patch = pair.read(pair.area)
        return np.rint(
            np.stack([patch.pan + 10.4 * band for band in range(pair.bands)])
        ), patch.valid


def die_at_write(number: int) -> None:
    """Makes this process kill itself in the middle of its n-th write to an output."""
    whole, count = TileFile._write, 0

    def write(self: TileFile, data: bytes | memoryview) -> None:
        nonlocal count
        count += 1
        if count == number:
            whole(self, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        whole(self, data)

    TileFile._write = write  # type: ignore[method-assign]


def main() -> None:
    pan, ms, output, number = sys.argv[1:]
    die_at_write(int(number))
    run((pan, ms), output, replace(SinkOptions(), creation=SMALL_TILES))
    Path(output).touch()


if __name__ == "__main__":
    main()
