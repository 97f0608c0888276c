"""Where a raster's pixels lie: an affine transform, ground control points or RPCs."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Georeference:
    """Pixel coordinates (column, row; 0 is the outer edge of the first pixel) in the world."""

    kind: Literal["affine", "gcps", "rpcs", "none"]
    crs: CRS | None
    affine: Affine
    """Pixel to world; identity where `kind` is not ``affine``."""
    to_world: PointMap
    to_pixel: PointMap


def georeference(
    dataset: DatasetReader, rpc_dem: str | None = None, rpc_height: float | None = None
) -> Georeference:
    """Returns the georeferencing that GDAL prefers: affine, else GCPs, else RPCs.

    Args:
        dataset: The raster.
        rpc_dem: Elevation model for RPCs.
        rpc_height: Height in metres where `rpc_dem` has none; None takes that of the RPCs.

    Raises:
        InputError: When the transform is degenerate, or control points contradict each other.
    """
    transform = dataset.transform
    gcps, gcp_crs = dataset.gcps
    if transform != Affine.identity():
        if not np.isfinite(tuple(transform)).all() or transform.determinant == 0:
            raise InputError(
                f"{dataset.name}: its geotransform {tuple(transform)[:6]} "
                "places all pixels on a line"
            )
        return affine_georeference(transform, dataset.crs)
    if gcps:
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
