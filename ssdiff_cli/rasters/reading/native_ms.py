"""The MS pixels that the model's MS was interpolated from, for consistency with them."""

import numpy as np
import numpy.typing as npt

from ssdiff_cli.rasters.geometry.grid_map import AxisMap, SeparableMap
from ssdiff_cli.rasters.geometry.point_map import Coordinates
from ssdiff_cli.rasters.reading.bands import FilledWindow
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import SCATTERED_MARGIN, NativeMs, ScatteredMs
from ssdiff_models.scene.windows import Window

__all__ = ["gridded_ms", "scattered_ms"]


def gridded_ms(
    around: FilledWindow, mapping: SeparableMap, grid: ModelGrid, model: Window, extent: Window
) -> NativeMs | None:
    """Returns the MS pixels nearest to model pixels; None where their sizes differ.

    Args:
        around: MS pixels around those that are needed.
        mapping: Where PAN pixels lie.
        grid: The model's grid.
        model: The model pixels under a window of the PAN, with their halo.
        extent: All of the PAN.
    """
    rows = mapping.rows.nearest(grid, extent.rows)
    cols = mapping.cols.nearest(grid, extent.cols)
    if rows is None or cols is None:
        return None
    inner = model.expand(-MS_HALO)
    down = _pixels(mapping.rows, rows[0], inner.row, inner.rows) - around.window.row
    right = _pixels(mapping.cols, cols[0], inner.col, inner.cols) - around.window.col
    return NativeMs(pixels=around.values[:, down[:, None], right], phase=(rows[1], cols[1]))


def scattered_ms(
    around: FilledWindow, rows: Coordinates, cols: Coordinates, pitch: float
) -> ScatteredMs:
    """Returns the MS pixels under a window of the PAN, and `SCATTERED_MARGIN` more on every side.

    Args:
        around: MS pixels around those that are needed.
        rows: ``(rows, cols)``: MS row coordinates of PAN pixel centres (first pixel's edge = 0);
            infinite or NaN where the map has no place.
        cols: Their columns.
        pitch: PAN pixels per MS pixel.
    """
    window = around.window
    row, row_stop = _span(rows, window.row, window.rows)
    col, col_stop = _span(cols, window.col, window.cols)
    return ScatteredMs(
        pixels=around.values[:, row:row_stop, col:col_stop],
        rows=rows - 0.5 - (window.row + row),
        cols=cols - 0.5 - (window.col + col),
        pitch=pitch,
    )


def _pixels(axis: AxisMap, origin: int, first: int, count: int) -> npt.NDArray[np.int64]:
    """Returns the MS pixels of model pixels from `first` on; `origin` is that of model pixel 0."""
    model = np.arange(first, first + count)
    return origin + (model if axis.step > 0 else -model)


def _span(coordinates: Coordinates, origin: int, size: int) -> tuple[int, int]:
    """Returns the first index that is needed and the one after the last, among `size` pixels."""
    finite = coordinates[np.isfinite(coordinates)]
    if not finite.size:
        return 0, size
    first = int(np.floor(finite.min() - 0.5)) - origin - SCATTERED_MARGIN
    stop = int(np.ceil(finite.max() - 0.5)) - origin + SCATTERED_MARGIN + 1
    first = min(max(first, 0), max(size - 2 * SCATTERED_MARGIN, 0))
    return first, min(max(stop, first + 2 * SCATTERED_MARGIN), size)
