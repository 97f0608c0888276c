"""Which PAN pixels are asked for: a box, or another raster's extent."""

import numpy as np
import rasterio.errors
from rasterio.crs import CRS

from ssdiff_cli.rasters.gdal import open_raster
from ssdiff_cli.rasters.geometry.crs_link import crs_link
from ssdiff_cli.rasters.geometry.georeference import Georeference, georeference
from ssdiff_cli.rasters.geometry.point_map import Coordinates, Points
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene.windows import Window

__all__ = [
    "EDGE_POINTS",
    "centres_window",
    "pan_pixels",
    "parse_crs",
    "raster_window",
    "ring",
]

EDGE_TOLERANCE = 1e-6
"""PAN pixels by which a pixel centre may lie outside a limit and still count as inside."""

EDGE_POINTS = 65
"""Points that stand for each side of a rectangle under a curved map."""


def centres_window(cols: Coordinates, rows: Coordinates) -> Window | None:
    """Returns the pixels with centres in the bounding box of the finite points, or None."""
    finite = np.isfinite(cols) & np.isfinite(rows)
    if not finite.any():
        return None
    row, row_stop = _span(rows[finite])
    col, col_stop = _span(cols[finite])
    if row_stop <= row or col_stop <= col:
        return None
    return Window(row=row, col=col, rows=row_stop - row, cols=col_stop - col)


def _span(coordinates: Coordinates) -> tuple[int, int]:
    """Returns the first and the stop index of the pixels with centres between coordinates."""
    first = int(np.ceil(coordinates.min() - 0.5 - EDGE_TOLERANCE))
    return first, int(np.floor(coordinates.max() - 0.5 + EDGE_TOLERANCE)) + 1


def ring(left: float, bottom: float, right: float, top: float) -> Points:
    """Returns points along the four sides of a rectangle, one after the other."""
    along = np.linspace(0, 1, EDGE_POINTS)
    zeros = np.zeros(EDGE_POINTS)
    x = np.concatenate([along, zeros + 1, along[::-1], zeros])
    y = np.concatenate([zeros, along, zeros + 1, along[::-1]])
    return left + (right - left) * x, bottom + (top - bottom) * y


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


def pan_pixels(pan: Georeference, crs: CRS | None, points: Points, what: str) -> Points:
    """Returns world points in `crs` as PAN (column, row)."""
    x, y = crs_link(crs, pan.crs, what, points).forward(*points)
    return pan.to_pixel(pan.beside(x), y)


def raster_window(pan: Georeference, path: str) -> Window | None:
    """Returns the PAN pixels inside another raster's extent."""
    with open_raster(path) as dataset:
        other = georeference(dataset)
        if other.kind == "none":
            raise InputError(f"{path}: has no georeferencing, so it names no place")
        extent = other.to_world(*ring(0, 0, dataset.width, dataset.height))
        return centres_window(*pan_pixels(pan, other.crs, extent, path))
