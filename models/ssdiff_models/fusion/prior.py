"""The prior image: what a network corrects. The paper's networks add detail to the LMS; ours start from a haze-corrected ratio (BT-H).

A network that starts from the LMS has to learn from few scenes how much of the PAN's detail belongs to each band, and errs on sensors that
it has not seen. That part is a regression on the scene itself, which BT-H does; what the network learns is the rest. The image depends
on each pixel alone, so tiles and halos are as they were.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ssdiff_models.classical.block import Block
from ssdiff_models.classical.haze_ratio import BroveyHaze, BroveyHazeRule
from ssdiff_models.classical.method import Context
from ssdiff_models.classical.moments import Statistics
from ssdiff_models.classical.scene_window import WindowBlock
from ssdiff_models.resampling.upsample import MS_HALO
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import BoolArray, FloatArray, Patch, Source
from ssdiff_models.scene.statistics import RatioPrior, SceneStatistics
from ssdiff_models.scene.windows import Window, sample_windows
from ssdiff_models.scene.zero_signal import above_zero, zero_levels

__all__ = ["measure_images", "measure_prior", "measure_set"]


LATTICE = 8
"""Windows on each axis that a large scene's numbers are taken from."""
PATCH = 128
"""Side of such a window, nearly, in PAN pixels: a scene of up to 1024 x 1024 pixels counts whole."""


def measure_prior(source: Source, statistics: SceneStatistics, *, phase: float) -> RatioPrior:
    """Takes the numbers from the scene: all of it where it is small, else a lattice of windows; valid pixels only.

    Args:
        source: The scene, in DN; its `area` does not count.
        statistics: Its radiometry: what is black.
        phase: PAN index of the centre of MS model pixel 0.

    Raises:
        InputError: When the windows have no two valid pixels.
    """
    black = zero_levels(statistics)
    grid = ModelGrid(ratio=source.ratio, phase=phase)
    ranges = tuple(
        (band.minimum - band.offset, band.maximum - band.offset) for band in statistics.ms
    )
    reach = BroveyHaze().reach(grid)

    def blocks() -> Iterator[Block]:
        for window in _sample(source):
            patch = above_zero(source.read(window.expand(reach)), black)
            yield WindowBlock(patch, window, reach, grid)

    return _solve(blocks(), grid, ranges, black)


def measure_images(
    pan: Tensor, ms: Tensor, valid: BoolArray, *, ratio: int, phase: float
) -> RatioPrior:
    """Takes the numbers from whole images of positive values: PAN ``(rows, cols)``, MS ``(bands, rows/ratio, cols/ratio)``."""
    grid = ModelGrid(ratio=ratio, phase=phase)
    ranges = tuple((float(band.min()), float(band.max())) for band in ms)
    return _solve(iter([_block(pan, ms, valid, grid)]), grid, ranges, (0.0,) * (len(ms) + 1))


def measure_set(images: Sequence[tuple[Tensor, Tensor]], *, ratio: int, phase: float) -> RatioPrior:
    """Takes the numbers that several images of one scene have in common, each a PAN and an MS as in `measure_images`, all valid."""
    grid = ModelGrid(ratio=ratio, phase=phase)
    lows, highs = (
        torch.stack([extreme(ms, (1, 2)) for _, ms in images])
        for extreme in (torch.amin, torch.amax)
    )
    ranges = tuple(zip(lows.amin(0).tolist(), highs.amax(0).tolist(), strict=True))
    blocks = (_block(pan, ms, np.ones(pan.shape, np.bool_), grid) for pan, ms in images)
    return _solve(blocks, grid, ranges, (0.0,) * (len(ranges) + 1))


def _block(pan: Tensor, ms: Tensor, valid: BoolArray, grid: ModelGrid) -> Block:
    """Returns a whole image, its borders repeated around it."""
    reach = BroveyHaze().reach(grid)
    patch = Patch(
        pan=_grown(pan[None], reach)[0],
        ms=_grown(ms, MS_HALO + reach // grid.ratio),
        valid=pad(torch.from_numpy(valid), (reach,) * 4).numpy(),
    )
    return WindowBlock(
        patch, Window(row=0, col=0, rows=pan.shape[0], cols=pan.shape[1]), reach, grid
    )


def _grown(images: Tensor, pixels: int) -> FloatArray:
    grown: FloatArray = pad(images[None].float(), (pixels,) * 4, mode="replicate")[0].numpy()
    return grown


def _solve(
    blocks: Iterator[Block],
    grid: ModelGrid,
    ranges: tuple[tuple[float, float], ...],
    black: tuple[float, ...],
) -> RatioPrior:
    # The interpolated MS overshoots the MS; a quarter of the range on both sides holds it.
    spans = tuple(
        (low - (high - low) / 4, high + max(high - low, 1e-6 * abs(high), 1e-30) / 4)
        for low, high in ranges
    )
    context = Context(grid=grid, gains=(0.3,) * len(spans), pan_gain=0.15, ranges=spans)
    method, total = BroveyHaze(), Statistics()
    for block in blocks:
        if block.valid is None or bool(block.valid.any()):
            total = total.merged(method.gather(block, context) or Statistics())
    rule = method.solve(total, context)
    assert isinstance(rule, BroveyHazeRule)
    return RatioPrior(
        haze=rule.haze, intensity=rule.intensity, scale=rule.scale, shift=rule.shift, zeros=black
    )


def _sample(source: Source) -> Iterator[Window]:
    """Yields whole MS pixels; the same windows for any area of interest."""
    scene = Window(row=0, col=0, rows=source.rows, cols=source.cols)
    return sample_windows(scene, count=LATTICE, side=PATCH, multiple=source.ratio)
