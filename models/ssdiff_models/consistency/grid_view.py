"""How a sensor sees images whose MS pixels lie on a grid like the model's: small matrices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.consistency.solver import solve
from ssdiff_models.consistency.target import GridTarget
from ssdiff_models.resampling.borders import mirrored
from ssdiff_models.resampling.taps import mtf_kernel
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
        rows, cols = (
            _operators(tuple(gains), ratio, phase, size, device=like.device, dtype=like.dtype)
            for phase, size in zip(target.phase, target.pixels.shape[-2:], strict=True)
        )
        return cls(target=target, rows=rows, cols=cols)

    def passes(self, iterations: int) -> tuple[int, ...]:
        return (iterations,)

    def reduce(self, image: Tensor) -> Tensor:
        return self.rows.reduce @ image @ self.cols.reduce.mT

    def missing(self, image: Tensor) -> Tensor:
        return self.target.pixels - self.reduce(image)

    def correction(self, wanted: Tensor, iterations: int) -> Tensor:
        total = solve(self._round_trip, wanted, iterations)
        return self.rows.interpolate @ total @ self.cols.interpolate.mT

    def _round_trip(self, pixels: Tensor) -> Tensor:
        return self.rows.round_trip @ pixels @ self.cols.round_trip.mT


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
        return _Axis(
            reduce=reduce.to(device, dtype),
            interpolate=interpolate.to(device, dtype)[None],
            round_trip=(reduce @ interpolate).to(device, dtype),
        )


def _reduction(gains: tuple[float, ...], ratio: int, phase: float, size: int) -> Tensor:
    """Returns the filter of `reduce_ms` along one axis, float64 ``(bands, size, size*ratio)``.

    The filters are Gaussians under a nearly flat window; their marginals stand for them.
    """
    first = math.floor(phase)
    result = torch.zeros(len(gains), size, size * ratio, dtype=torch.float64)
    for band, gain in enumerate(gains):
        profile = mtf_kernel(gain, ratio, phase % 1).sum(0)
        profile = profile / profile.sum()
        reach = len(profile) // 2
        index = ratio * torch.arange(size)[:, None] + first + torch.arange(-reach, reach + 1)
        result[band].scatter_add_(1, mirrored(index, size * ratio), profile.expand(size, -1))
    return result


def _interpolation(ratio: int, phase: float, size: int) -> Tensor:
    """Returns `upsample_image` along one axis, float64 ``(size*ratio, size)``."""
    impulses = torch.eye(size, dtype=torch.float64)[:, :, None]
    return upsample_image(impulses, ratio, phase)[:, :, 0].T.contiguous()
