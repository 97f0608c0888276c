"""How a sensor sees images whose MS pixels lie on a grid like the model's: small matrices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.consistency.solver import solve
from ssdiff_models.consistency.target import GridTarget
from ssdiff_models.resampling.mirror import mirrored
from ssdiff_models.resampling.mtf import mtf_kernel
from ssdiff_models.resampling.upsample import upsample_image

__all__ = ["GridView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """The operators along one axis of `size` MS pixels."""

    reduce: Tensor
    """``(bands, size, size*ratio)``."""
    interpolate: Tensor
    """``(1, size*ratio, size)``; without the first axis, products would fold the batch in."""
    round_trip: Tensor
    """``(bands, size, size)``: interpolated, then reduced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridView:
    """The MS pixels of an image as the sensor sees them, by dense products along both axes."""

    target: GridTarget
    rows: _Axis
    cols: _Axis

    @classmethod
    def of(
        cls, target: GridTarget, gains: Sequence[float], ratio: int, *, like: Tensor
    ) -> "GridView":
        """Returns the view of images like `like`, by the MTF gains of the bands."""
        sizes = target.pixels.shape[-2:]
        axes = []
        for phase, size in zip(target.phase, sizes, strict=True):
            axis = _operators(
                tuple(gains), ratio, phase, size, device=like.device, dtype=like.dtype
            )
            axes.append(axis)
        rows, cols = axes
        return cls(target=target, rows=rows, cols=cols)

    def passes(self, iterations: int) -> tuple[int, ...]:
        return (iterations,)

    def reduce(self, image: Tensor) -> Tensor:
        rows = self.rows.reduce @ image
        return rows @ self.cols.reduce.mT

    def missing(self, image: Tensor) -> Tensor:
        return self.target.pixels - self.reduce(image)

    def correction(self, wanted: Tensor, iterations: int) -> Tensor:
        total = solve(self._round_trip, wanted, iterations)
        rows = self.rows.interpolate @ total
        return rows @ self.cols.interpolate.mT

    def _round_trip(self, pixels: Tensor) -> Tensor:
        rows = self.rows.round_trip @ pixels
        return rows @ self.cols.round_trip.mT


@lru_cache(maxsize=64)
def _operators(
    gains: tuple[float, ...],
    ratio: int,
    phase: float,
    size: int,
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> _Axis:
    # Kept for later calls, some of which may want gradients.
    with torch.inference_mode(mode=False):
        reduce = _reduction(gains, ratio, phase, size)
        interpolate = _interpolation(ratio, phase, size)
        round_trip = reduce @ interpolate
        return _Axis(
            reduce=reduce.to(device, dtype),
            interpolate=interpolate[None].to(device, dtype),
            round_trip=round_trip.to(device, dtype),
        )


def _reduction(gains: tuple[float, ...], ratio: int, phase: float, size: int) -> Tensor:
    """Returns the filter of `reduce_ms` along one axis, float64 ``(bands, size, size*ratio)``.

    The filters are Gaussians under a nearly flat window; their marginals stand for them.
    """
    length = size * ratio
    centres = ratio * torch.arange(size) + math.floor(phase)
    result = torch.zeros(len(gains), size, length, dtype=torch.float64)
    for matrix, gain in zip(result, gains, strict=True):
        profile = mtf_kernel(gain, ratio, phase % 1).sum(0)
        profile = profile / profile.sum()
        reach = len(profile) // 2
        taps = torch.arange(-reach, reach + 1)
        index = mirrored(centres[:, None] + taps, length)
        matrix.scatter_add_(1, index, profile.expand(size, -1))
    return result


def _interpolation(ratio: int, phase: float, size: int) -> Tensor:
    """Returns `upsample_image` along one axis, float64 ``(size*ratio, size)``."""
    impulses = torch.eye(size, dtype=torch.float64)
    responses = upsample_image(impulses[:, :, None], ratio, phase)
    return responses[:, :, 0].T.contiguous()
