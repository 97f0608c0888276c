"""Which PAN pixels are asked for: overlap, bounding box, another raster's extent, polygons."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio.errors
import shapely
from rasterio.crs import CRS

from ssdiff_cli.rasters.gdal import open_raster
from ssdiff_cli.rasters.geometry.georeference import (
    Coordinates,
    Georeference,
    PointMap,
    crs_map,
    georeference,
)
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.windows import Window

__all__ = [
    "PixelRegion",
    "box_window",
    "centres_between",
    "outline",
    "pan_map",
    "parse_crs",
    "raster_window",
    "read_region",
    "ring_window",
]

EDGE_TOLERANCE = 1e-6
"""PAN pixels by which a pixel centre may lie outside a limit and still count as inside."""

EDGE_POINTS = 65
"""Points that stand for each side of a rectangle under a curved map."""


@dataclass(frozen=True, slots=True)
class PixelRegion:
    """Polygons in PAN pixel coordinates; a pixel belongs to them when its centre does."""

    polygons: shapely.Geometry

    def mask(self, window: Window) -> BoolArray:
        """Returns ``(rows, cols)`` of a window: True inside; the same for every window that holds the pixel."""
        box = shapely.box(window.col, window.row, window.col_stop, window.row_stop)
        if not shapely.intersects(self.polygons, box):
            return np.zeros(window.shape, bool)
        if shapely.contains_properly(self.polygons, box):
            return np.ones(window.shape, bool)
        cols, rows = (
            np.arange(window.col, window.col_stop) + 0.5,
            np.arange(window.row, window.row_stop) + 0.5,
        )
        inside: BoolArray = shapely.intersects_xy(self.polygons, *np.meshgrid(cols, rows))
        return inside

    @property
    def window(self) -> Window | None:
        """The PAN pixels whose centres lie in the bounding box of the polygons."""
        left, top, right, bottom = shapely.bounds(self.polygons)
        return box_window(top, bottom, left, right)


def centres_between(low: float, high: float) -> tuple[int, int]:
    """Returns the first pixel, and the one after the last, whose centres lie between two coordinates."""
    return int(np.ceil(low - 0.5 - EDGE_TOLERANCE)), int(np.floor(high - 0.5 + EDGE_TOLERANCE)) + 1


def box_window(top: float, bottom: float, left: float, right: float) -> Window | None:
    """Returns the pixels whose centres lie in a box of pixel coordinates, or None."""
    if not np.isfinite([top, bottom, left, right]).all():
        return None
    (row, row_stop), (col, col_stop) = centres_between(top, bottom), centres_between(left, right)
    return (
        Window(row=row, col=col, rows=row_stop - row, cols=col_stop - col)
        if row_stop > row and col_stop > col
        else None
    )


def outline(
    left: float, bottom: float, right: float, top: float
) -> tuple[Coordinates, Coordinates]:
    """Returns points along the four sides of a rectangle."""
    along, still = np.linspace(0, 1, EDGE_POINTS), np.zeros(EDGE_POINTS)
    x = np.concatenate([along, still + 1, along, still])
    y = np.concatenate([still, along, still + 1, along])
    return left + (right - left) * x, bottom + (top - bottom) * y


def ring_window(to_pan: PointMap, ring: tuple[Coordinates, Coordinates]) -> Window | None:
    """Returns the PAN pixels whose centres lie in the bounding box of mapped points."""
    cols, rows = to_pan(*ring)
    finite = np.isfinite(cols) & np.isfinite(rows)
    if not finite.any():
        return None
    cols, rows = cols[finite], rows[finite]
    return box_window(rows.min(), rows.max(), cols.min(), cols.max())


def parse_crs(text: str) -> CRS:
    """Parses a CRS as GDAL does.

    Raises:
        UsageError: When it is none.
    """
    try:
        return CRS.from_user_input(text)
    except (rasterio.errors.CRSError, ValueError) as error:
        raise UsageError(
            f"{text!r} is no coordinate reference system: give something like EPSG:32631"
        ) from error


def pan_map(pan: Georeference, crs: CRS | None, what: str) -> PointMap:
    """Returns the map from world coordinates in `crs` to PAN pixels."""
    to_crs = crs_map(crs, pan.crs, what)
    return lambda x, y: pan.to_pixel(*to_crs(x, y))


def raster_window(pan: Georeference, like: str) -> Window | None:
    """Returns the PAN pixels inside another raster's extent."""
    with open_raster(like) as dataset:
        other = georeference(dataset)
        if other.kind == "none":
            raise InputError(f"{like}: has no georeferencing, so it names no place")
        to_pan = pan_map(pan, other.crs, like)
        return ring_window(to_pan, other.to_world(*outline(0, 0, dataset.width, dataset.height)))


def read_region(pan: Georeference, path: str, default_crs: CRS | None) -> PixelRegion:
    """Reads polygons from a file with GeoJSON, WKT, EWKT or hexadecimal WKB.

    Args:
        pan: Where they go.
        path: The file.
        default_crs: CRS of polygons that do not name theirs; None means the PAN's (GeoJSON without `crs`: WGS 84).

    Raises:
        InputError: When the file cannot be read or holds no polygon.
    """
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot read the area of interest: {getattr(error, 'strerror', None) or error}"
        ) from error
    try:
        geometry, crs = _parse_geojson(text) if text.startswith("{") else _parse_text(text)
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise InputError(
            f"{path}: neither GeoJSON nor WKT nor hexadecimal WKB: {' '.join(str(error).split())}"
        ) from error
    if geometry.is_empty or geometry.area == 0:
        raise InputError(
            f"{path}: holds no polygon: give the area of interest as Polygon or MultiPolygon"
        )
    to_pan = pan_map(pan, crs or default_crs or pan.crs, path)
    return PixelRegion(_map_polygons(geometry, to_pan, path))


def _map_polygons(geometry: shapely.Geometry, to_pan: PointMap, path: str) -> shapely.Geometry:
    left, bottom, right, top = geometry.bounds
    dense = shapely.segmentize(geometry, max(right - left, top - bottom) / EDGE_POINTS)
    mapped = np.stack(to_pan(*shapely.get_coordinates(dense).T), axis=1)
    if not np.isfinite(mapped).all():
        raise InputError(
            f"{path}: lies outside of where the PAN's coordinates are defined: check its CRS (GeoJSON that names none is WGS 84)"
        )
    polygons = shapely.make_valid(shapely.transform(dense, lambda _: mapped))
    shapely.prepare(polygons)
    return polygons


def _parse_geojson(text: str) -> tuple[shapely.Geometry, CRS | None]:
    document: dict[str, Any] = json.loads(text)
    kind = document["type"]
    if kind == "FeatureCollection":
        parts = [feature["geometry"] for feature in document["features"] if feature["geometry"]]
    else:
        parts = [document["geometry"] if kind == "Feature" else document]
    geometry = shapely.union_all(
        [shapely.make_valid(shapely.from_geojson(json.dumps(part))) for part in parts]
    )
    name = (document.get("crs") or {}).get("properties", {}).get("name", "OGC:CRS84")
    return geometry, parse_crs(name)


def _parse_text(text: str) -> tuple[shapely.Geometry, CRS | None]:
    srid = re.match(r"SRID=(\d+);", text, re.IGNORECASE)
    body = text[srid.end() :] if srid else text
    geometry = (
        shapely.from_wkb(body) if re.fullmatch(r"[0-9A-Fa-f]+", body) else shapely.from_wkt(body)
    )
    number = int(srid[1]) if srid else shapely.get_srid(geometry)
    return shapely.make_valid(geometry), parse_crs(f"EPSG:{number}") if number else None
