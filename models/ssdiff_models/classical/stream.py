"""Classical fusion of scenes of any size: statistics over strips, then a rule that fuses window by window."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch

from ssdiff_models.classical.block import Block, Geometry
from ssdiff_models.classical.fuse import context_of, floors_of
from ssdiff_models.classical.method import Context, Method, Rule
from ssdiff_models.classical.moments import Statistics
from ssdiff_models.classical.registry import find
from ssdiff_models.classical.scene_window import WindowBlock
from ssdiff_models.parallel.threads import ordered_map, prefetch
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import FloatArray, Patch, Source
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import TileGrid, Window
from ssdiff_models.scene.zero_signal import AboveZero, above_zero, black_levels, per_band

__all__ = ["ClassicalFuser", "stream"]

LATTICE = 1024
"""Side in PAN pixels, nearly, of the blocks in which statistics are summed, anchored at PAN (0, 0)."""
_STRIP = 512
"""Rows, nearly, that are fused at a time, so that intermediate results stay in the processor's cache."""
_READ_AHEAD = 2
Progress = Callable[[int, int], None]
"""``progress(done, total)``, in blocks of the pass of statistics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicalFuser:
    """A method with the numbers of its scene; a `LocalFuser` of the engine, safe to call from several threads."""

    method: str
    geometry: Geometry
    rule: Rule
    """A frozen dataclass of plain numbers, for the record."""
    black: tuple[float, ...] = ()
    """DN of each MS band, then of the PAN, that the rule does not see; none: 0."""

    @property
    def halo(self) -> int:
        """PAN pixels needed around a window; whole MS pixels."""
        return self.rule.halo(self.geometry)

    def __call__(self, patch: Patch, window: Window) -> FloatArray:
        """Returns ``(bands, rows, cols)`` in DN for `window`, whole MS pixels, given the patch of ``window.expand(halo)``."""
        if any(self.black):
            return self._apply(above_zero(patch, self.black), window) + per_band(self.black)
        return self._apply(patch, window)

    def _apply(self, patch: Patch, window: Window) -> FloatArray:
        if window.rows <= _STRIP:
            whole: FloatArray = self.rule.apply(
                WindowBlock(patch, window, self.halo, self.geometry)
            ).numpy()
            return whole
        output = np.empty((len(patch.ms), *window.shape), np.float32)
        target = torch.from_numpy(output)
        for strip in _strips(window, self.geometry.ratio):
            rows, _ = strip.within(window)
            part = _cut(patch, rows, self.halo, self.geometry.ratio)
            target[:, rows] = self.rule.apply(WindowBlock(part, strip, self.halo, self.geometry))
        return output


def _strips(window: Window, ratio: int) -> Iterator[Window]:
    step = max(1, _STRIP // ratio) * ratio
    for row in range(window.row, window.row_stop, step):
        yield Window(
            row=row, col=window.col, rows=min(step, window.row_stop - row), cols=window.cols
        )


def _cut(patch: Patch, rows: slice, halo: int, ratio: int) -> Patch:
    """Returns the rows of a patch that belong to some rows of its window; the MS keeps its own halo."""
    above_zero, below = rows.start, rows.stop + 2 * halo
    extra = patch.ms.shape[1] - patch.pan.shape[0] // ratio
    return Patch(
        pan=patch.pan[above_zero:below],
        ms=patch.ms[:, above_zero // ratio : below // ratio + extra],
        valid=patch.valid[above_zero:below],
    )


def stream(
    method: str,
    source: Source,
    sensor: Sensor | str,
    *,
    phase: float | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> ClassicalFuser:
    """Gathers a method's statistics in one pass over the whole scene and returns the method, ready for any window.

    The pass runs over the scene, not over the source's `area`, in blocks of a lattice anchored at PAN (0, 0), and over valid pixels
    only: the same scene gives the same numbers, to the bit, for any area of interest, block size and number of workers.

    Args:
        method: One of `METHODS`.
        source: The scene.
        sensor: Whose MTF gains are used, or its name.
        phase: PAN index of the centre of MS model pixel 0, as the source has it: ``(ratio - 1)/2`` by default.
        workers: Blocks at a time.
        progress: Told after each block.

    Raises:
        UsageError: When the method or the sensor is unknown.
        InputError: When the scene has no valid pixel.
    """
    known = find(method)
    geometry = Geometry(
        ratio=source.ratio, phase=(source.ratio - 1) / 2 if phase is None else phase
    )
    black = black_levels(source.statistics())
    if any(black):
        source = AboveZero(source=source, black=black)
    scene = source.statistics()
    floors = floors_of(
        (scene.pan.mean, scene.pan.std), [(band.mean, band.std) for band in scene.ms]
    )
    context = context_of(geometry, sensor, _ranges(scene), floors)
    total = Statistics()
    grid = _lattice(source)
    places = list(grid.blocks(Window(row=0, col=0, rows=source.rows, cols=source.cols)))
    for done, part in enumerate(_gathered(known, source, context, grid, workers), start=1):
        if part is None:
            break
        total = total.merged(part)
        if progress is not None:
            progress(done, len(places))
    return ClassicalFuser(
        method=method, geometry=geometry, rule=known.solve(total, context), black=black
    )


def _alone() -> None:
    """Makes the calling thread run operators alone: blocks are what runs side by side."""
    torch.set_num_threads(1)


def _lattice(source: Source) -> TileGrid:
    step = max(1, LATTICE // source.ratio) * source.ratio
    return TileGrid(rows=source.rows, cols=source.cols, step=step, overlap=0, multiple=source.ratio)


def _ranges(scene: SceneStatistics) -> tuple[tuple[float, float], ...]:
    """Returns each band's range in the scene's sample with a quarter more on both sides, never empty."""
    pairs = [
        (band.minimum, max(band.maximum - band.minimum, 1e-6 * abs(band.maximum), 1e-30))
        for band in scene.ms
    ]
    return tuple((low - span / 4, low + 1.25 * span) for low, span in pairs)


def _gathered(
    method: Method, source: Source, context: Context, grid: TileGrid, workers: int
) -> Iterator[Statistics | None]:
    """Yields the statistics of each block in row-major order; None where there is nothing to gather."""
    geometry = context.geometry
    reach = method.reach(geometry)

    def read() -> Iterator[tuple[Window, Patch]]:
        for place in grid.blocks(Window(row=0, col=0, rows=source.rows, cols=source.cols)):
            window = grid.tile(*place)
            yield window, source.read(window.expand(reach))

    def gather(item: tuple[Window, Patch]) -> Statistics | None:
        window, patch = item
        block: Block = WindowBlock(patch, window, reach, geometry)
        return (
            method.gather(block, context)
            if block.valid is None or block.valid.any()
            else Statistics()
        )

    with closing(prefetch(read(), _READ_AHEAD)) as patches:
        yield from ordered_map(gather, patches, workers=workers, initializer=_alone)
