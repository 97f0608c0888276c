"""The grids of a pair: where the PAN lies on the MS, for one model and one shift."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from ssdiff_cli.rasters.geometry.area_of_interest import (
    centres_window,
    pan_pixels,
    parse_crs,
    raster_window,
    ring,
)
from ssdiff_cli.rasters.geometry.grid_map import (
    GeneralMap,
    GridMap,
    SeparableMap,
    lattice_map,
    measured_ratio,
    separable_map,
)
from ssdiff_cli.rasters.geometry.ms_shift import MsShift
from ssdiff_cli.rasters.geometry.point_map import Coordinates, Points
from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.pair_files import PairFiles
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.windows import Window

__all__ = ["RESAMPLED_RATIO", "PairGeometry"]

RATIO_LIMITS = (1.5, 16.0)
"""PAN pixels per MS pixel that can be fused."""

SQUARE = 1.78
"""Largest quotient of the height and width of an MS pixel."""

RATIO_ERROR = 1e-6
"""Relative rounding error of a measured ratio: one at the end of the range lies inside."""

SAME_RATIO = 0.02
"""Relative difference up to which a measured ratio counts as the whole number beside it."""

RESAMPLED_RATIO = 1.33
"""Up to this measured ratio the MS counts as resampled to the PAN grid."""


@dataclass(frozen=True, kw_only=True)
class PairGeometry:
    """How the pixels of a pair relate to each other and to a model's grid."""

    files: PairFiles
    shift: MsShift
    """The correction of the MS's georeferencing."""
    mapping: GridMap
    """Where PAN pixels lie on the MS grid."""
    grid: ModelGrid
    """How the MS model grid lies on the PAN grid."""
    measured_ratio: tuple[float, float]
    """Height and width of an MS pixel in PAN pixels."""
    overlap: Window
    """PAN pixels that the MS covers (their bounding box under a curved map)."""
    ms_overlap: Window
    """MS pixels that the PAN covers (their bounding box)."""
    area: Window
    """The part of the PAN grid that is asked for."""
    notes: tuple[str, ...]
    """One sentence each on how the pair was understood."""

    @property
    def ratio(self) -> int:
        """PAN pixels per MS model pixel."""
        return self.grid.ratio

    @property
    def pitch(self) -> float | None:
        """PAN pixels per MS pixel as the sensor saw it; None: as on the grid, or unknown."""
        size = _size(self.measured_ratio)
        if max(self.measured_ratio) <= RESAMPLED_RATIO or size < self.ratio * (1 + SAME_RATIO):
            return None
        return size

    @property
    def ms_phase(self) -> float:
        """PAN index of the centre of model pixel 0."""
        return self.grid.phase

    @classmethod
    def of(cls, files: PairFiles, shift: MsShift | None = None) -> Self:
        """Works out the geometry of two files, without reading pixels.

        Raises:
            InputError: When the files do not overlap, or fit no model of the ratio.
            UsageError: When an option cannot be used.
        """
        options = files.options
        link = _Link(files=files, shift=shift or MsShift())
        rough = _mapping(link)
        overlap = _overlap(link)
        middle = overlap.col + overlap.cols / 2, overlap.row + overlap.rows / 2
        measured = measured_ratio(rough.forward, *middle)
        ratio, notes = _checked_ratio(measured, options.ratio, files.ms.path)
        phase = (ratio - 1) / 2 if options.ms_phase is None else options.ms_phase
        grid = ModelGrid(ratio=ratio, phase=phase)
        mapping = _snapped(rough, grid, files.pan)
        if files.crs_link.note:
            notes = (*notes, files.crs_link.note)
        return cls(
            files=files,
            shift=link.shift,
            mapping=mapping,
            grid=grid,
            measured_ratio=measured,
            overlap=overlap,
            ms_overlap=_ms_overlap(mapping, overlap, files.ms),
            area=_area(files, overlap),
            notes=notes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """The way from PAN pixels to MS pixels and back."""

    files: PairFiles
    shift: MsShift

    @property
    def affine(self) -> Affine | None:
        """PAN pixels to MS pixels where that is affine."""
        pan = self.files.pan_georeference
        ms = self.files.ms_georeference
        affine = pan.kind == ms.kind == "affine" and pan.crs == ms.crs
        if not affine or self.shift.surface is not None:
            return None
        around = float(ms.near(np.array(pan.side))) - pan.side
        to_world = Affine.translation(around, 0) @ pan.affine
        pan_to_ms: Affine = ~ms.affine @ (to_world @ ~self.shift.motion)
        return pan_to_ms

    def forward(self, cols: Coordinates, rows: Coordinates) -> Points:
        """Maps PAN (column, row) to MS (column, row)."""
        pan_world = self.files.pan_georeference.to_world(*self.shift.uncorrected(cols, rows))
        x, y = self.files.crs_link.forward(*pan_world)
        ms = self.files.ms_georeference
        return ms.to_pixel(ms.near(x), y)

    def backward(self, cols: Coordinates, rows: Coordinates) -> Points:
        """Maps MS (column, row) to PAN (column, row)."""
        ms_world = self.files.ms_georeference.to_world(cols, rows)
        x, y = self.files.crs_link.inverse(*ms_world)
        pan = self.files.pan_georeference
        return self.shift.corrected(*pan.to_pixel(pan.near(x), y))


def _mapping(link: _Link) -> GridMap:
    pan = link.files.pan
    affine = link.affine
    if affine is None:
        return lattice_map(link.forward, pan.rows, pan.cols)
    return separable_map(affine, pan.rows, pan.cols) or GeneralMap(exact=link.forward, spacing=None)


def _snapped(mapping: GridMap, grid: ModelGrid, pan: Bands) -> GridMap:
    if not isinstance(mapping, SeparableMap):
        return mapping
    return SeparableMap(
        rows=mapping.rows.snapped(grid, pan.rows), cols=mapping.cols.snapped(grid, pan.cols)
    )


def _overlap(link: _Link) -> Window:
    pan, ms = link.files.pan, link.files.ms
    covered = centres_window(*link.backward(*ring(0, 0, ms.cols, ms.rows)))
    overlap = covered and covered.intersection(pan.extent)
    if not overlap:
        raise InputError(
            f"{pan.path} and {ms.path} do not overlap: "
            "check that they show the same place and that their CRSs are right"
        )
    return overlap


def _ms_overlap(mapping: GridMap, overlap: Window, ms: Bands) -> Window:
    border = ring(overlap.col, overlap.row, overlap.col_stop, overlap.row_stop)
    box = centres_window(*mapping.forward(*border))
    return (box and box.intersection(ms.extent)) or ms.extent


def _checked_ratio(
    measured: tuple[float, float], ratio: int | None, path: str
) -> tuple[int, tuple[str, ...]]:
    """Returns the ratio to work at, with notes.

    Raises:
        InputError: When MS pixels are of a size, or a shape, that nothing serves.
    """
    size = _size(measured)
    if not math.isfinite(size):
        raise InputError(
            f"{path}: its pixels cannot be placed on the PAN grid: check both georeferences"
        )
    if max(measured) <= RESAMPLED_RATIO:
        chosen = ratio or 4
        note = (
            f"{path} was resampled to the PAN's pixel size and is reduced {chosen} times: "
            "its original is better"
        )
        return chosen, (note,)
    low, high = RATIO_LIMITS
    square = max(measured) <= SQUARE * min(measured)
    if not (square and low * (1 - RATIO_ERROR) <= size <= high * (1 + RATIO_ERROR)):
        height, width = measured
        raise InputError(
            f"{path}: its pixels are {height:.3g} x {width:.3g} PAN pixels high and wide, while "
            f"square ones of {low:g} to {high:g} can be fused: resample the MS, or check its grid"
        )
    chosen = ratio or _exact(size)
    if abs(size / chosen - 1) <= SAME_RATIO:
        return chosen, ()
    return chosen, (f"{path} has {size:.3g} PAN pixels a pixel: interpolated to {chosen}",)


def _size(measured: tuple[float, float]) -> float:
    return math.sqrt(measured[0] * measured[1])


def _exact(size: float) -> int:
    """Returns the ratio of a grid that holds all that an MS of pixels of `size` holds."""
    nearest = round(size)
    if abs(size / nearest - 1) <= SAME_RATIO:
        return nearest
    return max(math.floor(size), 2)


def _area(files: PairFiles, overlap: Window) -> Window:
    area = overlap if files.options.extent == "intersection" else files.pan.extent
    for option, window in _limits(files):
        part = window and area.intersection(window)
        if not part:
            raise InputError(
                f"{option} selects no pixel of {files.pan.path} where there is output: "
                "check its place and CRS"
            )
        area = part
    return area


def _across(
    box: tuple[float, float, float, float], crs: CRS | None
) -> tuple[float, float, float, float]:
    """Returns a box whose xmin lies below its xmax, also where it crosses the antimeridian."""
    left, bottom, right, top = box
    if left < right:
        return box
    if crs is None or not crs.is_geographic:
        raise UsageError(
            f"--bbox {left:g},{bottom:g},{right:g},{top:g}: xmin must lie below xmax, but for "
            "longitudes across the antimeridian"
        )
    return left, bottom, right + 360, top


def _limits(files: PairFiles) -> Iterator[tuple[str, Window | None]]:
    options = files.options
    pan = files.pan_georeference
    if options.bbox is not None:
        crs = parse_crs(options.bbox_crs) if options.bbox_crs else pan.crs
        box = ring(*_across(options.bbox, crs))
        yield "--bbox", centres_window(*pan_pixels(pan, crs, box, "--bbox"))
    if options.like is not None:
        yield "--like", raster_window(pan, options.like)
    if files.region is not None:
        yield "--aoi", files.region.window
