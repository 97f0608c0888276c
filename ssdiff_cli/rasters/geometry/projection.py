"""The transformation between two CRSs that PROJ knows, in x/y (longitude/latitude) order."""

import warnings
from typing import Any

import numpy as np
import pyproj
import pyproj.exceptions
from pyproj.aoi import AreaOfInterest
from pyproj.enums import TransformDirection
from pyproj.transformer import TransformerGroup

from ssdiff_cli.rasters.gdal import reason
from ssdiff_cli.rasters.geometry.point_map import Coordinates, PointMap, Points
from ssdiff_models.errors import InputError

__all__ = ["projection"]


def projection(
    source: str, target: str, what: str, around: Points
) -> tuple[PointMap, PointMap, str | None]:
    """Returns the best map between two CRSs, given as WKT, its inverse and a note for the user.

    The other arguments, and what is raised, are those of `crs_link`.
    """
    try:
        group = _operations(source, target, around)
        best = group.transformers[0]
    except (pyproj.exceptions.ProjError, IndexError, ValueError) as error:
        raise InputError(
            f"{what}: no transformation from its CRS to the PAN's: {reason(error)}"
        ) from error
    note = None if group.best_available else _note(what, best, group)
    return _point_map(best), _point_map(best, TransformDirection.INVERSE), note


def _operations(source: str, target: str, around: Points) -> TransformerGroup:
    """Returns the operations between two CRSs, best for the place first."""
    to_degrees = pyproj.Transformer.from_crs(source, "OGC:CRS84", always_xy=True)
    lon, lat = to_degrees.transform(*around)
    on_earth = np.isfinite(lon) & (np.abs(lat) <= 90)
    # Any: pyproj's annotations name a private copy of the class.
    place: Any = None
    if on_earth.any():
        lon, lat = lon[on_earth], lat[on_earth]
        west, east = lon.min(), lon.max()
        if east - west > 180:  # across the antimeridian
            west, east = lon[lon > 0].min(), lon[lon <= 0].max()
        place = AreaOfInterest(*map(float, (west, lat.min(), east, lat.max())))
    with warnings.catch_warnings():
        # A missing grid becomes a note.
        warnings.simplefilter("ignore", UserWarning)
        return TransformerGroup(source, target, always_xy=True, area_of_interest=place)


def _note(what: str, best: pyproj.Transformer, group: TransformerGroup) -> str:
    grids = {
        grid.short_name
        for operation in group.unavailable_operations[:1]
        for grid in operation.grids
        if not grid.available
    }
    needs = f" (needs {', '.join(sorted(grids))})" if grids else ""
    off = f"about {best.accuracy:g} m" if best.accuracy >= 0 else "an unknown distance"
    return (
        f"{what}: the best transformation from its CRS to the PAN's is not installed{needs}: "
        f"places may be off by {off}"
    )


def _point_map(
    transformer: pyproj.Transformer, direction: TransformDirection = TransformDirection.FORWARD
) -> PointMap:
    def apply(x: Coordinates, y: Coordinates) -> Points:
        mapped_x, mapped_y = transformer.transform(x, y, direction=direction)
        return np.asarray(mapped_x), np.asarray(mapped_y)

    return apply
