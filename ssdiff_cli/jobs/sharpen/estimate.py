"""What a run will take: memory, disk and time."""

from dataclasses import dataclass

import numpy as np

from ssdiff_cli.jobs.sharpen.method import SceneMethod
from ssdiff_cli.rasters.gdal import CACHE_MEGABYTES

__all__ = ["Estimate", "estimate"]

PROCESS_BYTES = 400e6
"""Memory of Python, torch and GDAL before a pixel is read; measured and rounded up."""
BLOCK_ROWS = 512
"""Rows of the file's blocks that wait for their right ends, at most."""


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


def estimate(method: SceneMethod, dtype: str) -> Estimate:
    """Returns what fusing the pair's area to an output of some data type takes."""
    cost = method.cost()
    grid = method.grid
    area = method.pair.area
    bands = method.pair.bands
    # Rows of tiles wait for the next ones, and rows of the file's blocks for their right ends.
    waiting = area.cols * (2 * grid.overlap + BLOCK_ROWS) * bands * 4
    memory = PROCESS_BYTES + CACHE_MEGABYTES * 2**20 + waiting + cost.memory
    rows, cols = grid.covering(area)
    height = sum(grid.tile(i, 0).rows for i in rows)
    width = sum(grid.tile(0, j).cols for j in cols)
    workers = min(cost.workers, method.count)
    return Estimate(
        memory_bytes=int(memory),
        device_memory_bytes=None if cost.device_memory is None else int(cost.device_memory),
        disk_bytes=area.rows * area.cols * bands * np.dtype(dtype).itemsize,
        seconds=round(height * width * cost.seconds_per_pixel / workers, 1),
    )
