"""The shift that moves MS content to where the PAN shows it, as maps of PAN coordinates."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from affine import Affine

from ssdiff_cli.rasters.geometry.point_map import Coordinates, Points, affine_map
from ssdiff_models.registration.drift import Drift
from ssdiff_models.registration.scene_shift import SceneShift
from ssdiff_models.registration.surface import Surface

__all__ = ["MsShift"]

INVERSION_STEPS = 8
"""Fixed-point steps that invert a surface: its slope is a few hundredths, so each gains a digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MsShift:
    """A correction of the MS's georeferencing; the default corrects nothing."""

    motion: Affine = field(default_factory=Affine.identity)
    """Linear part: georeferenced PAN (column, row) to corrected PAN (column, row)."""
    surface: Surface | None = None
    """Shift beyond the linear part, by corrected PAN position."""

    @classmethod
    def of(cls, shift: SceneShift) -> Self:
        """Returns a measured shift, rounded so that every machine has the same."""
        drift = shift.drift or Drift(row=0, col=0)
        down, right = drift.at(0, 0)
        to_georeferenced = Affine(
            1 - drift.cols_per_col, -drift.cols_per_row, -shift.cols - right,
            -drift.rows_per_col, 1 - drift.rows_per_row, -shift.rows - down,
        )  # fmt: skip
        a, b, cols, d, e, rows = tuple(~to_georeferenced)[:6]
        motion = Affine(
            1 + round(a - 1, 8), round(b, 8), round(cols, 3),
            round(d, 8), 1 + round(e - 1, 8), round(rows, 3),
        )  # fmt: skip
        return cls(motion=motion, surface=shift.surface)

    @property
    def drifts(self) -> bool:
        """Whether the linear part changes over the scene."""
        a, b, _, d, e, _ = tuple(self.motion)[:6]
        return (a, b, d, e) != (1, 0, 0, 1)

    def uncorrected(self, cols: Coordinates, rows: Coordinates) -> Points:
        """Maps corrected PAN (column, row) to the georeferenced ones."""
        from_cols, from_rows = affine_map(~self.motion)(cols, rows)
        if self.surface is None:
            return from_cols, from_rows
        down, right = self.surface.at(rows, cols)
        return from_cols - right, from_rows - down

    def corrected(self, cols: Coordinates, rows: Coordinates) -> Points:
        """Maps georeferenced PAN (column, row) to the corrected ones."""
        forward = affine_map(self.motion)
        to_cols, to_rows = forward(cols, rows)
        if self.surface is None:
            return to_cols, to_rows
        for _ in range(INVERSION_STEPS):
            down, right = self.surface.at(to_rows, to_cols)
            to_cols, to_rows = forward(cols + right, rows + down)
        return to_cols, to_rows

    def uncorrected_point(self, row: float, col: float) -> tuple[float, float]:
        """Maps one corrected PAN (row, column) to the georeferenced one."""
        cols, rows = self.uncorrected(np.array([col]), np.array([row]))
        return float(rows[0]), float(cols[0])
