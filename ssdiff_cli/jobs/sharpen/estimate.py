"""What a run will take: memory, disk and time, from the plan and from a probe that fuses one small tile."""

import time
from dataclasses import dataclass

import numpy as np

from ssdiff_cli.device import BYTES_PER_PIXEL, DeviceChoice
from ssdiff_cli.jobs.sharpen.method import Fusion
from ssdiff_cli.rasters.gdal import CACHE_MEGABYTES
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.fusion.model_fuser import InputTile, ModelFuser
from ssdiff_models.fusion.stream import LocalFuser
from ssdiff_models.scene.windows import Window

__all__ = ["Estimate", "estimate"]

BASE = 400e6
"""Bytes of the process before it reads a pixel: Python, torch, GDAL; measured and rounded up."""
BASE_CUDA = 2e9
"""The same with CUDA's context and libraries."""
PROBE = 64
"""Side in PAN pixels of the tile that is timed."""
COPIES = 6
"""Float images of a block that a classical method holds at a time, measured and rounded up."""


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
    """Time to fuse, from one small tile."""


def estimate(pair: ScenePair, fusion: Fusion, dtype: str) -> Estimate:
    """Returns what fusing the pair's area takes; fuses one small tile to tell the time.

    Args:
        pair: The scene.
        fusion: The method bound to it.
        dtype: Data type of the output.
    """
    area, size = pair.area, np.dtype(dtype).itemsize
    host, device = _memory(pair, fusion)
    return Estimate(
        memory_bytes=int(host),
        device_memory_bytes=None if device is None else int(device),
        disk_bytes=area.rows * area.cols * pair.bands * size,
        seconds=round(_seconds(pair, fusion), 1),
    )


def _memory(pair: ScenePair, fusion: Fusion) -> tuple[float, float | None]:
    side, layers = fusion.grid.step + fusion.grid.overlap, pair.bands
    kept = BASE + CACHE_MEGABYTES * 2**20
    # Rows of tiles that wait for the next ones, and rows of the file's blocks that wait for their right ends.
    kept += pair.area.cols * (2 * fusion.grid.overlap + 512) * layers * 4
    if isinstance(fusion.fuser, ModelFuser):
        return _network_memory(kept, side**2, fusion.device)
    block = (side + 2 * fusion.fuser.halo) ** 2 * (layers + 1) * 4
    return kept + fusion.device.threads * COPIES * block, None


def _network_memory(kept: float, pixels: int, device: DeviceChoice) -> tuple[float, float | None]:
    work = pixels * BYTES_PER_PIXEL
    if device.device.type == "cpu":
        return kept + device.threads * work, None
    return kept + BASE_CUDA, device.batch * work * device.precision.itemsize / 4


def _seconds(pair: ScenePair, fusion: Fusion) -> float:
    rows, cols = fusion.grid.covering(pair.area)
    pixels = sum(fusion.grid.tile(i, 0).rows for i in rows) * sum(
        fusion.grid.tile(0, j).cols for j in cols
    )
    if isinstance(fusion.fuser, ModelFuser):
        each = _time_network(pair, fusion.fuser, fusion.device)
        parallel = (
            min(fusion.device.threads, len(rows) * len(cols))
            if fusion.device.device.type == "cpu"
            else 1
        )
    else:
        each, parallel = (
            _time_local(pair, fusion.fuser),
            min(fusion.device.threads, len(rows) * len(cols)),
        )
    return pixels * each / parallel


def _time_network(pair: ScenePair, fuser: ModelFuser, device: DeviceChoice) -> float:
    """Seconds per PAN pixel of the second of two equal runs: the first one starts things up."""
    side = PROBE if device.device.type == "cpu" else fuser.settings.tile
    window = _middle(pair, -(-side // fuser.multiple) * fuser.multiple)
    count = 1 if device.device.type == "cpu" else device.batch
    spent = 0.0
    for _ in range(2):
        started = time.perf_counter()
        tiles = [InputTile.of(pair.read(window), window)] * count
        for _fused in device.runner().run(fuser, tiles):
            spent = time.perf_counter() - started
    return spent / (count * window.rows * window.cols)


def _time_local(pair: ScenePair, fuser: LocalFuser) -> float:
    window = _middle(pair, 4 * PROBE)
    started = time.perf_counter()
    fuser(pair.read(window.expand(fuser.halo)), window)
    return (time.perf_counter() - started) / (window.rows * window.cols)


def _middle(pair: ScenePair, side: int) -> Window:
    """A window of `side` pixels, a multiple of the ratio, around the middle of the area; it may overhang it."""
    area = pair.area
    row, col = (
        (area.row + (area.rows - side) // 2) // side * side,
        (area.col + (area.cols - side) // 2) // side * side,
    )
    return Window(row=max(row, 0), col=max(col, 0), rows=side, cols=side)
