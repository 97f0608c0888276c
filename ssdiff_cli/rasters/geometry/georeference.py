"""Where a raster's pixels lie: an affine transform, ground control points or RPCs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.transform import GCPTransformer, RPCTransformer

from ssdiff_cli.rasters.geometry.point_map import (
    Coordinates,
    PointMap,
    Points,
    affine_map,
    identity,
)
from ssdiff_models.errors import InputError

__all__ = ["Georeference", "affine_georeference", "georeference", "rpc_georeference"]

CONTRADICTION = 0.1
"""Error of the fit to control points over their span; rough terrain stays far below."""

WHOLE = 1e-3
"""Arc seconds by which a whole one may be off: decimal degrees have so many digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Georeference:
    """Pixel coordinates (column, row; 0 is the outer edge of the first pixel) in the world."""

    kind: Literal["affine", "gcps", "rpcs", "none"]
    crs: CRS | None
    affine: Affine
    """Pixel to world; identity where `kind` is not ``affine``."""
    to_world: PointMap
    to_pixel: PointMap
    side: float = 0.0
    """Longitude of the image's centre, where x is one."""
    turn: float = 0.0
    """Full circle in units of x; 0: x is no longitude."""

    def near(self, x: Coordinates) -> Coordinates:
        """Returns longitudes within half a turn of the image's centre; other x as they are."""
        if not self.turn:
            return x
        with np.errstate(invalid="ignore"):
            moved: Coordinates = x - self.turn * np.round((x - self.side) / self.turn)
        return moved

    def beside(self, x: Coordinates) -> Coordinates:
        """Returns the longitudes of a line, moved together to the image's side; other x as is."""
        finite = np.isfinite(x)
        if not self.turn or not finite.any():
            return x
        line = np.array(x, float)
        line[finite] = np.unwrap(line[finite], period=self.turn)
        centre = (line[finite].min() + line[finite].max()) / 2
        moved: Coordinates = line - self.turn * np.round((centre - self.side) / self.turn)
        return moved


def georeference(
    dataset: DatasetReader, rpc_dem: str | None = None, rpc_height: float | None = None
) -> Georeference:
    """Returns the georeferencing that GDAL prefers: affine, else GCPs, else RPCs.

    RPCs win over corner coordinates rounded to whole arc seconds, as those of NITF are.

    Args:
        dataset: The raster.
        rpc_dem: Elevation model for RPCs.
        rpc_height: Height in metres where `rpc_dem` has none; None takes that of the RPCs.

    Raises:
        InputError: When the transform is degenerate, or control points contradict each other.
    """
    place = _georeference(dataset, rpc_dem, rpc_height)
    if place.crs is None or not place.crs.is_geographic or place.kind == "none":
        return place
    if place.kind == "rpcs":
        side = float(dataset.rpcs.long_off)
    else:
        middle = np.array([dataset.width / 2]), np.array([dataset.height / 2])
        side = float(place.to_world(*middle)[0][0])
    _, radians = place.crs.units_factor
    return replace(place, side=side, turn=2 * np.pi / radians) if np.isfinite(side) else place


def _georeference(
    dataset: DatasetReader, rpc_dem: str | None, rpc_height: float | None
) -> Georeference:
    transform = dataset.transform
    gcps, gcp_crs = dataset.gcps
    by_rpcs = dataset.rpcs is not None and _rounded(dataset)
    if not by_rpcs and transform != Affine.identity():
        if not np.isfinite(tuple(transform)).all() or transform.determinant == 0:
            raise InputError(
                f"{dataset.name}: its geotransform {tuple(transform)[:6]} "
                "places all pixels on a line"
            )
        return affine_georeference(transform, dataset.crs)
    if gcps and not by_rpcs:
        gcps = _on_one_side(gcps, gcp_crs)
        place = _gdal_georeference("gcps", GCPTransformer(gcps), gcp_crs)
        _check_gcps(dataset.name, gcps, place)
        return place
    if dataset.rpcs is not None:
        height = str(dataset.rpcs.height_off if rpc_height is None else rpc_height)
        if rpc_dem:
            return rpc_georeference(dataset, RPC_DEM=rpc_dem, RPC_DEM_MISSING_VALUE=height)
        return rpc_georeference(dataset, RPC_HEIGHT=height)
    return Georeference(
        kind="none",
        crs=dataset.crs,
        affine=Affine.identity(),
        to_world=identity,
        to_pixel=identity,
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


def rpc_georeference(dataset: DatasetReader, **options: str) -> Georeference:
    """Returns the georeferencing of a raster's RPCs, with GDAL's options for heights."""
    transformer = RPCTransformer(dataset.rpcs, RPC_PIXEL_ERROR_THRESHOLD="0.0001", **options)
    return _gdal_georeference("rpcs", transformer, CRS.from_epsg(4326))


def _rounded(dataset: DatasetReader) -> bool:
    """Whether corners are in whole arc seconds (15 m off at most), or thousandths of a degree."""
    if dataset.tags().get("NITF_ICORDS") in {"G", "D"}:
        return True
    gcps, crs = dataset.gcps
    if not gcps or crs is None or not crs.is_geographic:
        return False
    seconds = 3600 * np.array([(point.x, point.y) for point in gcps], float)
    return bool((np.abs(seconds - np.round(seconds)) < WHOLE).all())


def _on_one_side(
    gcps: Sequence[GroundControlPoint], crs: CRS | None
) -> Sequence[GroundControlPoint]:
    """Returns control points across the antimeridian with longitudes that run through it."""
    if crs is None or not crs.is_geographic or np.ptp([point.x for point in gcps]) <= 180:
        return gcps
    return [
        GroundControlPoint(**point.asdict() | {"x": point.x + 360 * (point.x < 0)})
        for point in gcps
    ]


def _check_gcps(path: str, gcps: Sequence[GroundControlPoint], place: Georeference) -> None:
    """Refuses points in mixed units, such as degrees and metres: GDAL would fit something."""
    cols, rows = np.array([(point.col, point.row) for point in gcps], float).T
    x, y = np.array([(point.x, point.y) for point in gcps], float).T
    fitted_cols, fitted_rows = place.to_pixel(x, y)
    worst = np.hypot(fitted_cols - cols, fitted_rows - rows).max()
    # Negated, so that NaN is refused.
    if not worst <= CONTRADICTION * max(np.ptp(cols), np.ptp(rows), 1):
        raise InputError(
            f"{path}: its {len(gcps)} ground control points contradict each other by up to "
            f"{worst:.3g} pixels: correct them, or remove them from both images and pass "
            "--assume-same-crs if both show exactly the same ground"
        )


def _gdal_georeference(
    kind: Literal["gcps", "rpcs"], transformer: GCPTransformer | RPCTransformer, crs: CRS | None
) -> Georeference:
    def to_world(cols: Coordinates, rows: Coordinates) -> Points:
        x, y = transformer.xy(np.ravel(rows), np.ravel(cols), offset="ul")
        return np.reshape(x, cols.shape), np.reshape(y, cols.shape)

    def to_pixel(x: Coordinates, y: Coordinates) -> Points:
        rows, cols = transformer.rowcol(np.ravel(x), np.ravel(y), op=np.positive)
        return np.reshape(cols, x.shape), np.reshape(rows, x.shape)

    return Georeference(
        kind=kind, crs=crs, affine=Affine.identity(), to_world=to_world, to_pixel=to_pixel
    )
