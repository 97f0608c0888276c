"""The MS on a model's grid: interpolated at model pixels, with the MS pixels it came from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_cli.rasters.geometry.grid_map import AxisMap, GeneralMap, SeparableMap
from ssdiff_cli.rasters.geometry.point_map import Coordinates, Points
from ssdiff_cli.rasters.reading import resample
from ssdiff_cli.rasters.reading.bands import FilledWindow
from ssdiff_cli.rasters.reading.native_ms import gridded_ms, scattered_ms
from ssdiff_cli.rasters.reading.pair_geometry import RESAMPLED_RATIO, PairGeometry
from ssdiff_models.scene.source import BoolArray, FloatArray, NativeMs, ScatteredMs
from ssdiff_models.scene.windows import Window

__all__ = ["ModelMs", "ModelMsReader"]

POINT_REACH = 4
"""MS pixels read around scattered positions: the 6 taps of the interpolation, and one to spare."""

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

    def read(self, window: Window) -> ModelMs:
        """Reads the MS under a window of PAN pixels, which may overhang the scene."""
        rows = np.arange(window.row, window.row_stop) + 0.5
        cols = np.arange(window.col, window.col_stop) + 0.5
        model = self.geometry.grid.ms_window(window)
        mapping = self.geometry.mapping
        if isinstance(mapping, SeparableMap):
            return self._separable(mapping, model, mapping.rows.at(rows), mapping.cols.at(cols))
        return self._general(mapping, model, *mapping.at(rows, cols))

    def _separable(
        self, mapping: SeparableMap, model: Window, rows: Coordinates, cols: Coordinates
    ) -> ModelMs:
        row_taps = self._taps(mapping.rows, self._centres(model.row, model.rows))
        col_taps = self._taps(mapping.cols, self._centres(model.col, model.cols))
        around = self._filled(row_taps.span, col_taps.span)
        values = resample.resample_axis(around.values, row_taps, around.window.row, 1)
        values = resample.resample_axis(values, col_taps, around.window.col, 2)
        valid = np.ones((rows.size, cols.size), bool)
        if not around.valid.all():
            # One axis after the other takes a tenth of the time.
            down = _pixels_under(rows) - around.window.row
            right = _pixels_under(cols) - around.window.col
            valid = around.valid[down][:, right]
        grid = self.geometry.grid
        native: NativeMs | ScatteredMs | None = None
        if not (mapping.rows.coincides(grid) and mapping.cols.coincides(grid)):
            native = gridded_ms(around, mapping, grid, model, self.geometry.files.pan.extent)
            places = np.broadcast_arrays(rows[:, None], cols)
            native = native or self._scattered(around, *places)
        return ModelMs(values=values, valid=valid, native=native)

    def _general(
        self, mapping: GeneralMap, model: Window, rows: Coordinates, cols: Coordinates
    ) -> ModelMs:
        under = self._clamped(rows, cols)
        points = self._points(mapping, model)
        rows_span = _span([under[0], *(point_rows for point_rows, _ in points)])
        cols_span = _span([under[1], *(point_cols for _, point_cols in points)])
        around = self._filled(rows_span, cols_span)
        return ModelMs(
            values=_averaged(around, points),
            valid=_under(around, *under),
            native=self._scattered(around, rows, cols),
        )

    def _filled(self, rows: tuple[int, int], cols: tuple[int, int]) -> FilledWindow:
        (row, row_stop), (col, col_stop) = rows, cols
        window = Window(row=row, col=col, rows=row_stop - row, cols=col_stop - col)
        return self.geometry.files.ms.read_filled(window, self.means)

    def _scattered(
        self, around: FilledWindow, rows: Coordinates, cols: Coordinates
    ) -> ScatteredMs | None:
        height, width = self.geometry.measured_ratio
        if max(height, width) <= RESAMPLED_RATIO:
            return None  # interpolated before, so the sensor saw none of these pixels
        return scattered_ms(around, rows, cols, round(float(np.sqrt(height * width)), 4))

    def _taps(self, axis: AxisMap, centres: Coordinates) -> resample.Taps:
        position = axis.at(centres) - 0.5
        if axis.coincides(self.geometry.grid):
            return resample.unit_taps(position)
        return resample.taps_at(position, axis.step * self.geometry.ratio)

    def _centres(self, first: int, count: int) -> Coordinates:
        """Returns the PAN coordinates of the centres of model pixels along one axis."""
        grid = self.geometry.grid
        return np.arange(first, first + count) * float(grid.ratio) + (grid.phase + 0.5)

    def _points(self, mapping: GeneralMap, model: Window) -> list[Points]:
        """Returns MS positions in the model pixels; a finer MS is averaged over several."""
        ratio = self.geometry.ratio
        smaller = min(self.geometry.measured_ratio)
        count = max(1, int(np.ceil(ratio / smaller / resample.FINER)))
        offsets = ((np.arange(count) + 0.5) / count - 0.5) * ratio
        rows = self._centres(model.row, model.rows)
        cols = self._centres(model.col, model.cols)
        return [
            self._clamped(*mapping.at(rows + down, cols + right))
            for down in offsets
            for right in offsets
        ]

    def _clamped(self, rows: Coordinates, cols: Coordinates) -> Points:
        ms = self.geometry.files.ms
        nowhere = ~(np.isfinite(rows) & np.isfinite(cols))
        rows = np.where(nowhere, -CLAMP, rows)
        cols = np.where(nowhere, -CLAMP, cols)
        return np.clip(rows, -CLAMP, ms.rows + CLAMP), np.clip(cols, -CLAMP, ms.cols + CLAMP)


def _averaged(around: FilledWindow, points: list[Points]) -> FloatArray:
    origin = around.window.row, around.window.col
    shape = len(around.values), *points[0][0].shape
    total: FloatArray = np.zeros(shape, np.float32)
    for rows, cols in points:
        total += resample.interpolate_points(around.values, rows - 0.5, cols - 0.5, origin)
    total /= np.float32(len(points))
    return total


def _under(around: FilledWindow, rows: Coordinates, cols: Coordinates) -> BoolArray:
    """Returns the validity of the MS pixels that hold positions; an edge is the later pixel's."""
    down = _pixels_under(rows) - around.window.row
    right = _pixels_under(cols) - around.window.col
    return around.valid[down, right]


def _pixels_under(coordinates: Coordinates) -> npt.NDArray[np.int64]:
    pixels: npt.NDArray[np.int64] = np.floor(coordinates + EDGE).astype(np.int64)
    return pixels


def _span(positions: list[Coordinates]) -> tuple[int, int]:
    """Returns the MS pixels to read for interpolation: the first and the stop index."""
    first = int(np.floor(min(position.min() for position in positions)))
    last = int(np.ceil(max(position.max() for position in positions)))
    return first - POINT_REACH, last + POINT_REACH + 1
