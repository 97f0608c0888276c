"""A classical method bound to a scene."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from ssdiff_cli.device import choose
from ssdiff_cli.jobs.sharpen.band_names import (
    band_names,
    scene_sensor,
    warn_of_guessed_gains,
    warn_of_guessed_haze,
)
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.method import PROBE, Cost, SceneMethod
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models import classical
from ssdiff_models.classical.registry import NEED_GAINS, NEED_HAZE
from ssdiff_models.classical.stream import ClassicalFuser
from ssdiff_models.fusion.blocks import FusedBlock, fuse_blocks
from ssdiff_models.scene.source import Source
from ssdiff_models.scene.windows import TileGrid

__all__ = ["ClassicalMethod"]

BLOCK = 512
"""Side of a block, nearly, as the TIFF's tiles; 1024 is no faster and takes 170 MB more."""
COPIES = 6
"""Float images of a block that exist at a time, measured and rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicalMethod(SceneMethod):
    """A classical method bound to a scene, whose statistics are gathered."""

    fuser: ClassicalFuser

    @classmethod
    def bind(cls, job: SharpenJob, pair: ScenePair) -> Self:
        """Gathers the statistics of the scene in one pass over its pixels."""
        ratio = pair.ratio
        step = BLOCK // ratio * ratio
        grid = TileGrid(rows=pair.rows, cols=pair.cols, step=step, overlap=0, multiple=ratio)
        device = choose(job.device, tile_pixels=1)
        if job.method in NEED_GAINS:
            warn_of_guessed_gains(job.sensor, pair)
        if job.method in NEED_HAZE:
            warn_of_guessed_haze(job.method, pair)
        sensor = scene_sensor(job.sensor, pair)
        fuser = classical.stream(
            job.method, pair.without_region(), sensor, pitch=pair.pitch, workers=device.threads
        )
        return cls(name=job.method, pair=pair, device=device, grid=grid, fuser=fuser)

    def resume_key(self) -> dict[str, str]:
        """Returns the bands' names, which choose their haze and their MTF."""
        names = ",".join(name or "" for name in band_names(self.pair))
        return {"the bands' names": names}

    def blocks(self, rows: range) -> Iterator[FusedBlock]:
        """Yields the fused blocks of some rows of blocks."""
        return self.fuse(self.pair, rows)

    def fuse(self, source: Source, rows: range | None = None) -> Iterator[FusedBlock]:
        """Yields the fused blocks of a part of the scene."""
        workers = self.device.threads
        return fuse_blocks(source, self.fuser, block=self.grid.step, workers=workers, rows=rows)

    def cost(self) -> Cost:
        """Returns what a block takes; fuses a small window to measure the time."""
        workers = self.device.threads
        halo = self.fuser.halo
        block_bytes = (self.grid.step + 2 * halo) ** 2 * (self.pair.bands + 1) * 4
        ratio = self.pair.ratio
        window = self.probe_window(4 * PROBE // ratio * ratio)
        started = time.perf_counter()
        self.fuser(self.pair.read(window.expand(halo)), window)
        seconds = time.perf_counter() - started
        return Cost(
            memory=workers * COPIES * block_bytes,
            seconds_per_pixel=seconds / (window.rows * window.cols),
            workers=workers,
        )
