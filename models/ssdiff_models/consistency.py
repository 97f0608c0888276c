"""Projection of a fused image on those that, seen through the sensor's MTF, give the MS back: iterated back-projection."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.degrade import mtf_kernel, upsample
from ssdiff_models.errors import UsageError

__all__ = ["FEW_ROUNDS", "ROUNDS", "project"]

ROUNDS = 10
"""Rounds that bring every band within 0.5 % of the MS; each one leaves ``1 - MTF`` of what was left at a frequency.

On the validation scenes, with the MTFs of their sensors: mean SAM 2.38 -> 2.26 degrees, ERGAS 1.94 -> 1.88. With the generic MTF instead of
theirs: SAM 2.42, ERGAS 1.93.
"""
FEW_ROUNDS = 2
"""Rounds that an MTF which is only a guess deserves: on the same scenes the generic one gives SAM 2.36, ERGAS 1.91."""

_HALO = 10


def project(
    fused: Tensor, ms: Tensor, *, gains: Sequence[float], ratio: int, phase: float | tuple[float, float], rounds: int = ROUNDS
) -> Tensor:
    """Returns the fused image plus the interpolated correction after which the sensor would see the MS.

    One round is ``F <- F + EXP(MS - reduce(F))`` (Irani and Peleg's back-projection). Both operators are separable, and all corrections
    are interpolated MS pixels, so the rounds run on the MS grid and the image itself is touched once. Borders are mirrored, the edge
    pixel repeated: a tile is right from two MS pixels inside its border, where overlapping tiles are blended.

    Args:
        fused: ``(..., bands, rows, cols)``, DN or any affine map of them, on the PAN grid.
        ms: ``(..., bands, rows/ratio, cols/ratio)`` in the same units.
        gains: MTF gain at the MS Nyquist frequency of each band.
        ratio: PAN pixels per MS pixel.
        phase: PAN index of the centre of MS pixel 0, or one for rows and one for columns; from -1 to `ratio`.
        rounds: Number of rounds; with 0 the image comes back as it is.

    Raises:
        UsageError: When the number of gains is not that of the bands, or a gain lies outside (0, 1).
    """
    if len(gains) != fused.shape[-3]:
        raise UsageError(f"{fused.shape[-3]} bands, but {len(gains)} MTF gains: give one for each band")
    if rounds == 0:
        return fused
    phases = phase if isinstance(phase, tuple) else (phase, phase)
    rows, cols = (
        _axis(tuple(gains), ratio, place, size, device=fused.device, dtype=fused.dtype)
        for place, size in zip(phases, ms.shape[-2:], strict=True)
    )
    wanted = ms - rows.reduce @ fused @ cols.reduce.mT
    correction = wanted
    for _ in range(rounds - 1):
        correction = correction + (wanted - rows.round_trip @ correction @ cols.round_trip.mT)
    return fused + rows.interpolate @ correction @ cols.interpolate.mT


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
def _axis(gains: tuple[float, ...], ratio: int, phase: float, size: int, *, device: torch.device, dtype: torch.dtype) -> _Axis:
    # Kept for later calls, some of which may want gradients.
    with torch.inference_mode(mode=False):
        reduce, interpolate = _reduction(gains, ratio, phase, size), _interpolation(ratio, phase, size)
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
        result[band].scatter_add_(1, _mirrored(index, size * ratio), profile.expand(size, -1))
    return result


def _interpolation(ratio: int, phase: float, size: int) -> Tensor:
    """Returns `degrade.upsample` along one axis, float64 ``(size*ratio, size)``."""
    index = _mirrored(torch.arange(-_HALO, size + _HALO), size)
    impulses = torch.nn.functional.one_hot(index, size).double().T[:, :, None]
    return upsample(impulses.expand(-1, -1, 2 * _HALO + 1), ratio, phase, _HALO)[:, :, 0].T.contiguous()


def _mirrored(index: Tensor, size: int) -> Tensor:
    wrapped = index.remainder(2 * size)
    return torch.where(wrapped < size, wrapped, 2 * size - 1 - wrapped)
