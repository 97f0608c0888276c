"""Projection of a fused image on those that, seen through the sensor's MTF, give the MS back: iterated back-projection."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.anchor import Anchor, GridAnchor
from ssdiff_models.chebyshev import solve
from ssdiff_models.degrade import mtf_kernel, upsample
from ssdiff_models.errors import UsageError
from ssdiff_models.limits import Limits, within
from ssdiff_models.placed import PlacedView

__all__ = ["ROUNDS", "project", "project_on"]

ROUNDS = 10
"""Rounds that bring every band within 0.5 % of the MS, where its pixels stay between the limits; `limits` is about the others.

On the validation scenes, with the MTFs of their sensors: mean SAM 2.11 -> 2.04 degrees, ERGAS 1.93 -> 1.83. With the generic MTF instead of
theirs: SAM 2.19, ERGAS 1.88.
"""

_HALO = 10


def project(
    fused: Tensor,
    ms: Tensor,
    *,
    gains: Sequence[float],
    ratio: int,
    phase: float | tuple[float, float],
    rounds: int = ROUNDS,
    limits: Limits | None = None,
) -> Tensor:
    """Returns the fused image plus the interpolated correction after which the sensor would see the MS.

    A plain round is ``F <- F + EXP(MS - reduce(F))`` (Irani and Peleg's back-projection); more than a few are accelerated (`chebyshev`).
    Both operators are separable, and all corrections are interpolated MS pixels, so the rounds run on the MS grid and the image itself is
    touched once. Borders are mirrored, the edge pixel repeated; what that changes of a tile halves with each MS pixel inwards,
    a tenth of the correction two from the border, a percent five from it, where overlapping tiles are blended.

    Args:
        fused: ``(..., bands, rows, cols)``, DN or any affine map of them, on the PAN grid.
        ms: ``(..., bands, rows/ratio, cols/ratio)`` in the same units.
        gains: MTF gain at the MS Nyquist frequency of each band.
        ratio: PAN pixels per MS pixel.
        phase: PAN index of the centre of MS pixel 0, or one for rows and one for columns; from -1 to `ratio`.
        rounds: Number of rounds; with 0 the image comes back as it is.
        limits: What the pixels must lie between, where anything: see `limits.within`.

    Raises:
        UsageError: When the number of gains is not that of the bands, or a gain lies outside (0, 1).
    """
    _check_gains(fused, gains)
    if rounds == 0:
        return fused
    phases = phase if isinstance(phase, tuple) else (phase, phase)
    rows, cols = (
        _axis(tuple(gains), ratio, place, size, device=fused.device, dtype=fused.dtype)
        for place, size in zip(phases, ms.shape[-2:], strict=True)
    )
    view = _GridView(rows=rows, cols=cols)
    projected = fused + view.correction(ms - view.reduce(fused), rounds)
    return projected if limits is None else within(projected, limits, view)


def project_on(
    fused: Tensor, anchor: Anchor, *, gains: Sequence[float], ratio: int, rounds: int = ROUNDS, limits: Limits | None = None
) -> Tensor:
    """As `project`, for a batch ``(B, bands, rows, cols)`` and MS pixels wherever they lie: in another CRS, turned, of another size.

    Raises:
        UsageError: When the number of gains is not that of the bands, or a gain lies outside (0, 1).
    """
    if isinstance(anchor, GridAnchor):
        return project(fused, anchor.pixels, gains=gains, ratio=ratio, phase=anchor.phase, rounds=rounds, limits=limits)
    _check_gains(fused, gains)
    if rounds == 0:
        return fused
    view = PlacedView(anchor, gains)
    for share in view.shares(rounds):
        fused = fused + view.correction(view.left(fused), share)
    return fused if limits is None else within(fused, limits, view)


def _check_gains(fused: Tensor, gains: Sequence[float]) -> None:
    if len(gains) != fused.shape[-3]:
        raise UsageError(f"{fused.shape[-3]} bands, but {len(gains)} MTF gains: give one for each band")


@dataclass(frozen=True, slots=True, kw_only=True)
class _GridView:
    """MS pixels on a grid exactly as coarse as the model's: separable, by dense products."""

    rows: "_Axis"
    cols: "_Axis"

    def reduce(self, image: Tensor) -> Tensor:
        return self.rows.reduce @ image @ self.cols.reduce.mT

    def correction(self, wanted: Tensor, rounds: int) -> Tensor:
        total = solve(lambda image: self.rows.round_trip @ image @ self.cols.round_trip.mT, wanted, rounds)
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
