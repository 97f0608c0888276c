"""Checks two rasters against each other and works out their geometry, before any pixel is read."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from ssdiff_cli.rasters.gdal import header_errors
from ssdiff_cli.rasters.geometry.area_of_interest import (
    PixelRegion,
    box_window,
    outline,
    pan_map,
    parse_crs,
    raster_window,
    read_region,
    ring_window,
)
from ssdiff_cli.rasters.geometry.elevation import check_heights
from ssdiff_cli.rasters.geometry.georeference import (
    Coordinates,
    CrsLink,
    Georeference,
    affine_georeference,
    compose,
    crs_link,
    georeference,
)
from ssdiff_cli.rasters.geometry.grid_map import (
    GeneralMap,
    GridMap,
    SeparableMap,
    lattice_map,
    measured_ratio,
    separable_map,
)
from ssdiff_cli.rasters.geometry.ms_shift import moved, unmoved
from ssdiff_cli.rasters.reading.bands import Bands, select_bands
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.registration.surface import Surface
from ssdiff_models.scene.windows import Window

__all__ = ["RESAMPLED_RATIO", "PairOptions", "Prepared", "prepare_pair"]

Named = tuple[str, DatasetReader]

RATIO_RANGE = (0.75, 1.33)
"""Measured ratio over the ratio to work at, where resampling the MS to that ratio is fair."""
RATIO_ERROR = 1e-6
"""Relative rounding error of a measured ratio: one at the end of the range lies inside."""

RESAMPLED_RATIO = 1.33
"""Up to this measured ratio the MS is taken as one that was already resampled to the PAN grid."""

PAN_RUNGS, MS_RUNGS = 6, 4
"""Reach of the fill of holes: about the same ground distance on both grids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions:
    """How a pair is to be understood; the defaults suit georeferenced pairs."""

    ratio: int | None = None
    """The model's ratio; None takes 2 or 4, whichever is nearer to the measured one."""
    ms_phase: float | None = None
    """PAN index of the centre of model pixel 0; None is corner-aligned: ``(ratio - 1) / 2``."""
    pan_bidx: int | None = None
    """1-based PAN band; None where there is only one."""
    bidx: tuple[int, ...] = ()
    """1-based MS bands in output order; empty is all but alpha."""
    extent: Literal["intersection", "pan"] = "intersection"
    """Where there is output: where PAN and MS overlap, or on the whole PAN."""
    bbox: tuple[float, float, float, float] | None = None
    """``xmin, ymin, xmax, ymax``; restricts the output to PAN pixels whose centres lie inside."""
    bbox_crs: str | None = None
    """CRS of `bbox`, and of an `aoi` that names none; None is the PAN's."""
    aoi: str | None = None
    """File with polygons; restricts the output, and what is outside of them is invalid."""
    like: str | None = None
    """Raster whose extent restricts the output."""
    assume_same_crs: bool = False
    """Whether a missing CRS is the other image's, and images without any georeferencing show the same ground."""
    pan_nodata: float | None = None
    """Replaces the PAN's own nodata value."""
    ms_nodata: float | None = None
    """Replaces the MS's own nodata values."""
    rpc_dem: str | None = None
    """Elevation model for images that only have RPCs."""
    shift_rows: float = 0.0
    """PAN rows by which the MS is to be moved down against its georeferencing."""
    shift_cols: float = 0.0
    """PAN columns by which the MS is to be moved right against its georeferencing."""
    drift: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """How that shift grows from PAN (0, 0) on: rows per row, rows per column, columns per row, columns per column."""
    surface: Surface | None = None
    """What more of a shift there is at every PAN position, where it does not only grow linearly."""

    @property
    def motion(self) -> Affine:
        """Where the georeferencing says that MS content lies, to where it is to be, in PAN (column, row)."""
        a, b, c, d = self.drift
        return Affine(1 + d, c, self.shift_cols, b, 1 + a, self.shift_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A checked pair: what `ScenePair` reads with."""

    pan: Bands
    ms: Bands
    pan_georeference: Georeference
    by_rpcs: bool
    """Whether rational polynomials place one of the two."""
    mapping: GridMap
    ratio: int
    ms_phase: float
    measured_ratio: tuple[float, float]
    """Height and width of an MS pixel in PAN pixels."""
    overlap: Window
    """PAN pixels that the MS covers (their bounding box under a curved map)."""
    ms_overlap: Window
    """MS pixels that the PAN covers (their bounding box)."""
    area: Window
    region: PixelRegion | None
    notes: tuple[str, ...]
    options: PairOptions


def prepare_pair(pan: Named, ms: Named, options: PairOptions) -> Prepared:
    """Checks a pair and returns its geometry.

    Raises:
        InputError: When the images cannot be used together.
        UsageError: When an option cannot be used as given.
    """
    pan_bands = select_bands(
        pan[1], pan[0], (_pan_band(pan, options.pan_bidx),), options.pan_nodata, PAN_RUNGS
    )
    ms_bands = select_bands(ms[1], ms[0], options.bidx, options.ms_nodata, MS_RUNGS)
    pan_place, ms_place = _georeferences(pan, ms, options)
    scene = pan_place.to_world(*outline(0, 0, pan_bands.cols, pan_bands.rows))
    link = _Link(
        pan=pan_place,
        ms=ms_place,
        options=options,
        crs=crs_link(pan_place.crs, ms_place.crs, ms[0], scene),
    )
    rough, overlap = _mapping(link, pan_bands), _overlap(link, pan_bands, ms_bands)
    measured = measured_ratio(
        rough.forward, overlap.col + overlap.cols / 2, overlap.row + overlap.rows / 2
    )
    ratio, notes = _checked_ratio(measured, options.ratio, ms[0])
    phase = (ratio - 1) / 2 if options.ms_phase is None else options.ms_phase
    mapping = _snapped(rough, ratio, phase, pan_bands)
    region = read_region(pan_place, options.aoi, _bbox_crs(options)) if options.aoi else None
    return Prepared(
        pan=pan_bands,
        ms=ms_bands,
        pan_georeference=pan_place,
        by_rpcs="rpcs" in {pan_place.kind, ms_place.kind},
        mapping=mapping,
        ratio=ratio,
        ms_phase=phase,
        measured_ratio=measured,
        overlap=overlap,
        ms_overlap=_ms_overlap(mapping, overlap, ms_bands),
        area=_area(options, pan_bands, pan_place, overlap, region),
        region=region,
        notes=(*notes, link.crs.note) if link.crs.note else notes,
        options=options,
    )


def _pan_band(pan: Named, band: int | None) -> int:
    path, dataset = pan
    if band is not None:
        return band
    spectral = select_bands(dataset, path, (), None, 0).indexes
    if len(spectral) > 1:
        raise InputError(
            f"{path}: has {len(spectral)} bands: choose the panchromatic one with --pan-bidx"
        )
    return spectral[0]


def _georeferences(
    pan: Named, ms: Named, options: PairOptions
) -> tuple[Georeference, Georeference]:
    """Returns both georeferences, or refuses what is missing."""
    with header_errors(pan[0]):
        pan_place = georeference(pan[1], options.rpc_dem)
    height = pan[1].rpcs.height_off if pan_place.kind == "rpcs" else None
    with header_errors(ms[0]):
        ms_place = georeference(ms[1], options.rpc_dem, height)
    if options.rpc_dem:
        check_heights(pan[1], pan_place, options.rpc_dem)
        check_heights(ms[1], ms_place, options.rpc_dem)
    if pan_place.kind == ms_place.kind == "none":
        if not options.assume_same_crs:
            raise InputError(
                f"{pan[0]}: neither PAN nor MS is georeferenced: pass --assume-same-crs if both show exactly the same ground"
            )
        scale = Affine.scale(pan[1].width / ms[1].width, pan[1].height / ms[1].height)
        return affine_georeference(Affine.identity(), None), affine_georeference(scale, None)
    for (path, _), place in ((pan, pan_place), (ms, ms_place)):
        if place.kind == "none":
            raise InputError(
                f"{path}: has no geotransform, GCPs or RPCs, while the other image has: georeference it first"
            )
    if (pan_place.crs is None) != (ms_place.crs is None) and not options.assume_same_crs:
        path = pan[0] if pan_place.crs is None else ms[0]
        raise InputError(
            f"{path}: has no CRS, while the other image has: pass --assume-same-crs if it is the same one"
        )
    crs = pan_place.crs or ms_place.crs
    return replace(pan_place, crs=crs), replace(ms_place, crs=ms_place.crs or crs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """The way from PAN pixels to MS pixels and back."""

    pan: Georeference
    ms: Georeference
    options: PairOptions
    crs: CrsLink

    @property
    def affine(self) -> Affine | None:
        """PAN pixels to MS pixels where that is affine."""
        if (
            self.pan.kind != "affine"
            or self.ms.kind != "affine"
            or self.pan.crs != self.ms.crs
            or self.options.surface
        ):
            return None
        return compose(~self.ms.affine, compose(self.pan.affine, ~self.options.motion))

    def forward(self, cols: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        """PAN (column, row) to MS (column, row)."""
        back = unmoved(self.options.motion, self.options.surface)
        return self.ms.to_pixel(*self.crs.forward(*self.pan.to_world(*back(cols, rows))))

    def backward(self, cols: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        """MS (column, row) to PAN (column, row)."""
        forth = moved(self.options.motion, self.options.surface)
        return forth(*self.pan.to_pixel(*self.crs.inverse(*self.ms.to_world(cols, rows))))


def _mapping(link: _Link, pan: Bands) -> GridMap:
    affine = link.affine
    if affine is None:
        return lattice_map(link.forward, pan.rows, pan.cols)
    return separable_map(affine, pan.rows, pan.cols) or GeneralMap(exact=link.forward, spacing=None)


def _snapped(mapping: GridMap, ratio: int, phase: float, pan: Bands) -> GridMap:
    if not isinstance(mapping, SeparableMap):
        return mapping
    return SeparableMap(
        rows=mapping.rows.snapped(ratio, phase, pan.rows),
        cols=mapping.cols.snapped(ratio, phase, pan.cols),
    )


def _overlap(link: _Link, pan: Bands, ms: Bands) -> Window:
    whole = Window(row=0, col=0, rows=pan.rows, cols=pan.cols)
    covered = ring_window(link.backward, outline(0, 0, ms.cols, ms.rows))
    overlap = covered and covered.intersection(whole)
    if not overlap:
        raise InputError(
            f"{pan.path} and {ms.path} do not overlap: check that they show the same place and that their CRSs are right"
        )
    return overlap


def _ms_overlap(mapping: GridMap, overlap: Window, ms: Bands) -> Window:
    whole = Window(row=0, col=0, rows=ms.rows, cols=ms.cols)
    cols, rows = mapping.forward(
        *outline(overlap.col, overlap.row, overlap.col_stop, overlap.row_stop)
    )
    good = np.isfinite(cols) & np.isfinite(rows)
    box = (
        box_window(rows[good].min(), rows[good].max(), cols[good].min(), cols[good].max())
        if good.any()
        else None
    )
    return (box and box.intersection(whole)) or whole


def _checked_ratio(
    measured: tuple[float, float], ratio: int | None, path: str
) -> tuple[int, tuple[str, ...]]:
    """Returns the ratio to work at, with notes, or refuses."""
    size = math.sqrt(measured[0] * measured[1])
    if not math.isfinite(size):
        raise InputError(
            f"{path}: its pixels cannot be placed on the PAN grid: check both georeferences"
        )
    if max(measured) <= RESAMPLED_RATIO:
        chosen = ratio or 4
        return chosen, (
            f"{path} was resampled to the PAN's pixel size and is reduced {chosen} times: its original is better",
        )
    chosen = ratio or min((2, 4), key=lambda candidate: abs(math.log(size / candidate)))
    low, high = (limit * chosen for limit in RATIO_RANGE)
    if min(measured) < low * (1 - RATIO_ERROR) or max(measured) > high * (1 + RATIO_ERROR):
        seen = f"{measured[0]:.3g} x {measured[1]:.3g}"
        raise InputError(
            f"{path}: its pixels are {seen} PAN pixels high and wide, while ratio {chosen} suits "
            f"{low:.3g} to {high:.3g}: resample the MS, or choose a model of another ratio"
        )
    return chosen, ()


def _bbox_crs(options: PairOptions) -> CRS | None:
    return parse_crs(options.bbox_crs) if options.bbox_crs else None


def _area(
    options: PairOptions,
    pan: Bands,
    place: Georeference,
    overlap: Window,
    region: PixelRegion | None,
) -> Window:
    area = (
        overlap
        if options.extent == "intersection"
        else Window(row=0, col=0, rows=pan.rows, cols=pan.cols)
    )
    for name, window in _restrictions(options, place, region):
        part = window and area.intersection(window)
        if not part:
            raise InputError(
                f"{name} selects no pixel of {pan.path} where there is output: check its place and CRS"
            )
        area = part
    return area


def _restrictions(
    options: PairOptions, place: Georeference, region: PixelRegion | None
) -> list[tuple[str, Window | None]]:
    limits: list[tuple[str, Window | None]] = []
    if options.bbox is not None:
        left, bottom, right, top = options.bbox
        if not (left < right and bottom < top):
            raise UsageError(
                f"--bbox {left:g},{bottom:g},{right:g},{top:g} is empty: give xmin,ymin,xmax,ymax"
            )
        to_pan = pan_map(place, _bbox_crs(options) or place.crs, "--bbox")
        limits.append(("--bbox", ring_window(to_pan, outline(left, bottom, right, top))))
    if options.like is not None:
        limits.append(("--like", raster_window(place, options.like)))
    if region is not None:
        limits.append(("--aoi", region.window))
    return limits
