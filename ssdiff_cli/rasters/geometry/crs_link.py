"""Maps between coordinate reference systems, in x/y (longitude/latitude) order."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import pyproj.exceptions
from pyproj.aoi import AreaOfInterest
from pyproj.enums import TransformDirection
from pyproj.transformer import TransformerGroup
from rasterio.crs import CRS

from ssdiff_cli.rasters.gdal import reason
from ssdiff_cli.rasters.geometry.point_map import Coordinates, PointMap, Points, identity
from ssdiff_models.errors import InputError

__all__ = ["CrsLink", "crs_link"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrsLink:
    """Both maps between two CRSs."""

    forward: PointMap
    inverse: PointMap
    note: str | None
    """A sentence where a better transformation exists that is not installed."""


def crs_link(source: CRS | None, target: CRS | None, what: str, around: Points) -> CrsLink:
    """Returns the maps between two CRSs: the identity when they are the same or unknown.

    PROJ would choose an operation for each point, which could tear a scene; this link has one.

    Args:
        source: One CRS.
        target: The other one.
        what: The file or option whose CRS is not the PAN's, for messages.
        around: Points in `source` that enclose the place.

    Raises:
        InputError: When there is no transformation between them.
    """
    if source is None or target is None or source == target:
        return CrsLink(forward=identity, inverse=identity, note=None)
    try:
        group = _operations(source.to_wkt(), target.to_wkt(), around)
        best = group.transformers[0]
    except (pyproj.exceptions.ProjError, IndexError, ValueError) as error:
        raise InputError(
            f"{what}: no transformation from its CRS to the PAN's: {reason(error)}"
        ) from error
    return CrsLink(
        forward=_point_map(best),
        inverse=_point_map(best, TransformDirection.INVERSE),
        note=None if group.best_available else _note(what, best, group),
    )


def _operations(source: str, target: str, around: Points) -> TransformerGroup:
    """Returns the operations between two CRSs, best for the place first."""
    to_degrees = pyproj.Transformer.from_crs(source, "OGC:CRS84", always_xy=True)
    lon, lat = to_degrees.transform(*around)
    on_earth = np.isfinite(lon) & (np.abs(lat) <= 90)
    # Any: pyproj's annotations name a private copy of the class.
    place: Any = None
    if on_earth.any():
        lon, lat = lon[on_earth], lat[on_earth]
        place = AreaOfInterest(*map(float, (lon.min(), lat.min(), lon.max(), lat.max())))
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
