"""Sub-pixel shift between a PAN and an MS image, by least squares on what the MS bands explain of the low-passed PAN."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_models.resampling.degrade import reduce_pan

__all__ = ["Shift", "estimate_shift"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far the PAN content lies from where the MS content says, in PAN pixels."""

    rows: float
    """Towards larger row numbers."""
    cols: float
    """Towards larger column numbers."""
    correlation: float
    """Multiple correlation of the reduced PAN with the MS bands, after the shift; 0..1."""
    error: float = 0.0
    """Standard error of `rows` and `cols` (the larger one), as if what the bands leave of the PAN were white noise."""


def estimate_shift(
    pan: Tensor,
    ms: Tensor,
    ratio: int,
    *,
    first: tuple[float, float],
    valid: Tensor | None = None,
    rounds: int = 12,
) -> Shift:
    """Estimates the shift that must be added to `first` so that the PAN matches the MS.

    The reduced PAN is regressed on the MS bands; the derivative of the fitted image along rows and columns, regressed on what is left,
    gives the step of a Gauss-Newton iteration.

    Args:
        pan: ``(rows, cols)``.
        ms: ``(bands, rows, cols)``.
        ratio: PAN pixels per MS pixel; 1 where `ms` is on a grid like the PAN's.
        first: PAN index of the centre of MS pixel (0, 0) by the georeferencing.
        valid: ``(rows, cols)`` of the MS grid, False where pixels must not count.
        rounds: Iterations.
    """
    bands = ms.double()
    inside = torch.ones(bands.shape[1:], dtype=torch.bool) if valid is None else valid.clone()
    for edge in (slice(0, 3), slice(-3, None)):
        inside[edge, :] = False
        inside[:, edge] = False
    design = torch.stack([*bands[:, inside], torch.ones_like(bands[0][inside])], 1)
    shift, correlation, error = torch.zeros(2, dtype=torch.float64), 0.0, 0.0
    for _ in range(rounds):
        at = (first[0] + float(shift[0]), first[1] + float(shift[1]))
        reduced = reduce_pan(pan.double(), ratio, first=at, shape=(bands.shape[1], bands.shape[2]))
        target = reduced[inside]
        weights = torch.linalg.lstsq(design, target[:, None]).solution[:, 0]
        left = target - design @ weights
        correlation = float((1 - left.var() / target.var()).clamp(min=0).sqrt())
        slope = torch.stack([gradient[inside] for gradient in torch.gradient(reduced)], 1) / ratio
        # The bands may explain part of the slope itself; only what they cannot explain tells a shift.
        slope = slope - design @ torch.linalg.lstsq(design, slope).solution
        step = -torch.linalg.lstsq(slope, left[:, None]).solution[:, 0]
        error = float((left.var() / slope.square().sum(0).min().clamp(min=1e-30)).sqrt())
        shift += step.clamp(-ratio, ratio)
        if float(step.abs().max()) < 1e-3:
            break
    return Shift(rows=float(shift[0]), cols=float(shift[1]), correlation=correlation, error=error)
