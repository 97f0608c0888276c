"""Sub-pixel shift between a PAN and an MS image, by least squares."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_models.resampling.degrade import reduce_pan

__all__ = ["Shift", "estimate_shift"]

ITERATIONS = 12
BORDER = 3
"""MS pixels at the border that do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Position of the PAN content minus that of the MS content, in PAN pixels."""

    rows: float
    """Towards larger row numbers."""
    cols: float
    """Towards larger column numbers."""
    correlation: float
    """Multiple correlation of the reduced, shifted PAN with the MS bands, 0..1."""
    error: float = 0.0
    """Standard error, the larger of rows and columns, as if residuals were white noise."""


def estimate_shift(
    pan: Tensor,
    ms: Tensor,
    ratio: int,
    *,
    first: tuple[float, float],
    valid: Tensor | None = None,
) -> Shift:
    """Estimates the shift to add to `first` so that the PAN matches the MS.

    The reduced PAN is regressed on the MS bands. The residual, regressed on the derivatives of the
    reduced PAN along rows and columns, is the step of a Gauss-Newton iteration.

    Args:
        pan: ``(rows, cols)``.
        ms: ``(bands, rows, cols)``.
        ratio: PAN pixels per MS pixel; 1 where `ms` is on a grid like the PAN's.
        first: PAN index of the centre of MS pixel (0, 0) by the georeferencing.
        valid: ``(rows, cols)`` of the MS grid, False where pixels must not count.
    """
    pan = pan.double()
    bands = ms.double()
    _, height, width = bands.shape
    shape = (height, width)
    inside = _inside(shape, valid)
    row, col = first
    design = _design(bands, inside)
    rows = cols = correlation = error = 0.0
    for _ in range(ITERATIONS):
        at = (row + rows, col + cols)
        reduced = reduce_pan(pan, ratio, first=at, shape=shape)
        gradients = [gradient[inside] for gradient in torch.gradient(reduced)]
        slope = torch.stack(gradients, 1) / ratio
        step, correlation, error = _step(reduced[inside], slope, design)
        down, right = step.clamp(-ratio, ratio).tolist()
        rows += down
        cols += right
        if float(step.abs().max()) < 1e-3:
            break
    return Shift(rows=rows, cols=cols, correlation=correlation, error=error)


def _design(bands: Tensor, inside: Tensor) -> Tensor:
    """Returns the pixels inside of each band, and a column of ones."""
    columns = [band[inside] for band in bands]
    constant = torch.ones_like(columns[0])
    return torch.stack([*columns, constant], 1)


def _step(pan: Tensor, slope: Tensor, design: Tensor) -> tuple[Tensor, float, float]:
    """Returns a step ``(2,)``, the multiple correlation and the standard error."""
    column = pan[:, None]
    residual = column - _fitted(design, column)
    # The bands may explain part of the slope itself; only the rest depends on the shift.
    slope = slope - _fitted(design, slope)
    solution = torch.linalg.lstsq(slope, residual).solution
    unexplained = residual.var()
    explained = 1 - unexplained / pan.var()
    correlation = explained.clamp(min=0).sqrt()
    energy = slope.square().sum(0).min().clamp(min=1e-30)
    error = (unexplained / energy).sqrt()
    return -solution[:, 0], float(correlation), float(error)


def _inside(shape: tuple[int, int], valid: Tensor | None) -> Tensor:
    inner = slice(BORDER, -BORDER)
    inside = torch.zeros(shape, dtype=torch.bool)
    inside[inner, inner] = True
    return inside if valid is None else inside & valid


def _fitted(design: Tensor, values: Tensor) -> Tensor:
    solution: Tensor = torch.linalg.lstsq(design, values).solution
    return design @ solution
