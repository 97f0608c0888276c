"""Whether an elevation model has the heights that a raster's RPCs need."""

import warnings

import numpy as np
import rasterio
from rasterio.errors import TransformWarning
from rasterio.io import DatasetReader

from ssdiff_cli.rasters.gdal import header_errors
from ssdiff_cli.rasters.geometry.georeference import Georeference, georeference, rpc_georeference
from ssdiff_models.errors import InputError

__all__ = ["check_heights", "share_without_heights"]

POINTS = 129
"""Points on each axis of a raster where heights are tested."""
OVERVIEW = 2048
"""Largest size at which an elevation model is read."""


def check_heights(dataset: DatasetReader, place: Georeference, rpc_dem: str) -> None:
    """Refuses an elevation model that cannot be read or has NaN, where a raster misses heights.

    GDAL takes what it cannot read for missing, and NaN for a height even where it is nodata.

    Raises:
        InputError: When it is such a model.
    """
    if place.kind != "rpcs" or _share_without_place(dataset, _only_dem(dataset, rpc_dem)) == 0:
        return
    with header_errors(rpc_dem), rasterio.open(rpc_dem) as dem:
        shape = min(dem.height, OVERVIEW), min(dem.width, OVERVIEW)
        heights = dem.read(1, out_shape=shape)
    if np.isnan(heights).any():
        raise InputError(
            f"--rpc-dem {rpc_dem}: has heights that are no numbers, and {dataset.name} needs them: "
            "give them a number as nodata value, as gdalwarp -dstnodata -9999 does"
        )


def share_without_heights(dataset: DatasetReader, rpc_dem: str) -> float:
    """Returns the share of a raster, 0..1, without heights; 0 where the raster needs none."""
    place = georeference(dataset, rpc_dem)
    if place.kind != "rpcs":
        return 0.0
    # Points that fail even with a height everywhere fail for another reason.
    failing = _share_without_place(dataset, place)
    return max(0.0, _share_without_place(dataset, _only_dem(dataset, rpc_dem)) - failing)


def _only_dem(dataset: DatasetReader, rpc_dem: str) -> Georeference:
    """Returns a georeferencing that has no place where there is no height."""
    return rpc_georeference(dataset, RPC_DEM=rpc_dem)


def _share_without_place(dataset: DatasetReader, place: Georeference) -> float:
    across = np.linspace(0, dataset.width, POINTS)
    down = np.linspace(0, dataset.height, POINTS)
    cols, rows = np.meshgrid(across, down)
    with warnings.catch_warnings():
        # Failing points are the question here.
        warnings.simplefilter("ignore", TransformWarning)
        # Pixel to world takes some height where a model ends; world to pixel does not.
        finite = np.isfinite(place.to_pixel(*place.to_world(cols, rows)))
    return float(1 - finite.all(axis=0).mean())
