"""Classical fusion of scenes of any size: one pass of statistics, then window by window."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass

import numpy as np
import torch

from ssdiff_models.classical.method import Context, Method, Rule
from ssdiff_models.classical.moments import Statistics, matched_floors
from ssdiff_models.classical.registry import find
from ssdiff_models.classical.scene_window import WindowBlock
from ssdiff_models.errors import InputError
from ssdiff_models.parallel.threads import ordered_map, prefetch
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import FloatArray, Patch, Source
from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics
from ssdiff_models.scene.windows import TileGrid, Window
from ssdiff_models.scene.zero_signal import AboveZero, above_zero, black_levels, per_band

__all__ = ["ClassicalFuser", "stream"]

LATTICE = 1024
"""Side in PAN pixels, nearly, of the blocks of statistics, anchored at PAN (0, 0)."""
_STRIP = 512
"""Rows, nearly, that are fused at a time, so that intermediate results stay in the cache."""
_READ_AHEAD = 2
Progress = Callable[[int, int], None]
"""``progress(done, total)``, in blocks of the pass of statistics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicalFuser:
    """A method with the numbers of its scene; a `LocalFuser`, safe to call from several threads."""

    method: str
    grid: ModelGrid
    rule: Rule
    """A frozen dataclass of plain numbers, for the record."""
    zero: tuple[float, ...] = ()
    """DN of no signal of each MS band, then of the PAN, which the rule does not see; none: 0."""

    @property
    def halo(self) -> int:
        """PAN pixels needed around a window; whole MS pixels."""
        return self.rule.halo(self.grid)

    def __call__(self, patch: Patch, window: Window) -> FloatArray:
        """Fuses a window of whole MS pixels.

        Args:
            patch: The pixels of ``window.expand(halo)``.
            window: Which one.

        Returns:
            ``(bands, rows, cols)`` in DN.
        """
        if any(self.zero):
            return self._apply(above_zero(patch, self.zero), window) + per_band(self.zero)
        return self._apply(patch, window)

    def _apply(self, patch: Patch, window: Window) -> FloatArray:
        if window.rows <= _STRIP:
            block = WindowBlock(patch, window, self.halo, self.grid)
            fused: FloatArray = self.rule.apply(block).numpy()
            return fused
        output = np.empty((len(patch.ms), *window.shape), np.float32)
        target = torch.from_numpy(output)
        for strip in _strips(window, self.grid.ratio):
            rows, _ = strip.within(window)
            part = _cut(patch, rows, self.halo, self.grid.ratio)
            target[:, rows] = self.rule.apply(WindowBlock(part, strip, self.halo, self.grid))
        return output


def _strips(window: Window, ratio: int) -> Iterator[Window]:
    step = max(1, _STRIP // ratio) * ratio
    for row in range(window.row, window.row_stop, step):
        rows = min(step, window.row_stop - row)
        yield Window(row=row, col=window.col, rows=rows, cols=window.cols)


def _cut(patch: Patch, rows: slice, halo: int, ratio: int) -> Patch:
    """Returns the part of a patch under some rows of its window; the MS keeps its own halo."""
    pan_rows = slice(rows.start, rows.stop + 2 * halo)
    ms_halo = patch.ms.shape[1] - patch.pan.shape[0] // ratio
    ms_rows = slice(pan_rows.start // ratio, pan_rows.stop // ratio + ms_halo)
    return Patch(pan=patch.pan[pan_rows], ms=patch.ms[:, ms_rows], valid=patch.valid[pan_rows])


def stream(
    method: str,
    source: Source,
    sensor: Sensor | str,
    *,
    phase: float | None = None,
    pitch: float | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> ClassicalFuser:
    """Gathers a method's statistics in one pass over the scene; the method is then ready to fuse.

    It runs over the scene's valid pixels, whatever the source's `area`, in blocks of a lattice
    anchored at PAN (0, 0): the same scene always gives the same numbers, to the bit.

    Args:
        method: One of `METHODS`.
        source: The scene.
        sensor: Whose MTF gains are used, or its name.
        phase: PAN index of the centre of MS model pixel 0; None: ``(ratio - 1)/2``.
        pitch: PAN pixels per MS pixel that the sensor saw; None: the source's ratio.
        workers: Blocks at a time.
        progress: Called after each block.

    Raises:
        UsageError: When the method or the sensor is unknown.
        InputError: When the scene has no valid pixel.
    """
    known = find(method)
    centre = (source.ratio - 1) / 2 if phase is None else phase
    grid = ModelGrid(ratio=source.ratio, phase=centre, pitch=pitch)
    zero = black_levels(source.statistics())
    if any(zero):
        source = AboveZero(source=source, zeros=zero)
    scene = source.statistics()
    context = Context.of(grid, sensor, _ranges(scene), _floors(scene))
    whole = Window(row=0, col=0, rows=source.rows, cols=source.cols)
    lattice = _lattice(source)
    windows = [lattice.tile(*place) for place in lattice.blocks(whole)]
    parts = _gathered(known, source, context, windows, workers)
    rule = _solved(known, _merged(parts, len(windows), progress), context, method)
    return ClassicalFuser(method=method, grid=grid, rule=rule, zero=zero)


def _solved(known: Method, statistics: Statistics, context: Context, name: str) -> Rule:
    rule: Rule | None = None
    with suppress(np.linalg.LinAlgError):
        rule = known.solve(statistics, context)
    if rule is None or not _finite(asdict(rule)):  # type: ignore[call-overload]
        raise InputError(
            f"method {name} finds no numbers for this scene: its values are too large or too "
            "small to compute with, or fills; name these with --src-nodata"
        )
    return rule


def _finite(numbers: object) -> bool:
    """Whether all floats among nested values are finite."""
    match numbers:
        case dict():
            return all(map(_finite, numbers.values()))
        case tuple() | list():
            return all(map(_finite, numbers))
        case float():
            return math.isfinite(numbers)
    return True


def _merged(
    parts: Iterator[Statistics | None], count: int, progress: Progress | None
) -> Statistics:
    total = Statistics()
    for done, part in enumerate(parts, start=1):
        if part is None:
            break
        total = total.merged(part)
        if progress is not None:
            progress(done, count)
    return total


def _alone() -> None:
    """Makes the calling thread run operators alone: blocks are what runs side by side."""
    torch.set_num_threads(1)


def _lattice(source: Source) -> TileGrid:
    step = max(1, LATTICE // source.ratio) * source.ratio
    return TileGrid(rows=source.rows, cols=source.cols, step=step, overlap=0, multiple=source.ratio)


def _ranges(scene: SceneStatistics) -> tuple[tuple[float, float], ...]:
    """Returns each band's range in the scene's sample and a quarter on both sides, never empty."""
    return tuple(_range(band) for band in scene.ms)


def _range(band: BandStatistics) -> tuple[float, float]:
    span = max(band.maximum - band.minimum, 1e-6 * abs(band.maximum), 1e-30)
    return band.minimum - span / 4, band.minimum + 1.25 * span


def _floors(scene: SceneStatistics) -> tuple[float, ...]:
    bands = [(band.mean, band.std) for band in scene.ms]
    return matched_floors(bands, pan=(scene.pan.mean, scene.pan.std))


def _gathered(
    method: Method, source: Source, context: Context, windows: list[Window], workers: int
) -> Iterator[Statistics | None]:
    """Yields the statistics of each window in order; None where there is nothing to gather."""
    reach = method.reach(context.grid)

    def read() -> Iterator[tuple[Window, Patch]]:
        for window in windows:
            yield window, source.read(window.expand(reach))

    def gather(item: tuple[Window, Patch]) -> Statistics | None:
        window, patch = item
        block = WindowBlock(patch, window, reach, context.grid)
        if block.valid is not None and not block.valid.any():
            return Statistics()
        return method.gather(block, context)

    with closing(prefetch(read(), _READ_AHEAD)) as patches:
        yield from ordered_map(gather, patches, workers=workers, initializer=_alone)
