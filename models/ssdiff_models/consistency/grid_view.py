"""How a sensor sees images whose MS pixels lie on the model's grid: separable operators as small matrices."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.consistency.solver import solve
from ssdiff_models.resampling.borders import mirrored
from ssdiff_models.resampling.taps import mtf_kernel
from ssdiff_models.resampling.upsample import upsample_image

__all__ = []


@dataclass(frozen=True, slots=True, kw_only=True)
class GridView:
    """MS pixels on a grid exactly as coarse as the model's: separable, by dense products."""

    rows: "_Axis"
    cols: "_Axis"

    def reduce(self, image: Tensor) -> Tensor:
        return self.rows.reduce @ image @ self.cols.reduce.mT

    def correction(self, wanted: Tensor, iterations: int) -> Tensor:
        total = solve(
            lambda image: self.rows.round_trip @ image @ self.cols.round_trip.mT, wanted, iterations
        )
        return self.rows.interpolate @ total @ self.cols.interpolate.mT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """The operators along one axis of `size` MS pixels."""

    reduce: Tensor
    """``(bands, size, size*ratio)``."""
    interpolate: Tensor
    """``(1, size*ratio, size)``: with the axis of bands, or a product would fold the batch into its rows and round otherwise."""
    round_trip: Tensor
    """``(bands, size, size)``: interpolated, then reduced."""


@lru_cache(maxsize=64)
def axis_operators(
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
        reduce, interpolate = (
            _reduction(gains, ratio, phase, size),
            _interpolation(ratio, phase, size),
        )
        return _Axis(
            reduce=reduce.to(device, dtype),
            interpolate=interpolate.to(device, dtype)[None],
            round_trip=(reduce @ interpolate).to(device, dtype),
        )


def _reduction(gains: tuple[float, ...], ratio: int, phase: float, size: int) -> Tensor:
    """Returns the filter of `degrade.reduce_ms` along one axis, float64 ``(bands, size, size*ratio)``.

    The filters are Gaussians under a nearly flat window; their marginals stand for them.
    """
    whole, shift = int(phase // 1), phase % 1
    result = torch.zeros(len(gains), size, size * ratio, dtype=torch.float64)
    for band, gain in enumerate(gains):
        profile = mtf_kernel(gain, ratio, shift).sum(0)
        profile = profile / profile.sum()
        reach = len(profile) // 2
        index = ratio * torch.arange(size)[:, None] + whole + torch.arange(-reach, reach + 1)
        result[band].scatter_add_(1, mirrored(index, size * ratio), profile.expand(size, -1))
    return result


def _interpolation(ratio: int, phase: float, size: int) -> Tensor:
    """Returns `upsample_image` along one axis, float64 ``(size*ratio, size)``."""
    impulses = torch.eye(size, dtype=torch.float64)[:, :, None]
    return upsample_image(impulses, ratio, phase)[:, :, 0].T.contiguous()
