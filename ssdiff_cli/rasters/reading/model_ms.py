"""The MS on a model's grid: interpolated at model pixels, with the MS pixels it came from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_cli.rasters.geometry.grid_map import AxisMap, GeneralMap, SeparableMap
from ssdiff_cli.rasters.geometry.point_map import Coordinates
from ssdiff_cli.rasters.reading.bands import Bands, FilledWindow
from ssdiff_cli.rasters.reading.native_ms import MsWindow
from ssdiff_cli.rasters.reading.pair_geometry import RESAMPLED_RATIO, PairGeometry
from ssdiff_cli.rasters.reading.resample import (
    FINER,
    Taps,
    interpolate_points,
    resample_axis,
    taps_at,
    unit_taps,
)
from ssdiff_models.scene.source import BoolArray, FloatArray, NativeMs, ScatteredMs
from ssdiff_models.scene.windows import Window

__all__ = ["ModelMs", "ModelMsReader"]

POINT_REACH = 4
"""MS pixels read around scattered positions: the 6 taps of `interpolate_points` and one to spare."""

CLAMP = 64.0
"""MS pixels beyond the MS where positions stop to count; only invalid pixels lie there."""

EDGE = 1e-6
"""MS pixels by which a position may fall short of a pixel's edge and still lie on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMs:
    """The MS under one window of PAN pixels."""

    values: FloatArray
    """``(bands, rows, cols)`` on the model grid, with its halo."""
    valid: BoolArray
    """``(rows, cols)`` of the window: validity of the MS pixels under the PAN pixels."""
    native: NativeMs | ScatteredMs | None
    """MS pixels that are not model pixels; None where they are, or where the sensor saw none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMsReader:
    """Reads the MS of a pair on its model grid."""

    geometry: PairGeometry
    means: Callable[[], FloatArray]
    """Returns the ``(bands,)`` values far from any valid pixel."""

    @property
    def _ms(self) -> Bands:
        return self.geometry.files.ms

    def read(self, window: Window) -> ModelMs:
        """Reads the MS under a window of PAN pixels, which may overhang the scene."""
        mapping = self.geometry.mapping
        if isinstance(mapping, SeparableMap):
            return self._separable(mapping, window)
        return self._general(mapping, window)

    def _separable(self, mapping: SeparableMap, window: Window) -> ModelMs:
        model = self.geometry.grid.ms_window(window)
        row_taps = self._taps(mapping.rows, self._centres(model.row, model.rows))
        col_taps = self._taps(mapping.cols, self._centres(model.col, model.cols))
        native = Window(
            row=row_taps.start,
            col=col_taps.start,
            rows=row_taps.stop - row_taps.start,
            cols=col_taps.stop - col_taps.start,
        )
        filled = self._ms.read_filled(native, self.means)
        columns = resample_axis(filled.values, row_taps, native.row, 1)
        rows = mapping.rows.at(np.arange(window.row, window.row_stop) + 0.5)
        cols = mapping.cols.at(np.arange(window.col, window.col_stop) + 0.5)
        valid = np.ones(window.shape, bool)
        if not filled.valid.all():
            under = np.ix_(_pixel_index(rows) - native.row, _pixel_index(cols) - native.col)
            valid = filled.valid[under]
        return ModelMs(
            values=resample_axis(columns, col_taps, native.col, 2),
            valid=valid,
            native=self._native(
                mapping, model, MsWindow(values=filled.values, window=native), rows, cols
            ),
        )

    def _native(
        self,
        mapping: SeparableMap,
        model: Window,
        around: MsWindow,
        rows: Coordinates,
        cols: Coordinates,
    ) -> NativeMs | ScatteredMs | None:
        grid = self.geometry.grid
        if mapping.rows.coincides(grid) and mapping.cols.coincides(grid):
            return None
        gridded = around.gridded(mapping, grid, model, self.geometry.files.pan.extent.shape)
        if gridded is not None:
            return gridded
        shape = rows.size, cols.size
        return self._scattered(
            around, np.broadcast_to(rows[:, None], shape), np.broadcast_to(cols, shape)
        )

    def _scattered(
        self, around: MsWindow, rows: Coordinates, cols: Coordinates
    ) -> ScatteredMs | None:
        height, width = self.geometry.measured_ratio
        if max(height, width) <= RESAMPLED_RATIO:
            return None  # interpolated before, so the sensor saw none of these pixels
        return around.placed(rows, cols, round(float(np.sqrt(height * width)), 4))

    def _taps(self, axis: AxisMap, centres: Coordinates) -> Taps:
        position = axis.at(centres) - 0.5
        if axis.coincides(self.geometry.grid):
            return unit_taps(position)
        return taps_at(position, axis.step * self.geometry.ratio)

    def _centres(self, first: int, count: int) -> Coordinates:
        """PAN coordinates of the centres of model pixels along one axis."""
        grid = self.geometry.grid
        return np.arange(first, first + count) * float(grid.ratio) + (grid.phase + 0.5)

    def _general(self, mapping: GeneralMap, window: Window) -> ModelMs:
        rows, cols = mapping.at(
            np.arange(window.row, window.row_stop) + 0.5,
            np.arange(window.col, window.col_stop) + 0.5,
        )
        under = self._clamped(rows, cols)
        model = self.geometry.grid.ms_window(window)
        places = self._places(mapping, model)
        native = _spanned([*places, under])
        filled = self._ms.read_filled(native, self.means)
        index = _pixel_index(under[0]) - native.row, _pixel_index(under[1]) - native.col
        around = MsWindow(values=filled.values, window=native)
        return ModelMs(
            values=_averaged(filled, native, places),
            valid=filled.valid[index],
            native=self._scattered(around, rows, cols),
        )

    def _places(self, mapping: GeneralMap, model: Window) -> list[tuple[Coordinates, Coordinates]]:
        """MS positions of points in the model pixels; a finer MS is averaged over several."""
        ratio = self.geometry.ratio
        count = max(1, int(np.ceil(ratio / min(self.geometry.measured_ratio) / FINER)))
        offsets = ((np.arange(count) + 0.5) / count - 0.5) * ratio
        rows = self._centres(model.row, model.rows)
        cols = self._centres(model.col, model.cols)
        return [
            self._clamped(*mapping.at(rows + down, cols + right))
            for down in offsets
            for right in offsets
        ]

    def _clamped(self, rows: Coordinates, cols: Coordinates) -> tuple[Coordinates, Coordinates]:
        nowhere = ~(np.isfinite(rows) & np.isfinite(cols))
        rows = np.where(nowhere, -CLAMP, rows)
        cols = np.where(nowhere, -CLAMP, cols)
        return (
            np.clip(rows, -CLAMP, self._ms.rows + CLAMP),
            np.clip(cols, -CLAMP, self._ms.cols + CLAMP),
        )


def _averaged(
    filled: FilledWindow, native: Window, places: list[tuple[Coordinates, Coordinates]]
) -> FloatArray:
    origin = native.row, native.col
    shape = len(filled.values), *places[0][0].shape
    total: FloatArray = np.zeros(shape, np.float32)
    for rows, cols in places:
        total += interpolate_points(filled.values, rows - 0.5, cols - 0.5, origin)
    total /= np.float32(len(places))
    return total


def _pixel_index(coordinates: Coordinates) -> npt.NDArray[np.int64]:
    """Pixels that hold coordinates; one on an edge, as in Landsat's grids, belongs to the later."""
    index: npt.NDArray[np.int64] = np.floor(coordinates + EDGE).astype(np.int64)
    return index


def _spanned(places: list[tuple[Coordinates, Coordinates]]) -> Window:
    """Returns the MS pixels to read for interpolation at `places`."""
    row = int(np.floor(min(rows.min() for rows, _ in places)))
    col = int(np.floor(min(cols.min() for _, cols in places)))
    last_row = int(np.ceil(max(rows.max() for rows, _ in places)))
    last_col = int(np.ceil(max(cols.max() for _, cols in places)))
    span = Window(row=row, col=col, rows=last_row - row + 1, cols=last_col - col + 1)
    return span.expand(POINT_REACH)
