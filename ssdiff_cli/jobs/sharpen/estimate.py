"""What a run will take: memory, disk and time."""

from dataclasses import dataclass

import numpy as np

from ssdiff_cli.rasters.gdal import CACHE_MEGABYTES
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["PROBE", "Cost", "Estimate", "estimate", "probe_window"]

PROCESS_BYTES = 400e6
"""Memory of Python, torch and GDAL before a pixel is read; measured and rounded up."""
BLOCK_ROWS = 512
"""Rows of the file's blocks that wait for their right ends, at most."""
PROBE = 64
"""Side in PAN pixels of the window that is timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a method takes, besides what every method does."""

    memory: float
    """Bytes of the process's memory."""
    device_memory: float | None
    """Bytes of the accelerator's memory; None on a CPU."""
    seconds_per_pixel: float
    """Seconds of one worker per PAN pixel, measured."""
    workers: int
    """Blocks that are computed at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Bounds for memory and disk, and a guess of the time."""

    memory_bytes: int
    """Peak resident memory."""
    device_memory_bytes: int | None
    """Memory of the accelerator; None on a CPU."""
    disk_bytes: int
    """The output without compression."""
    seconds: float
    """Time to fuse."""


def estimate(pair: ScenePair, grid: TileGrid, cost: Cost, dtype: str) -> Estimate:
    """Returns what fusing the pair's area takes.

    Args:
        pair: The scene.
        grid: The method's blocks.
        cost: What the method takes.
        dtype: Data type of the output.
    """
    area = pair.area
    # Rows of tiles wait for the next ones, and rows of the file's blocks for their right ends.
    waiting = area.cols * (2 * grid.overlap + BLOCK_ROWS) * pair.bands * 4
    memory = PROCESS_BYTES + CACHE_MEGABYTES * 2**20 + waiting + cost.memory
    rows, cols = grid.covering(area)
    height = sum(grid.tile(i, 0).rows for i in rows)
    width = sum(grid.tile(0, j).cols for j in cols)
    workers = min(cost.workers, len(rows) * len(cols))
    return Estimate(
        memory_bytes=int(memory),
        device_memory_bytes=None if cost.device_memory is None else int(cost.device_memory),
        disk_bytes=area.rows * area.cols * pair.bands * np.dtype(dtype).itemsize,
        seconds=round(height * width * cost.seconds_per_pixel / workers, 1),
    )


def probe_window(pair: ScenePair, side: int) -> Window:
    """Returns a window in the middle of the area; it may overhang the area.

    Args:
        pair: The scene.
        side: Rows and columns of the window, a multiple of the ratio, as its corner is.
    """
    area = pair.area
    row = (area.row + (area.rows - side) // 2) // side * side
    col = (area.col + (area.cols - side) // 2) // side * side
    return Window(row=max(row, 0), col=max(col, 0), rows=side, cols=side)
