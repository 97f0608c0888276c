"""The MS pixels that a fused image should give back, as tensors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad

from ssdiff_models.scene.source import BoolArray, FloatArray, NativeMs, ScatteredMs

__all__ = ["GridTarget", "ScatteredTarget", "Target", "stacked_targets", "target_of"]

Array = npt.NDArray[np.float64]

NEWTON_STEPS = 8
"""The map's slope changes by some hundredths over a tile, so each step gains a digit or two."""
EDGE = 3
"""MS pixels at a window's border that only serve for interpolation between the others."""
EXACT = 1e-4
"""Error in MS pixels at which the search for a place ends."""
MISSED = 0.01
"""Error in MS pixels above which a pixel has no place: the map is folded there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _MsPixels:
    """MS pixels."""

    pixels: Tensor
    """``(..., bands, n, m)``."""

    def mapped(self, pixels: Callable[[Tensor], Tensor]) -> Self:
        """Returns the target with its pixels changed."""
        return replace(self, pixels=pixels(self.pixels))

    def sent(self, send: Callable[[Tensor], Tensor]) -> Self:
        """Returns the target on another device."""
        return self.mapped(send)


@dataclass(frozen=True, slots=True, kw_only=True)
class GridTarget(_MsPixels):
    """MS pixels as large as the model's."""

    phase: tuple[float, float]
    """PAN row and column of the centre of the first pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatteredTarget(_MsPixels):
    """A window of MS pixels of any size and direction."""

    places: Tensor
    """``(..., 2, n, m)``: PAN row and column of each pixel's centre; NaN where it has none."""
    under: Tensor
    """``(..., 2, rows, cols)``: row and column among `pixels` of the centre of each PAN pixel."""
    pitch: float
    """PAN pixels per MS pixel."""

    def sent(self, send: Callable[[Tensor], Tensor]) -> Self:
        """Returns the target on another device."""
        pixels = send(self.pixels)
        places = send(self.places)
        under = send(self.under)
        return replace(self, pixels=pixels, places=places, under=under)


Target = GridTarget | ScatteredTarget


def target_of(native: NativeMs | ScatteredMs) -> Target:
    """Returns a patch's MS pixels as tensors."""
    if isinstance(native, NativeMs):
        pixels = torch.from_numpy(native.pixels)
        return GridTarget(pixels=pixels, phase=native.phase)
    _, height, width = native.pixels.shape
    places = _inverse(native.rows, native.cols, (height, width))
    rows = _inner(native.rows, height)
    cols = _inner(native.cols, width)
    return ScatteredTarget(
        pixels=torch.from_numpy(np.ascontiguousarray(native.pixels)),
        places=torch.from_numpy(places),
        under=torch.from_numpy(np.stack([rows, cols])),
        pitch=native.pitch,
    )


def _inner(positions: npt.NDArray[np.floating], size: int) -> FloatArray:
    """Clips positions to those with `EDGE` pixels on either side; only invalid ones change."""
    finite = np.where(np.isfinite(positions), positions, 0)
    inner = np.clip(finite, EDGE, size - 1 - EDGE)
    return inner.astype(np.float32)


def stacked_targets(targets: Sequence[Target]) -> Target | None:
    """Returns the targets of a batch's tiles as one.

    Smaller scattered windows are padded with pixels that have no place.
    """
    grids = [target for target in targets if isinstance(target, GridTarget)]
    if grids:
        stack = torch.stack([target.pixels for target in grids])
        return GridTarget(pixels=stack, phase=grids[0].phase)
    scattered = [target for target in targets if isinstance(target, ScatteredTarget)]
    if not scattered:
        return None
    pixels = [target.pixels for target in scattered]
    places = [target.places for target in scattered]
    under = [target.under for target in scattered]
    return ScatteredTarget(
        pixels=_padded(pixels, 0.0),
        places=_padded(places, torch.nan),
        under=torch.stack(under),
        pitch=scattered[0].pitch,
    )


def _padded(images: Sequence[Tensor], value: float) -> Tensor:
    """Stacks images; smaller ones grow downwards and to the right."""
    height = max(image.shape[-2] for image in images)
    width = max(image.shape[-1] for image in images)
    padded = []
    for image in images:
        _, rows, cols = image.shape
        margins = (0, width - cols, 0, height - rows)
        padded.append(pad(image, margins, value=value))
    return torch.stack(padded)


def _inverse(
    rows: npt.NDArray[np.floating], cols: npt.NDArray[np.floating], shape: tuple[int, int]
) -> FloatArray:
    """Inverts a map from PAN to MS pixels ``(h, w)`` by Newton's method.

    Returns the PAN row and column of each MS pixel, float32 ``(2, *shape)``; NaN where it has none.
    """
    forward = np.stack([rows, cols]).astype(np.float64)
    known: BoolArray = np.isfinite(rows) & np.isfinite(cols)
    forward = np.where(known, forward, np.nan)
    slope = _mean_slope(forward)
    if not np.isfinite(slope).all() or abs(np.linalg.det(slope)) < np.finfo(np.float32).eps:
        return np.full((2, *shape), np.nan, np.float32)
    inverse_slope = np.linalg.inv(slope)
    centre = np.argwhere(known).mean(0)[:, None]
    at_centre = forward[:, known].mean(1)[:, None]
    wanted = np.indices(shape, np.float64).reshape(2, -1)
    places = inverse_slope @ (wanted - at_centre) + centre
    error = wanted - _interpolated(forward, places, slope)
    for _ in range(NEWTON_STEPS):
        if np.abs(error).max() < EXACT:
            break
        usable = np.where(np.isfinite(error), error, 0.0)
        places = places + inverse_slope @ usable
        error = wanted - _interpolated(forward, places, slope)
    hit = np.abs(error).max(0) < MISSED
    found = np.where(hit, places, np.nan).astype(np.float32)
    return found.reshape(2, *shape)


def _mean_slope(forward: Array) -> Array:
    """Returns the mean slope of a map, ``(2, 2)``; NaN where it has none."""
    slope = np.full((2, 2), np.nan)
    for axis in (0, 1):
        steps = np.diff(forward, axis=axis + 1).reshape(2, -1)
        known = np.isfinite(steps).all(0)
        if known.any():
            slope[:, axis] = steps[:, known].mean(1)
    return slope


def _interpolated(forward: Array, places: Array, slope: Array) -> Array:
    """Reads a map bilinearly; beyond its borders it goes on by its mean slope."""
    size = np.array(forward.shape[1:])
    last = size[:, None] - 1
    near = np.clip(places, 0, last)
    last_base = np.maximum(last - 1, 0)
    base = np.minimum(near.astype(np.int64), last_base)
    top, left = base
    bottom, right = np.minimum(base + 1, last)
    down, across = near - base
    upper = _between(forward[:, top, left], forward[:, top, right], across)
    lower = _between(forward[:, bottom, left], forward[:, bottom, right], across)
    return _between(upper, lower, down) + slope @ (places - near)


def _between(first: Array, second: Array, share: Array) -> Array:
    return first * (1 - share) + second * share
