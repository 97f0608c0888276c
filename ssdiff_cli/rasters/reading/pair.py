"""A PAN and an MS file as one `Source`: aligned windows, filled holes, validity.

Usage::

    with raster_env(), open_pair("pan.tif", "ms.tif", options=PairOptions(ratio=4)) as pair:
        patch = pair.read(Window(row=0, col=0, rows=288, cols=288))
        print(pair.area, pair.measured_ratio, pair.notes, pair.statistics())
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS

from ssdiff_cli.rasters.gdal import open_raster
from ssdiff_cli.rasters.geometry.area_of_interest import PixelRegion
from ssdiff_cli.rasters.geometry.georeference import Georeference
from ssdiff_cli.rasters.geometry.grid_map import AxisMap, GeneralMap, SeparableMap, Vector
from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.native_ms import MsWindow
from ssdiff_cli.rasters.reading.pair_geometry import (
    RESAMPLED_RATIO,
    PairOptions,
    Prepared,
    prepare_pair,
)
from ssdiff_cli.rasters.reading.resample import (
    FINER,
    Taps,
    interpolate_points,
    resample_axis,
    taps_at,
    unit_taps,
)
from ssdiff_cli.rasters.reading.statistics import sample_statistics
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import (
    BoolArray,
    FloatArray,
    NativeMs,
    Patch,
    ScatteredMs,
)
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["PairOptions", "ScenePair", "open_pair"]

POINT_REACH = 4
"""MS pixels read around scattered positions: the 6 taps of `interpolate_points` and one to spare."""

CLAMP = 64.0
"""MS pixels beyond the MS where positions stop to count; only invalid pixels lie there."""


_Read = tuple[FloatArray, BoolArray, NativeMs | ScatteredMs | None]
"""The MS on the model grid, the validity of the MS pixels under the PAN pixels, and these MS pixels where they are no model pixels."""

EDGE = 1e-6
"""MS pixels by which a position may fall short of a pixel's edge and still lie on it."""


class ScenePair:
    """An open pair; implements `ssdiff_models.scene.Source`."""

    def __init__(self, prepared: Prepared) -> None:
        """Takes what `prepare_pair` found; use `open_pair`."""
        self._prepared = prepared
        self._statistics: SceneStatistics | None = None

    @property
    def rows(self) -> int:
        """Height of the PAN grid in pixels."""
        return self._prepared.pan.rows

    @property
    def cols(self) -> int:
        """Width of the PAN grid in pixels."""
        return self._prepared.pan.cols

    @property
    def bands(self) -> int:
        """Number of selected MS bands."""
        return len(self._prepared.ms.indexes)

    @property
    def ratio(self) -> int:
        """PAN pixels per MS model pixel."""
        return self._prepared.ratio

    @property
    def ms_phase(self) -> float:
        """PAN index of the centre of model pixel 0."""
        return self._prepared.ms_phase

    @property
    def grid(self) -> ModelGrid:
        """How the MS model grid lies on the PAN grid."""
        return ModelGrid(ratio=self.ratio, phase=self.ms_phase)

    @property
    def area(self) -> Window:
        """The part of the PAN grid that is asked for."""
        return self._prepared.area

    @property
    def overlap(self) -> Window:
        """The part of the PAN grid that the MS covers."""
        return self._prepared.overlap

    @property
    def measured_ratio(self) -> tuple[float, float]:
        """Height and width of an MS pixel in PAN pixels."""
        return self._prepared.measured_ratio

    @property
    def mapping(self) -> SeparableMap | GeneralMap:
        """Where PAN pixels lie on the MS grid."""
        return self._prepared.mapping

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how the pair was understood; one sentence each."""
        return self._prepared.notes

    @property
    def by_rpcs(self) -> bool:
        """Whether rational polynomials place the PAN or the MS."""
        return self._prepared.by_rpcs

    @property
    def options(self) -> PairOptions:
        """What the pair was opened with."""
        return self._prepared.options

    @property
    def pan(self) -> Bands:
        """The PAN band."""
        return self._prepared.pan

    @property
    def ms(self) -> Bands:
        """The selected MS bands."""
        return self._prepared.ms

    @property
    def crs(self) -> CRS | None:
        """The PAN's CRS."""
        return self._prepared.pan_georeference.crs

    @property
    def transform(self) -> Affine:
        """The PAN's geotransform (identity where it has GCPs or RPCs instead)."""
        return self._prepared.pan_georeference.affine

    @property
    def pan_georeference(self) -> Georeference:
        """Where the PAN lies."""
        return self._prepared.pan_georeference

    @property
    def region(self) -> PixelRegion | None:
        """The polygons of the area of interest, in PAN pixels."""
        return self._prepared.region

    @property
    def may_be_invalid(self) -> bool:
        """Whether any pixel of `area` could be invalid."""
        prepared = self._prepared
        covered = (
            isinstance(prepared.mapping, SeparableMap)
            and self.area.intersection(self.overlap) == self.area
        )
        return (
            not covered
            or prepared.region is not None
            or prepared.pan.may_have_holes
            or prepared.ms.may_have_holes
        )

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of PAN and MS where they overlap: `sampling.statistics_windows` tells which pixels are looked at.

        Raises:
            InputError: When one of them has no valid pixel there.
        """
        if self._statistics is None:
            pan = sample_statistics(self.pan, self.overlap)
            self._statistics = SceneStatistics(
                pan=pan[0], ms=sample_statistics(self.ms, self._prepared.ms_overlap)
            )
        return self._statistics

    def whole(self) -> "ScenePair":
        """Returns the same scene without the polygons of an area of interest: what a method's own statistics are taken from."""
        scene = ScenePair(replace(self._prepared, region=None))
        scene.use_statistics(self.statistics())
        return scene

    def use_statistics(self, statistics: SceneStatistics) -> None:
        """Takes given statistics instead of this scene's own."""
        self._statistics = statistics

    def read(self, window: Window) -> Patch:
        """Reads one window of PAN pixels; it may overhang the scene.

        Raises:
            InputError: When a file is truncated or corrupt.
        """
        pan = self.pan.read_filled(window, self._pan_means)
        mapping = self.mapping
        read = (
            self._separable(mapping, window)
            if isinstance(mapping, SeparableMap)
            else self._general(mapping, window)
        )
        ms, covered, given = read
        valid = pan.valid & covered
        if self.region is not None:
            valid &= self.region.mask(window)
        return Patch(pan=pan.values[0], ms=ms, valid=valid, native_ms=given)

    def _pan_means(self) -> FloatArray:
        return np.array([self.statistics().pan.mean], np.float32)

    def _ms_means(self) -> FloatArray:
        return np.array([band.mean for band in self.statistics().ms], np.float32)

    def _separable(self, mapping: SeparableMap, window: Window) -> _Read:
        model = self.grid.ms_window(window)
        rows = self._taps(mapping.rows, self._centres(model.row, model.rows))
        cols = self._taps(mapping.cols, self._centres(model.col, model.cols))
        native = Window(
            row=rows.start, col=cols.start, rows=rows.stop - rows.start, cols=cols.stop - cols.start
        )
        filled = self.ms.read_filled(native, self._ms_means)
        resampled = resample_axis(
            resample_axis(filled.values, rows, native.row, 1), cols, native.col, 2
        )
        down = mapping.rows.at(np.arange(window.row, window.row_stop) + 0.5)
        right = mapping.cols.at(np.arange(window.col, window.col_stop) + 0.5)
        given: NativeMs | ScatteredMs | None = None
        if not self._coincident(mapping):
            around = MsWindow(values=filled.values, window=native)
            given = around.gridded(
                mapping, model, self.ms_phase, (self.rows, self.cols), self.ratio
            )
            given = given or self._placed(
                around,
                np.broadcast_to(down[:, None], window.shape),
                np.broadcast_to(right, window.shape),
            )
        if filled.valid.all():
            return resampled, np.ones(window.shape, bool), given
        under = np.ix_(_pixel_index(down) - native.row, _pixel_index(right) - native.col)
        return resampled, filled.valid[under], given

    def _coincident(self, mapping: SeparableMap) -> bool:
        return mapping.rows.coincides(self.ratio, self.ms_phase) and mapping.cols.coincides(
            self.ratio, self.ms_phase
        )

    def _placed(self, around: MsWindow, rows: Vector, cols: Vector) -> ScatteredMs | None:
        """Returns MS pixels with their places; None where somebody interpolated them before: the sensor has seen none of them."""
        if max(self.measured_ratio) <= RESAMPLED_RATIO:
            return None
        height, width = self.measured_ratio
        return around.placed(rows, cols, round(float(np.sqrt(height * width)), 4))

    def _taps(self, axis: AxisMap, centres: Vector) -> Taps:
        position = axis.at(centres) - 0.5
        return (
            unit_taps(position)
            if axis.coincides(self.ratio, self.ms_phase)
            else taps_at(position, axis.step * self.ratio)
        )

    def _centres(self, first: int, count: int) -> Vector:
        """PAN coordinates of the centres of model pixels along one axis."""
        return np.arange(first, first + count) * float(self.ratio) + (self.ms_phase + 0.5)

    def _general(self, mapping: GeneralMap, window: Window) -> _Read:
        model = self.grid.ms_window(window)
        exact = mapping.at(
            np.arange(window.row, window.row_stop) + 0.5,
            np.arange(window.col, window.col_stop) + 0.5,
        )
        under = self._clamped(*exact)
        # A finer MS is averaged over the model pixel, at enough points of it.
        points = max(1, int(np.ceil(self.ratio / min(self.measured_ratio) / FINER)))
        offsets = ((np.arange(points) + 0.5) / points - 0.5) * self.ratio
        places = [
            self._clamped(
                *mapping.at(
                    self._centres(model.row, model.rows) + down,
                    self._centres(model.col, model.cols) + right,
                )
            )
            for down in offsets
            for right in offsets
        ]
        native = _spanned([*places, under])
        filled = self.ms.read_filled(native, self._ms_means)
        total = np.zeros((self.bands, model.rows, model.cols), np.float32)
        for rows, cols in places:
            total += interpolate_points(
                filled.values, rows - 0.5, cols - 0.5, (native.row, native.col)
            )
        valid = filled.valid[
            _pixel_index(under[0]) - native.row, _pixel_index(under[1]) - native.col
        ]
        given = self._placed(MsWindow(values=filled.values, window=native), *exact)
        return total / np.float32(len(places)), valid, given

    def _clamped(self, rows: Vector, cols: Vector) -> tuple[Vector, Vector]:
        nowhere = ~(np.isfinite(rows) & np.isfinite(cols))
        rows, cols = (np.where(nowhere, -CLAMP, axis) for axis in (rows, cols))
        return np.clip(rows, -CLAMP, self.ms.rows + CLAMP), np.clip(
            cols, -CLAMP, self.ms.cols + CLAMP
        )


def _pixel_index(coordinates: Vector) -> npt.NDArray[np.int64]:
    """Pixels that hold coordinates; one on an edge, as in Landsat's grids, belongs to the later pixel whatever its rounding."""
    index: npt.NDArray[np.int64] = np.floor(coordinates + EDGE).astype(np.int64)
    return index


def _spanned(places: list[tuple[Vector, Vector]]) -> Window:
    rows = [
        int(np.floor(min(rows.min() for rows, _ in places))),
        int(np.ceil(max(rows.max() for rows, _ in places))),
    ]
    cols = [
        int(np.floor(min(cols.min() for _, cols in places))),
        int(np.ceil(max(cols.max() for _, cols in places))),
    ]
    return Window(
        row=rows[0], col=cols[0], rows=rows[1] - rows[0] + 1, cols=cols[1] - cols[0] + 1
    ).expand(POINT_REACH)


@contextmanager
def open_pair(pan: str, ms: str, *, options: PairOptions) -> Iterator[ScenePair]:
    """Opens a PAN and an MS raster as one scene; both are handed to GDAL as they are.

    Raises:
        InputError: When a file cannot be used, or the two do not fit each other or the model's ratio.
        UsageError: When an option cannot be used as given.
    """
    with ExitStack() as stack:
        pan_dataset = stack.enter_context(open_raster(pan))
        ms_dataset = stack.enter_context(open_raster(ms))
        yield ScenePair(prepare_pair((pan, pan_dataset), (ms, ms_dataset), options))
