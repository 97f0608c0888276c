"""Maps between coordinate reference systems, in x/y (longitude/latitude) order."""

from dataclasses import dataclass

from rasterio.crs import CRS

from ssdiff_cli.rasters.geometry.point_map import PointMap, Points, identity

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
    # PROJ is needed for nothing else.
    from ssdiff_cli.rasters.geometry.projection import projection

    forward, inverse, note = projection(source.to_wkt(), target.to_wkt(), what, around)
    return CrsLink(forward=forward, inverse=inverse, note=note)
