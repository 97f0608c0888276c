"""The MS pixels that a fused image is to give back, as tensors: on a grid as coarse as the model's, or each at its own place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
"""MS pixels at a window's border that are only there for interpolation between the others."""
EXACT = 1e-4
"""MS pixels: near enough to look no further."""
MISSED = 0.01
"""MS pixels by which a place that was found may miss its pixel; beyond, the pixel lies where the map is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridTarget:
    """MS pixels as large as the model's."""

    pixels: Tensor
    """``(..., bands, rows/ratio, cols/ratio)``."""
    phase: tuple[float, float]
    """PAN row and column of the centre of the first pixel."""

    def mapped(self, pixels: Callable[[Tensor], Tensor]) -> "GridTarget":
        """Returns the target with its pixels changed."""
        return replace(self, pixels=pixels(self.pixels))

    def sent(self, send: Callable[[Tensor], Tensor]) -> "GridTarget":
        """Returns the target on another device."""
        return self.mapped(send)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatteredTarget:
    """A window of MS pixels of any size and direction."""

    pixels: Tensor
    """``(..., bands, n, m)``."""
    places: Tensor
    """``(..., 2, n, m)``: PAN row and column of each pixel's centre; NaN where it has none."""
    under: Tensor
    """``(..., 2, rows, cols)``: row and column among `pixels` of the centre of each PAN pixel."""
    pitch: float
    """PAN pixels per MS pixel."""

    def mapped(self, pixels: Callable[[Tensor], Tensor]) -> "ScatteredTarget":
        """Returns the target with its pixels changed."""
        return replace(self, pixels=pixels(self.pixels))

    def sent(self, send: Callable[[Tensor], Tensor]) -> "ScatteredTarget":
        """Returns the target on another device."""
        return replace(
            self, pixels=send(self.pixels), places=send(self.places), under=send(self.under)
        )


Target = GridTarget | ScatteredTarget


def target_of(given: NativeMs | ScatteredMs) -> Target:
    """Returns what a patch's MS pixels are as tensors."""
    if isinstance(given, NativeMs):
        return GridTarget(pixels=torch.from_numpy(given.pixels), phase=given.phase)
    shape = given.pixels.shape[1], given.pixels.shape[2]
    places = _inverse(given.rows, given.cols, shape)
    under = [
        _reachable(axis, size) for axis, size in zip((given.rows, given.cols), shape, strict=True)
    ]
    return ScatteredTarget(
        pixels=torch.from_numpy(np.ascontiguousarray(given.pixels)),
        places=torch.from_numpy(places),
        under=torch.from_numpy(np.stack(under)),
        pitch=given.pitch,
    )


def _reachable(axis: npt.NDArray[np.floating], size: int) -> FloatArray:
    """Returns positions that have `EDGE` pixels on either side; where that moves one, there is no valid MS pixel."""
    return np.clip(np.where(np.isfinite(axis), axis, 0), EDGE, size - 1 - EDGE).astype(np.float32)


def stacked_targets(targets: Sequence[Target]) -> Target | None:
    """Returns the targets of a batch's tiles as one; windows smaller than others are filled up with pixels that have no place."""
    grids = [target for target in targets if isinstance(target, GridTarget)]
    if grids:
        return GridTarget(
            pixels=torch.stack([target.pixels for target in grids]), phase=grids[0].phase
        )
    placed = [target for target in targets if isinstance(target, ScatteredTarget)]
    if not placed:
        return None
    shape = tuple(max(target.pixels.shape[axis] for target in placed) for axis in (-2, -1))
    return ScatteredTarget(
        pixels=torch.stack([_filled_up(target.pixels, shape, 0.0) for target in placed]),
        places=torch.stack([_filled_up(target.places, shape, torch.nan) for target in placed]),
        under=torch.stack([target.under for target in placed]),
        pitch=placed[0].pitch,
    )


def _filled_up(images: Tensor, shape: Sequence[int], value: float) -> Tensor:
    return pad(
        images, (0, shape[1] - images.shape[-1], 0, shape[0] - images.shape[-2]), value=value
    )


def _inverse(
    rows: npt.NDArray[np.floating], cols: npt.NDArray[np.floating], shape: tuple[int, int]
) -> FloatArray:
    """Returns the PAN row and column of each MS pixel, float32 ``(2, n, m)``, of the map that `rows` and `cols` are: Newton's method.

    Args:
        rows: ``(h, w)``: MS row of each PAN pixel.
        cols: ``(h, w)``: MS column of each PAN pixel.
        shape: Rows and columns of MS pixels; they may lie outside of the PAN pixels.
    """
    ahead = np.stack([rows, cols]).astype(np.float64)
    known: BoolArray = np.isfinite(ahead[0]) & np.isfinite(ahead[1])
    ahead = np.where(known, ahead, np.nan)
    slope, middle = _slope(ahead, known)
    if not np.isfinite(slope).all() or abs(np.linalg.det(slope)) < np.finfo(np.float32).eps:
        return np.full((2, *shape), np.nan, np.float32)
    back = np.linalg.inv(slope)
    wanted = np.indices(shape, np.float64).reshape(2, -1)
    place = back @ (wanted - ahead[:, known].mean(1)[:, None]) + middle
    left = wanted - _at(ahead, place, slope)
    for _ in range(NEWTON_STEPS):
        if np.abs(left).max() < EXACT:
            break
        place = place + back @ np.where(np.isfinite(left), left, 0.0)
        left = wanted - _at(ahead, place, slope)
    return (
        np.where(np.abs(left).max(0) < MISSED, place, np.nan).astype(np.float32).reshape(2, *shape)
    )


def _slope(ahead: Array, known: BoolArray) -> tuple[Array, Array]:
    """Returns the map's mean slope and the middle of where there is one."""
    slope = np.full((2, 2), np.nan)
    for axis in (0, 1):
        steps = np.diff(ahead, axis=axis + 1).reshape(2, -1)
        steps = steps[:, np.isfinite(steps).all(0)]
        if steps.size:
            slope[:, axis] = steps.mean(1)
    middle = np.argwhere(known).mean(0) if known.any() else np.zeros(2)
    return slope, middle[:, None]


def _at(ahead: Array, place: Array, slope: Array) -> Array:
    """Reads the map bilinearly, and goes on by its mean slope where there is none."""
    last = np.array(ahead.shape[1:])[:, None] - 1
    near = np.clip(place, 0, last)
    base = np.minimum(near.astype(np.int64), np.maximum(last - 1, 0))
    fraction, after = near - base, np.minimum(base + 1, last)
    upper = (
        ahead[:, base[0], base[1]] * (1 - fraction[1]) + ahead[:, base[0], after[1]] * fraction[1]
    )
    lower = (
        ahead[:, after[0], base[1]] * (1 - fraction[1]) + ahead[:, after[0], after[1]] * fraction[1]
    )
    read: Array = upper * (1 - fraction[0]) + lower * fraction[0] + slope @ (place - near)
    return read
