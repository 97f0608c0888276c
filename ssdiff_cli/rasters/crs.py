"""From the PAN's CRS to the MS's, by one operation for the whole scene: the best that is installed for its place."""

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

from ssdiff_cli.rasters.georef import Coordinates, PointMap
from ssdiff_models.errors import InputError

__all__ = ["CrsLink", "crs_link"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrsLink:
    """The maps between two CRSs, in x/y (longitude/latitude) order."""

    forward: PointMap
    inverse: PointMap
    note: str | None
    """What a user should know of its accuracy."""


def crs_link(source: CRS | None, target: CRS | None, what: str, around: tuple[Coordinates, Coordinates]) -> CrsLink:
    """Returns the maps between two CRSs: the identity when they are the same or unknown.

    Args:
        source: CRS of the PAN.
        target: CRS of the MS.
        what: The file that `target` belongs to, for messages.
        around: Points in `source` that enclose the scene.

    Raises:
        InputError: When there is no transformation between them.
    """
    if source is None or target is None or source == target:
        return CrsLink(forward=_same_crs, inverse=_same_crs, note=None)
    try:
        group = _operations(source.to_wkt(), target.to_wkt(), around)
        transformer = group.transformers[0]
    except (pyproj.exceptions.ProjError, IndexError, ValueError) as error:
        raise InputError(f"{what}: no transformation from its CRS to the PAN's: {' '.join(str(error).split())}") from error
    return CrsLink(
        forward=_map(transformer, TransformDirection.FORWARD),
        inverse=_map(transformer, TransformDirection.INVERSE),
        note=None if group.best_available else _note(what, transformer, group),
    )


def _operations(source: str, target: str, around: tuple[Coordinates, Coordinates]) -> TransformerGroup:
    """All operations between two CRSs, the best for the place first; one for each point, as PROJ would choose, could tear a scene."""
    to_degrees = pyproj.Transformer.from_crs(source, "OGC:CRS84", always_xy=True)
    lon, lat = to_degrees.transform(*around)
    finite = np.isfinite(lon) & np.isfinite(lat)
    # Any: pyproj's annotations name a private copy of the class.
    place: Any = AreaOfInterest(*(float(value) for value in _bounds(lon[finite], lat[finite]))) if finite.any() else None
    with warnings.catch_warnings():
        # That the best operation lacks its grid becomes a note.
        warnings.simplefilter("ignore", UserWarning)
        return TransformerGroup(source, target, always_xy=True, area_of_interest=place)


def _bounds(lon: Coordinates, lat: Coordinates) -> tuple[float, float, float, float]:
    return lon.min(), lat.min(), lon.max(), lat.max()


def _note(what: str, transformer: pyproj.Transformer, group: TransformerGroup) -> str:
    grids = {
        grid.short_name for operation in group.unavailable_operations[:1] for grid in operation.grids if not grid.available
    }
    off = f"about {transformer.accuracy:g} m" if transformer.accuracy >= 0 else "an unknown distance"
    missing = f" (needs {', '.join(sorted(grids))})" if grids else ""
    return f"{what}: the best transformation from its CRS to the PAN's is not installed{missing}: places may be off by {off}"


def _map(transformer: pyproj.Transformer, direction: TransformDirection) -> PointMap:
    def apply(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        mapped_x, mapped_y = transformer.transform(x, y, direction=direction)
        return np.asarray(mapped_x), np.asarray(mapped_y)

    return apply


def _same_crs(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
    return x, y
