"""The MS pixels under a window as they were given, for the consistency of what is fused with them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_cli.rasters.geometry.grid_map import AxisMap, SeparableMap
from ssdiff_cli.rasters.geometry.point_map import Coordinates
from ssdiff_models.consistency.scattered_view import SCATTERED_MARGIN
from ssdiff_models.resampling.upsample import MS_HALO
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import FloatArray, NativeMs, ScatteredMs
from ssdiff_models.scene.windows import Window

__all__ = ["MsWindow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MsWindow:
    """MS pixels that were read around those under a window of the PAN, filled."""

    values: FloatArray
    """``(bands, rows, cols)``."""
    window: Window
    """Absolute MS pixels."""

    def gridded(
        self, mapping: SeparableMap, grid: ModelGrid, model: Window, shape: tuple[int, int]
    ) -> NativeMs | None:
        """Returns the pixels nearest to the model pixels; None where their sizes differ.

        Args:
            mapping: Where PAN pixels lie.
            grid: The model's grid.
            model: The model pixels under the PAN's window, with their halo.
            shape: Rows and columns of the PAN.
        """
        rows = mapping.rows.nearest(grid, shape[0])
        cols = mapping.cols.nearest(grid, shape[1])
        if rows is None or cols is None:
            return None
        inner = model.expand(-MS_HALO)
        down = _steps(mapping.rows, rows[0], inner.row, inner.rows) - self.window.row
        right = _steps(mapping.cols, cols[0], inner.col, inner.cols) - self.window.col
        return NativeMs(pixels=self.values[:, down[:, None], right], phase=(rows[1], cols[1]))

    def placed(self, rows: Coordinates, cols: Coordinates, pitch: float) -> ScatteredMs:
        """Returns the pixels under the PAN's window, `SCATTERED_MARGIN` more on every side, and how they lie.

        Args:
            rows: ``(rows, cols)``: MS row coordinates of the centres of the PAN pixels (edge of the first MS pixel = 0); they may lie
                beyond the window, and be infinite or NaN where the map has no place.
            cols: Their columns.
            pitch: PAN pixels per MS pixel.
        """
        first_row, stop_row = _span(rows, self.window.row, self.window.rows)
        first_col, stop_col = _span(cols, self.window.col, self.window.cols)
        return ScatteredMs(
            pixels=self.values[:, first_row:stop_row, first_col:stop_col],
            rows=rows - 0.5 - (self.window.row + first_row),
            cols=cols - 0.5 - (self.window.col + first_col),
            pitch=pitch,
        )


def _steps(axis: AxisMap, zeroth: int, first: int, count: int) -> npt.NDArray[np.int64]:
    """MS pixels of model pixels from `first` on, given that of model pixel 0; flipped axes run backwards."""
    model = np.arange(first, first + count)
    return zeroth + (model if axis.step > 0 else -model)


def _span(coordinates: Coordinates, origin: int, size: int) -> tuple[int, int]:
    """Returns the first index of the window that is needed and the one after the last."""
    known = coordinates[np.isfinite(coordinates)]
    if not known.size:
        return 0, size
    first = int(np.floor(known.min() - 0.5)) - origin - SCATTERED_MARGIN
    stop = int(np.ceil(known.max() - 0.5)) - origin + SCATTERED_MARGIN + 1
    first = min(max(first, 0), max(size - 2 * SCATTERED_MARGIN, 0))
    return first, min(max(stop, first + 2 * SCATTERED_MARGIN), size)
