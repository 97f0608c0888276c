"""Where a raster's pixels lie: an affine transform, ground control points or rational polynomials."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyproj
import pyproj.exceptions
from affine import Affine
from pyproj.aoi import AreaOfInterest
from pyproj.enums import TransformDirection
from pyproj.transformer import TransformerGroup
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.transform import GCPTransformer, RPCTransformer

from ssdiff_models.errors import InputError

__all__ = [
    "Coordinates",
    "CrsLink",
    "Georeference",
    "PointMap",
    "affine_georeference",
    "affine_map",
    "compose",
    "crs_link",
    "crs_map",
    "georeference",
    "rpc_georeference",
]


Coordinates = npt.NDArray[np.floating]
PointMap = Callable[[Coordinates, Coordinates], tuple[Coordinates, Coordinates]]
"""Maps arrays of (x, y) to (x, y); what cannot be mapped becomes infinite."""

CONTRADICTION = 0.1
"""Share of the span of ground control points that the fit may miss one of them by: rough terrain and poor points stay far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Georeference:
    """A raster's pixel coordinates (column, row; 0 is the outer edge of the first pixel) against world coordinates."""

    kind: Literal["affine", "gcps", "rpcs", "none"]
    crs: CRS | None
    affine: Affine
    """Pixel to world; identity where `kind` is not ``affine``."""
    to_world: PointMap
    to_pixel: PointMap


def georeference(
    dataset: DatasetReader, rpc_dem: str | None = None, rpc_height: float | None = None
) -> Georeference:
    """Returns the georeferencing that GDAL itself would prefer: the affine transform, else GCPs, else RPCs.

    Args:
        dataset: The raster.
        rpc_dem: Elevation model for RPCs.
        rpc_height: Height in metres where `rpc_dem` has none; None takes the height offset of the raster's own RPCs.

    Raises:
        InputError: When the transform is degenerate, or ground control points contradict each other.
    """
    gcps, gcp_crs = dataset.gcps
    if dataset.transform != Affine.identity():
        if not np.isfinite(tuple(dataset.transform)).all() or dataset.transform.determinant == 0:
            raise InputError(
                f"{dataset.name}: its geotransform {tuple(dataset.transform)[:6]} places all pixels on a line"
            )
        return affine_georeference(dataset.transform, dataset.crs)
    if gcps:
        place = _gdal_georeference("gcps", GCPTransformer(gcps), gcp_crs)
        _check_gcps(dataset.name, gcps, place)
        return place
    if dataset.rpcs is not None:
        height = dataset.rpcs.height_off if rpc_height is None else rpc_height
        options = (
            {"RPC_DEM": rpc_dem, "RPC_DEM_MISSING_VALUE": str(height)}
            if rpc_dem
            else {"RPC_HEIGHT": str(height)}
        )
        return rpc_georeference(dataset, **options)
    return Georeference(
        kind="none", crs=dataset.crs, affine=Affine.identity(), to_world=_same, to_pixel=_same
    )


def rpc_georeference(dataset: DatasetReader, **options: str) -> Georeference:
    """Returns the georeferencing by a raster's rational polynomials, with GDAL's options for where heights come from."""
    transformer = RPCTransformer(dataset.rpcs, RPC_PIXEL_ERROR_THRESHOLD="0.0001", **options)
    return _gdal_georeference("rpcs", transformer, CRS.from_epsg(4326))


def _check_gcps(path: str, gcps: Sequence[GroundControlPoint], place: Georeference) -> None:
    """Refuses points of which some are, say, in degrees and some in metres: GDAL would fit something between them.

    Raises:
        InputError: When the fit misses a point by more than `CONTRADICTION` of what they span.
    """
    cols, rows = np.array([(point.col, point.row) for point in gcps], float).T
    seen_cols, seen_rows = place.to_pixel(
        *np.array([(point.x, point.y) for point in gcps], float).T
    )
    missed = np.hypot(seen_cols - cols, seen_rows - rows)
    if not missed.max() <= CONTRADICTION * max(np.ptp(cols), np.ptp(rows), 1):
        raise InputError(
            f"{path}: its {len(gcps)} ground control points contradict each other by up to {missed.max():.3g} pixels: correct them, or "
            "remove them from both images and pass --assume-same-crs if both show exactly the same ground"
        )


def affine_georeference(transform: Affine, crs: CRS | None) -> Georeference:
    """Returns the georeferencing of an affine geotransform."""
    return Georeference(
        kind="affine",
        crs=crs,
        affine=transform,
        to_world=affine_map(transform),
        to_pixel=affine_map(~transform),
    )


def compose(outer: Affine, inner: Affine) -> Affine:
    """Returns the transform that applies `inner`, then `outer`; spelled out since affine 2 and 3 differ in the operator."""
    a, b, c, d, e, f = tuple(outer)[:6]
    p, q, r, s, t, u = tuple(inner)[:6]
    return Affine(
        a * p + b * s,
        a * q + b * t,
        a * r + b * u + c,
        d * p + e * s,
        d * q + e * t,
        d * r + e * u + f,
    )


def _same(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
    return x, y


def affine_map(transform: Affine) -> PointMap:
    """Returns the map that an affine transform is."""
    a, b, c, d, e, f = tuple(transform)[:6]

    def apply(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        with np.errstate(
            invalid="ignore"
        ):  # places that a projection does not have are infinite, and stay nowhere
            return a * x + b * y + c, d * x + e * y + f

    return apply


def _gdal_georeference(
    kind: Literal["gcps", "rpcs"], transformer: GCPTransformer | RPCTransformer, crs: CRS | None
) -> Georeference:
    def to_world(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        world_x, world_y = transformer.xy(np.ravel(y), np.ravel(x), offset="ul")
        return np.reshape(world_x, x.shape), np.reshape(world_y, x.shape)

    def to_pixel(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        rows, cols = transformer.rowcol(np.ravel(x), np.ravel(y), op=np.positive)
        return np.reshape(cols, x.shape), np.reshape(rows, x.shape)

    return Georeference(
        kind=kind, crs=crs, affine=Affine.identity(), to_world=to_world, to_pixel=to_pixel
    )


def crs_map(source: CRS | None, target: CRS | None, what: str) -> PointMap:
    """Returns the map between two CRSs, in x/y (longitude/latitude) order; the identity when they are the same or unknown.

    Raises:
        InputError: When there is no transformation between them.
    """
    if source is None or target is None or source == target:
        return _same
    try:
        transformer = pyproj.Transformer.from_crs(source.to_wkt(), target.to_wkt(), always_xy=True)
    except (pyproj.exceptions.ProjError, ValueError) as error:
        raise InputError(
            f"{what}: no transformation from its CRS: {' '.join(str(error).split())}"
        ) from error

    def apply(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        mapped_x, mapped_y = transformer.transform(x, y)
        return np.asarray(mapped_x), np.asarray(mapped_y)

    return apply


@dataclass(frozen=True, slots=True, kw_only=True)
class CrsLink:
    """The maps between two CRSs, in x/y (longitude/latitude) order."""

    forward: PointMap
    inverse: PointMap
    note: str | None
    """What a user should know of its accuracy."""


def crs_link(
    source: CRS | None, target: CRS | None, what: str, around: tuple[Coordinates, Coordinates]
) -> CrsLink:
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
        raise InputError(
            f"{what}: no transformation from its CRS to the PAN's: {' '.join(str(error).split())}"
        ) from error
    return CrsLink(
        forward=_map(transformer, TransformDirection.FORWARD),
        inverse=_map(transformer, TransformDirection.INVERSE),
        note=None if group.best_available else _note(what, transformer, group),
    )


def _operations(
    source: str, target: str, around: tuple[Coordinates, Coordinates]
) -> TransformerGroup:
    """All operations between two CRSs, the best for the place first; one for each point, as PROJ would choose, could tear a scene."""
    to_degrees = pyproj.Transformer.from_crs(source, "OGC:CRS84", always_xy=True)
    lon, lat = to_degrees.transform(*around)
    finite = np.isfinite(lon) & np.isfinite(lat)
    # Any: pyproj's annotations name a private copy of the class.
    place: Any = (
        AreaOfInterest(*(float(value) for value in _bounds(lon[finite], lat[finite])))
        if finite.any()
        else None
    )
    with warnings.catch_warnings():
        # That the best operation lacks its grid becomes a note.
        warnings.simplefilter("ignore", UserWarning)
        return TransformerGroup(source, target, always_xy=True, area_of_interest=place)


def _bounds(lon: Coordinates, lat: Coordinates) -> tuple[float, float, float, float]:
    return lon.min(), lat.min(), lon.max(), lat.max()


def _note(what: str, transformer: pyproj.Transformer, group: TransformerGroup) -> str:
    grids = {
        grid.short_name
        for operation in group.unavailable_operations[:1]
        for grid in operation.grids
        if not grid.available
    }
    off = (
        f"about {transformer.accuracy:g} m" if transformer.accuracy >= 0 else "an unknown distance"
    )
    missing = f" (needs {', '.join(sorted(grids))})" if grids else ""
    return f"{what}: the best transformation from its CRS to the PAN's is not installed{missing}: places may be off by {off}"


def _map(transformer: pyproj.Transformer, direction: TransformDirection) -> PointMap:
    def apply(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        mapped_x, mapped_y = transformer.transform(x, y, direction=direction)
        return np.asarray(mapped_x), np.asarray(mapped_y)

    return apply


def _same_crs(x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
    return x, y
