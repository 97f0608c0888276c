"""What the sensor's MTF leaves of an image at scattered MS pixels, and back: the operators of `consistency` on any map.

Images are only filtered, gathered and added up pixel by pixel, so that a tile's pixels depend neither on its batch nor on how much an
MS window was filled up.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.consistency.solver import FEW, solve
from ssdiff_models.consistency.target import ScatteredTarget
from ssdiff_models.resampling.borders import extended, mirrored
from ssdiff_models.resampling.separable import Filter, resample
from ssdiff_models.resampling.taps import lagrange, mtf_kernel

__all__ = ["SCATTERED_MARGIN", "ScatteredView"]

SCATTERED_MARGIN = 6
"""MS pixels around those under a tile that a window needs: `REACH` and one for rounding."""
REACH = 5
"""MS pixels as far as an interpolated and filtered pixel is seen."""
SHARP_TAPS = 6
"""Taps along an axis that a filtered image is read by: of PAN pixels, which are four times as fine as what is left in it."""
SMOOTH_TAPS = 6
"""Taps along an axis that corrections are interpolated by."""


class ScatteredView:
    """The MS pixels of a batch of tiles as the sensor sees them, and images that are interpolated MS pixels.

    Only pixels inside their tile are seen. Beyond its border, corrections are those mirrored at it, to the nearest pixel.
    """

    def __init__(self, target: ScatteredTarget, gains: Sequence[float]) -> None:
        """Takes ``(B, ...)`` tensors and the MTF gain of each band."""
        self._anchor, self._gains = target, tuple(gains)
        self._shape = target.under.shape[-2:]
        rows, cols = target.places.unbind(1)
        height, width = self._shape
        self._seen = (
            (rows >= -0.5) & (rows <= height - 0.5) & (cols >= -0.5) & (cols <= width - 0.5)
        )
        # A comparison with NaN is false, so these have a place.
        self._places = torch.where(
            self._seen[:, None], target.places, torch.zeros_like(target.places)
        )
        self._nearest, self._known = self._mirrored_places(rows, cols)
        steps = tuple(_round_trip(gain, target.pitch) for gain in self._gains)
        self._round_trip = torch.tensor(
            steps, dtype=target.pixels.dtype, device=target.pixels.device
        ).T[:, :, None, None]

    def shares(self, iterations: int) -> tuple[int, ...]:
        """Returns how many iterations follow each exact look at the image, since `correction` takes the MS's pixels for square ones.

        The interpolator is softer than EXP near the MS's Nyquist frequency, hence four iterations more for ten. Of the tests' scene
        they leave 0.004 %, twice five 0.006 %, ten at a time 0.008 %.
        """
        return (iterations,) if iterations <= FEW else (-(-7 * iterations // 10),) * 2

    def reduce(self, image: Tensor) -> Tensor:
        """Returns what the sensor sees of ``(B, bands, rows, cols)`` at each MS pixel, zero at those outside of the tile."""
        seen = _read(self._filtered(image), self._places.flatten(2) + SHARP_TAPS // 2, SHARP_TAPS)
        return seen.view(self._anchor.pixels.shape) * self._seen[:, None]

    def left(self, image: Tensor) -> Tensor:
        """Returns the MS pixels minus what the sensor sees."""
        return self._anchor.pixels * self._seen[:, None] - self.reduce(image)

    def correction(self, wanted: Tensor, iterations: int) -> Tensor:
        """Returns the image of interpolated MS pixels that, seen by the sensor, is nearly `wanted`."""
        total = solve(self._seen_again, self._continued(wanted), iterations)
        return _read(total, self._anchor.under.flatten(2), SMOOTH_TAPS).view(
            *total.shape[:2], *self._shape
        )

    def _seen_again(self, pixels: Tensor) -> Tensor:
        """Returns what the sensor sees of interpolated MS pixels."""
        return self._continued(_along(_along(pixels, self._round_trip, -2), self._round_trip, -1))

    def _filtered(self, image: Tensor) -> Tensor:
        """Returns the image through the MTF, mirrored at its borders and with half of the taps more on every side."""
        more = SHARP_TAPS // 2
        result = image.new_empty(*image.shape[:2], *(size + 2 * more for size in self._shape))
        for gain in set(self._gains):
            bands = [band for band, own in enumerate(self._gains) if own == gain]
            kernel = _profile(gain, self._anchor.pitch)
            wide = extended(image[:, bands].flatten(0, 1), kernel.length // 2 + more, "symmetric")
            result[:, bands] = resample(wide, kernel, kernel).view(
                len(image), len(bands), *result.shape[2:]
            )
        return result

    def _mirrored_places(self, rows: Tensor, cols: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the pixel that stands for each pixel, ``(B, n*m)``, itself inside the tile, and whether there is one."""
        batch, count, across = rows.shape
        own = torch.arange(count * across, device=rows.device).expand(batch, -1)
        row, col = (
            _inner(place, size, self._anchor.pitch).flatten(1)
            for place, size in zip((rows, cols), self._shape, strict=True)
        )
        there = row * self._shape[1] + col
        down, right = (
            part.flatten(1).gather(1, there).round().long().clamp(0, limit - 1)
            for part, limit in zip(self._anchor.under.unbind(1), (count, across), strict=True)
        )
        seen = self._seen.flatten(1)
        nearest = torch.where(seen, own, down * across + right)
        return nearest, seen.gather(1, nearest) & rows.flatten(1).isfinite()

    def _continued(self, pixels: Tensor) -> Tensor:
        flat, index = pixels.flatten(2), self._nearest[:, None].expand(-1, pixels.shape[1], -1)
        return (flat.gather(2, index) * self._known[:, None]).view_as(pixels)


def _inner(place: Tensor, size: int, pitch: float) -> Tensor:
    """Returns the PAN index of places mirrored at the borders, and far enough inside that the MS pixel there is in the tile, too."""
    index = torch.where(place.isfinite(), place, torch.zeros_like(place)).round().long()
    edge = min(int(pitch) + 1, (size - 1) // 2)
    return mirrored(index, size).clamp(edge, size - 1 - edge)


def _along(image: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Correlates an axis of ``(B, bands, n, m)`` with ``(taps, bands, 1, 1)``; beyond the borders there is nothing."""
    size, reach = image.shape[axis], len(weights) // 2
    before = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
    wide = torch.nn.functional.pad(image, before)
    total = wide.narrow(axis, 0, size) * weights[0]
    for k in range(1, len(weights)):
        total += wide.narrow(axis, k, size) * weights[k]
    return total


def _read(image: Tensor, places: Tensor, taps: int) -> Tensor:
    """Reads ``(B, bands, h, w)`` at ``(B, 2, points)`` rows and columns by `taps` taps on each axis: ``(B, bands, points)``.

    Places nearer to the border than half of the taps are read wrong.
    """
    (height, width), (rows, cols) = image.shape[-2:], places.unbind(1)
    base = (
        rows.floor().clamp(taps // 2 - 1, height - 1 - taps // 2),
        cols.floor().clamp(taps // 2 - 1, width - 1 - taps // 2),
    )
    down, right = lagrange(rows - base[0], taps), lagrange(cols - base[1], taps)
    first = (base[0].long() - (taps // 2 - 1)) * width + (base[1].long() - (taps // 2 - 1))
    flat, total = image.flatten(2), image.new_zeros(*image.shape[:2], places.shape[2])
    for i, weight in enumerate(down):
        for j, share in enumerate(right):
            pixels = flat.gather(
                2, (first + (i * width + j))[:, None].expand(-1, image.shape[1], -1)
            )
            total.addcmul_(pixels, (weight * share)[:, None])
    return total


@lru_cache(maxsize=64)
def _profile(gain: float, pitch: float) -> Filter:
    """The MTF along one axis: the filters are Gaussians under a nearly flat window; their marginals stand for them."""
    profile = mtf_kernel(gain, pitch).sum(0)
    return Filter.of((profile / profile.sum()).numpy(), 1)


@lru_cache(maxsize=64)
def _round_trip(gain: float, pitch: float) -> tuple[float, ...]:
    """Weights of an MS pixel and its `REACH` neighbours on either side in what is seen of them once they are interpolated."""
    profile = torch.tensor(_profile(gain, pitch).taps[0], dtype=torch.float64)
    half = len(profile) // 2
    place = torch.arange(-half, half + 1, dtype=torch.float64) / pitch
    base = place.floor()
    weights = torch.zeros(2 * half + 1, dtype=torch.float64)
    for k, weight in enumerate(lagrange(place - base, SMOOTH_TAPS)):
        weights.index_add_(0, base.long() + (k - SMOOTH_TAPS // 2 + 1 + half), profile * weight)
    return tuple(weights[half - REACH : half + REACH + 1].tolist())
