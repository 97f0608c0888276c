"""Polygons as an area of interest, in PAN pixels."""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from rasterio.crs import CRS

from ssdiff_cli.rasters.gdal import reason
from ssdiff_cli.rasters.geometry.area_of_interest import (
    EDGE_POINTS,
    centres_window,
    pan_pixels,
    parse_crs,
)
from ssdiff_cli.rasters.geometry.georeference import Georeference
from ssdiff_models.documents import parsed_json, read_text
from ssdiff_models.errors import InputError
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.windows import Window

__all__ = ["PixelRegion", "read_region"]

DEEPEST = 100
"""Levels of nested geometries that are read."""
BAD = (
    *(ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError),
    shapely.errors.ShapelyError,
)
"""What parsers raise for texts that are no polygons."""


@dataclass(frozen=True, slots=True)
class PixelRegion:
    """Polygons in PAN pixel coordinates; they hold the pixels whose centres they hold."""

    polygons: shapely.Geometry

    def mask(self, window: Window) -> BoolArray:
        """Returns ``(rows, cols)`` of a window: True inside; the same in every window."""
        box = shapely.box(window.col, window.row, window.col_stop, window.row_stop)
        if not shapely.intersects(self.polygons, box):
            return np.zeros(window.shape, bool)
        if shapely.contains_properly(self.polygons, box):
            return np.ones(window.shape, bool)
        cols = np.arange(window.col, window.col_stop) + 0.5
        rows = np.arange(window.row, window.row_stop) + 0.5
        inside: BoolArray = shapely.intersects_xy(self.polygons, *np.meshgrid(cols, rows))
        return inside

    @property
    def window(self) -> Window | None:
        """The PAN pixels whose centres lie in the bounding box of the polygons."""
        left, top, right, bottom = shapely.bounds(self.polygons)
        return centres_window(np.array([left, right]), np.array([top, bottom]))

    @property
    def wkb(self) -> str:
        """The polygons as hexadecimal WKB."""
        wkb: bytes = shapely.to_wkb(self.polygons)
        return wkb.hex()


def read_region(pan: Georeference, path: str, default_crs: CRS | None) -> PixelRegion:
    """Reads polygons from a file with GeoJSON, WKT, EWKT or hexadecimal WKB.

    Args:
        pan: The PAN's georeferencing.
        path: The file.
        default_crs: CRS of polygons that name none; None is the PAN's (GeoJSON: WGS 84).

    Raises:
        InputError: When the file cannot be read or holds no polygon.
    """
    try:
        return _region(pan, path, default_crs)
    except (shapely.errors.ShapelyError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path}: its polygons cannot be used: {reason(error)}; check their coordinates"
        ) from error


def _region(pan: Georeference, path: str, default_crs: CRS | None) -> PixelRegion:
    geometry, crs = _read_geometry(path)
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise InputError(f"{path}: has coordinates that are no numbers: correct them")
    if geometry.is_empty or geometry.area == 0:
        raise InputError(
            f"{path}: holds no polygon: give the area of interest as Polygon or MultiPolygon"
        )
    own = crs or default_crs or pan.crs
    if own is not None and own.is_geographic:
        geometry = _on_one_side(geometry)
    left, bottom, right, top = geometry.bounds
    dense = shapely.segmentize(geometry, max(right - left, top - bottom) / EDGE_POINTS)
    x, y = shapely.get_coordinates(dense).T
    points = np.stack(pan_pixels(pan, own, (x, y), path), axis=1)
    if not np.isfinite(points).all():
        raise InputError(
            f"{path}: lies outside of where the PAN's coordinates are defined: "
            "check its CRS (GeoJSON that names none is WGS 84)"
        )
    polygons = shapely.make_valid(shapely.transform(dense, lambda _: points))
    shapely.prepare(polygons)
    return PixelRegion(polygons)


def _on_one_side(geometry: shapely.Geometry) -> shapely.Geometry:
    """Moves parts west of the antimeridian to the east where the whole runs around the Earth."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    left, _, right, _ = shapely.bounds(parts).T
    if right.max() - left.min() <= 180 or (right - left).max() > 180:
        return geometry
    moved = [
        shapely.transform(part, lambda points: points + np.array((360, 0))) if end <= 0 else part
        for part, end in zip(parts, right, strict=True)
    ]
    return shapely.union_all(moved)


def _read_geometry(path: str) -> tuple[shapely.Geometry, CRS | None]:
    try:
        text = read_text(path).strip()
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot read the area of interest: {problem}") from error
    try:
        return _parse_geojson(text) if text.startswith("{") else _parse_text(text)
    except BAD as error:
        raise InputError(
            f"{path}: neither GeoJSON nor WKT nor hexadecimal WKB: {reason(error)}"
        ) from error


def _parse_geojson(text: str) -> tuple[shapely.Geometry, CRS | None]:
    document: dict[str, Any] = parsed_json(text)
    kind = document["type"]
    if kind == "FeatureCollection":
        parts = [feature["geometry"] for feature in document["features"] if feature["geometry"]]
    else:
        parts = [document["geometry"] if kind == "Feature" else document]
    shapes = [shapely.make_valid(shapely.from_geojson(json.dumps(part))) for part in parts]
    name = (document.get("crs") or {}).get("properties", {}).get("name", "OGC:CRS84")
    return shapely.union_all(shapes), parse_crs(name)


def _depth(text: str) -> int:
    """Returns how deeply parentheses are nested: GEOS reads each level on the stack."""
    steps = np.frombuffer(text.encode(), np.uint8)
    return int(((steps == ord("(")).astype(int) - (steps == ord(")"))).cumsum().max())


def _parse_text(text: str) -> tuple[shapely.Geometry, CRS | None]:
    srid = re.match(r"SRID=(\d+);", text, re.IGNORECASE)
    body = text[srid.end() :] if srid else text
    if body.count("(") > DEEPEST and _depth(body) > DEEPEST:
        raise ValueError("it is nested too deeply")
    is_wkb = re.fullmatch(r"[0-9A-Fa-f]+", body)
    geometry = shapely.from_wkb(body) if is_wkb else shapely.from_wkt(body)
    number = int(srid[1]) if srid else shapely.get_srid(geometry)
    return shapely.make_valid(geometry), parse_crs(f"EPSG:{number}") if number else None
