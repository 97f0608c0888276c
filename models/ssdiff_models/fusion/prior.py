"""The prior image that a network corrects: the LMS in the paper, BT-H in the shipped models.

A network that starts from the LMS learns from few scenes how much of the PAN's detail belongs to
each band, and errs on unknown sensors. BT-H regresses that on the scene itself, and the network
learns the rest. The prior image depends on each pixel alone, so tiles need no larger halo.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from ssdiff_models.classical.block import Block
from ssdiff_models.classical.haze_ratio import BroveyHaze, BroveyHazeRule, add_detail
from ssdiff_models.classical.method import RATIO_LIMIT, Context, as_column
from ssdiff_models.classical.moments import Statistics
from ssdiff_models.classical.scene_window import WindowBlock
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.sensors import BGRN
from ssdiff_models.scene.source import BoolArray, FloatArray, Patch, Source
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window, sample_windows
from ssdiff_models.scene.zero_signal import above_zero, zero_levels

__all__ = ["RatioPrior", "measure_images", "measure_prior"]

SAMPLES = 8
"""Windows on each axis that a large scene is sampled in."""
SIDE = 128
"""Side of such a window in PAN pixels; scenes up to 1024 x 1024 are measured as a whole."""
_TINY = 1e-30
"""An intensity below this counts as it: the ratio is limited anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioPrior:
    """BT-H with the numbers of one scene."""

    rule: BroveyHazeRule
    """In DN above the zeros."""
    zeros: tuple[float, ...]
    """DN of each band, then of the PAN, that count as no signal (`BandStatistics.offset`)."""

    def image(self, lms: Tensor, pan: Tensor) -> Tensor:
        """Returns the prior image in DN, ``(..., bands, rows, cols)``.

        Args:
            lms: The interpolated MS, of the same shape.
            pan: ``(..., 1, rows, cols)``.
        """
        rule = self.rule
        pairs = zip(self.zeros[:-1], rule.haze, strict=True)
        dark = as_column(tuple(zero + haze for zero, haze in pairs), lms)
        above = lms - dark
        intensity = (above * as_column(rule.intensity, lms)).sum(-3, keepdim=True)
        matched = (pan - self.zeros[-1]) * rule.scale + rule.shift
        # Pixels without content stay at their haze.
        ratio = matched / torch.where(intensity.abs() < _TINY, _TINY, intensity)
        return add_detail(above, ratio.clamp(-RATIO_LIMIT, RATIO_LIMIT), dark)


def measure_prior(
    source: Source, statistics: SceneStatistics, grid: ModelGrid, order: Sequence[int] = ()
) -> RatioPrior:
    """Measures the prior on the valid pixels of a scene, or of a lattice of windows in a large one.

    Args:
        source: The scene, in DN; its `area` does not count.
        statistics: Its radiometry.
        grid: The MS grid of the model.
        order: The scene's bands by wavelength; empty: as they are.

    Raises:
        InputError: When the windows have no two valid pixels.
    """
    zeros = zero_levels(statistics)
    ranges = [(band.minimum - band.offset, band.maximum - band.offset) for band in statistics.ms]
    reach = BroveyHaze().reach(grid)
    scene = Window(row=0, col=0, rows=source.rows, cols=source.cols)

    def blocks() -> Iterator[Block]:
        for window in sample_windows(scene, count=SAMPLES, side=SIDE, multiple=source.ratio):
            patch = above_zero(source.read(window.expand(reach)), zeros)
            yield WindowBlock(patch, window, reach, grid)

    return _solve(blocks(), grid, ranges, zeros, order)


def measure_images(
    images: Sequence[tuple[Tensor, Tensor, BoolArray]], grid: ModelGrid
) -> RatioPrior:
    """Measures the prior of whole images of one scene, of positive values.

    Args:
        images: PAN ``(rows, cols)``, MS ``(bands, rows/ratio, cols/ratio)`` and which PAN pixels
            are valid, of each image.
        grid: The MS grid of the model.
    """
    lows = torch.stack([ms.amin((1, 2)) for _, ms, _ in images]).amin(0)
    highs = torch.stack([ms.amax((1, 2)) for _, ms, _ in images]).amax(0)
    ranges = list(zip(lows.tolist(), highs.tolist(), strict=True))
    blocks = (_block(pan, ms, valid, grid) for pan, ms, valid in images)
    return _solve(blocks, grid, ranges, (0.0,) * (len(ranges) + 1))


def _block(pan: Tensor, ms: Tensor, valid: BoolArray, grid: ModelGrid) -> Block:
    """Returns a whole image, its borders repeated around it."""
    reach = BroveyHaze().reach(grid)
    patch = Patch(
        pan=_grown(pan[None], reach)[0],
        ms=_grown(ms, MS_HALO + reach // grid.ratio),
        valid=pad(torch.from_numpy(valid), (reach,) * 4).numpy(),
    )
    window = Window(row=0, col=0, rows=pan.shape[0], cols=pan.shape[1])
    return WindowBlock(patch, window, reach, grid)


def _grown(images: Tensor, pixels: int) -> FloatArray:
    grown: FloatArray = pad(images[None].float(), (pixels,) * 4, mode="replicate")[0].numpy()
    return grown


def _solve(
    blocks: Iterator[Block],
    grid: ModelGrid,
    ranges: Sequence[tuple[float, float]],
    zeros: tuple[float, ...],
    order: Sequence[int] = (),
) -> RatioPrior:
    wider = tuple(_widened(low, high) for low, high in ranges)
    gains = (0.3,) * len(wider)
    # A model's four bands count as these whatever they are, as in its training.
    names = tuple(BGRN[order.index(band)] for band in range(4)) if len(order) == 4 else ()
    context = Context(grid=grid, gains=gains, pan_gain=0.15, ranges=wider, names=names)
    method = BroveyHaze()
    total = Statistics()
    for block in blocks:
        if block.valid is None or bool(block.valid.any()):
            total = total.merged(method.gather(block, context) or Statistics())
    return RatioPrior(rule=method.solve(total, context), zeros=zeros)


def _widened(low: float, high: float) -> tuple[float, float]:
    """Returns a range that holds the LMS, which overshoots the MS."""
    span = max(high - low, 1e-6 * abs(high), 1e-30)
    return low - (high - low) / 4, high + span / 4
