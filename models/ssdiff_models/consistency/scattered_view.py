"""How a sensor sees images at scattered MS pixels, and the images that it sees so.

Images are only filtered, gathered and added pixel by pixel, so that a tile's pixels depend neither
on its batch nor on the padding of an MS window.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.consistency.solver import FEW, solve
from ssdiff_models.consistency.target import ScatteredTarget
from ssdiff_models.resampling.borders import extended
from ssdiff_models.resampling.mirror import mirrored
from ssdiff_models.resampling.mtf import mtf_kernel
from ssdiff_models.resampling.separable import Filter, resample
from ssdiff_models.resampling.taps import lagrange

__all__ = ["ScatteredView"]

REACH = 5
"""MS pixels at which an interpolated and filtered pixel is still seen; below `SCATTERED_MARGIN`."""
SHARP_TAPS = 6
"""Taps along an axis for reading a filtered image: its PAN pixels are four times oversampled."""
SMOOTH_TAPS = 6
"""Taps along an axis for interpolating corrections."""


class ScatteredView:
    """The MS pixels of a batch of tiles as the sensor sees them.

    Only pixels inside their tile are seen. Beyond its border, corrections are those mirrored at
    it, to the nearest pixel.
    """

    def __init__(self, target: ScatteredTarget, gains: Sequence[float]) -> None:
        """Takes ``(B, ...)`` tensors and the MTF gain of each band."""
        self._target = target
        self._gains = tuple(gains)
        self._shape = target.under.shape[-2:]
        height, width = self._shape
        rows, cols = target.places.unbind(1)
        # A comparison with NaN is false.
        in_rows = (rows >= -0.5) & (rows <= height - 0.5)
        in_cols = (cols >= -0.5) & (cols <= width - 0.5)
        self._seen = in_rows & in_cols
        seen = self._seen[:, None]
        nowhere = torch.zeros_like(target.places)
        self._places = torch.where(seen, target.places, nowhere)
        self._wanted = target.pixels * seen
        self._nearest, self._known = self._mirrored_pixels()
        steps = [_round_trip(gain, target.pitch) for gain in self._gains]
        weights = target.pixels.new_tensor(steps).T
        self._round_trip = weights[:, :, None, None]

    def passes(self, iterations: int) -> tuple[int, ...]:
        # Pixels count as square in corrections, so two looks get nearer than one. The interpolator
        # is softer than EXP near Nyquist, hence four iterations more for ten. On the tests' scene
        # they leave 0.004 %, twice five 0.006 %, ten at once 0.008 %.
        if iterations <= FEW:
            return (iterations,)
        half = -(-7 * iterations // 10)
        return half, half

    def reduce(self, image: Tensor) -> Tensor:
        filtered = self._filtered(image)
        places = self._places.flatten(2) + SHARP_TAPS // 2
        pixels = _read(filtered, places, SHARP_TAPS)
        return pixels.view_as(self._wanted) * self._seen[:, None]

    def missing(self, image: Tensor) -> Tensor:
        return self._wanted - self.reduce(image)

    def correction(self, wanted: Tensor, iterations: int) -> Tensor:
        continued = self._continued(wanted)
        total = solve(self._seen_again, continued, iterations)
        places = self._target.under.flatten(2)
        image = _read(total, places, SMOOTH_TAPS)
        return image.view(*total.shape[:2], *self._shape)

    def _seen_again(self, pixels: Tensor) -> Tensor:
        along_rows = _correlated(pixels, self._round_trip, -2)
        along_both = _correlated(along_rows, self._round_trip, -1)
        return self._continued(along_both)

    def _filtered(self, image: Tensor) -> Tensor:
        """Returns the image through the MTF, mirrored, `SHARP_TAPS // 2` larger on each side."""
        margin = SHARP_TAPS // 2
        batch, count, height, width = image.shape
        result = image.new_empty(batch, count, height + 2 * margin, width + 2 * margin)
        for gain in set(self._gains):
            bands = [band for band, own in enumerate(self._gains) if own == gain]
            kernel = _profile(gain, self._target.pitch)
            reach = kernel.length // 2 + margin
            images = image[:, bands].flatten(0, 1)
            wide = extended(images, reach, "symmetric")
            filtered = resample(wide, kernel, kernel)
            result[:, bands] = filtered.view(batch, len(bands), *result.shape[2:])
        return result

    def _mirrored_pixels(self) -> tuple[Tensor, Tensor]:
        """Returns the MS pixel that stands for each, ``(B, n*m)``, and whether there is one.

        Inside the tile it is the pixel itself, beyond its border the nearest to the mirrored place.
        """
        target = self._target
        rows, cols = target.places.flatten(2).unbind(1)
        image_rows, image_cols = self._shape
        row = _inside(rows, image_rows, target.pitch)
        col = _inside(cols, image_cols, target.pitch)
        under = target.under.flatten(2)
        index = (row * image_cols + col)[:, None].expand(-1, 2, -1)
        down, right = under.gather(2, index).round().long().unbind(1)
        _, height, width = self._seen.shape
        mirror = down.clamp(0, height - 1) * width + right.clamp(0, width - 1)
        itself = torch.arange(height * width, device=rows.device)
        seen = self._seen.flatten(1)
        nearest = torch.where(seen, itself, mirror)
        known = seen.gather(1, nearest)
        return nearest, known & rows.isfinite()

    def _continued(self, pixels: Tensor) -> Tensor:
        flat = pixels.flatten(2)
        index = self._nearest[:, None].expand(-1, flat.shape[1], -1)
        continued = flat.gather(2, index) * self._known[:, None]
        return continued.view_as(pixels)


def _inside(places: Tensor, size: int, pitch: float) -> Tensor:
    """Returns the PAN index of mirrored places, so far inside that their MS pixels are, too."""
    finite = places.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    index = mirrored(finite.round().long(), size)
    last = size - 1
    edge = min(int(pitch) + 1, last // 2)
    return index.clamp(edge, last - edge)


def _correlated(image: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Correlates an axis of ``(B, bands, n, m)`` with ``(taps, bands, 1, 1)``, zeros beyond it."""
    size = image.shape[axis]
    reach = len(weights) // 2
    padding = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
    wide = torch.nn.functional.pad(image, padding)
    total = wide.narrow(axis, 0, size) * weights[0]
    for k in range(1, len(weights)):
        total += wide.narrow(axis, k, size) * weights[k]
    return total


def _read(image: Tensor, places: Tensor, taps: int) -> Tensor:
    """Interpolates ``(B, bands, h, w)`` at ``(B, 2, points)`` rows and columns.

    Places nearer to the border than half of the taps are read wrong.
    """
    batch, bands, height, width = image.shape
    rows, cols = places.unbind(1)
    first_row, row_weights = _axis_taps(rows, height, taps)
    first_col, col_weights = _axis_taps(cols, width, taps)
    first = first_row * width + first_col
    flat = image.flatten(2)
    total = image.new_zeros(batch, bands, places.shape[2])
    for i, row_weight in enumerate(row_weights):
        for j, col_weight in enumerate(col_weights):
            pixel = first + (i * width + j)
            index = pixel[:, None].expand(-1, bands, -1)
            weight = row_weight * col_weight
            total.addcmul_(flat.gather(2, index), weight[:, None])
    return total


def _axis_taps(places: Tensor, size: int, taps: int) -> tuple[Tensor, list[Tensor]]:
    """Returns the first pixel that a place uses along an axis, and the weight of each."""
    half = taps // 2
    before = half - 1
    base = places.floor().clamp(before, size - 1 - half)
    first = base.long() - before
    return first, lagrange(places - base, taps)


@lru_cache(maxsize=64)
def _profile(gain: float, pitch: float) -> Filter:
    """Returns the MTF along one axis: the marginal of the filter, which is nearly a Gaussian."""
    profile = mtf_kernel(gain, pitch).sum(0)
    normalised = profile / profile.sum()
    return Filter.of(normalised.numpy(), 1)


@lru_cache(maxsize=64)
def _round_trip(gain: float, pitch: float) -> tuple[float, ...]:
    """Returns the weights of an MS pixel and `REACH` neighbours, interpolated and then filtered."""
    (taps,) = _profile(gain, pitch).taps
    profile = torch.tensor(taps, dtype=torch.float64)
    half = len(taps) // 2
    pixels = torch.arange(-half, half + 1, dtype=torch.float64)
    place = pixels / pitch
    base = place.floor()
    weights = torch.zeros_like(profile)
    first = base.long() + (half + 1 - SMOOTH_TAPS // 2)
    for k, weight in enumerate(lagrange(place - base, SMOOTH_TAPS)):
        weights.index_add_(0, first + k, profile * weight)
    near = weights[half - REACH : half + REACH + 1]
    return tuple(near.tolist())
