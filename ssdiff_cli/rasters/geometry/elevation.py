"""Whether an elevation model has the heights that a raster's rational polynomials need."""

import warnings

import numpy as np
import rasterio
from rasterio.errors import TransformWarning
from rasterio.io import DatasetReader

from ssdiff_cli.rasters.gdal import header_errors
from ssdiff_cli.rasters.geometry.georeference import Georeference, georeference, rpc_georeference
from ssdiff_models.errors import InputError

__all__ = ["check_heights", "without_heights"]

LOOKS = 129
"""Places on each axis of a raster that heights are asked for."""
MOST = 2048
"""Rows and columns that an elevation model is read with at most, to look for heights that are no numbers."""


def check_heights(dataset: DatasetReader, place: Georeference, rpc_dem: str) -> None:
    """Refuses a model that cannot be read, or with heights that are NaN, where a raster misses heights.

    GDAL takes what it cannot read for missing, and NaN for a height, even where its nodata value says otherwise.

    Raises:
        InputError: When it is such a model.
    """
    if place.kind != "rpcs" or _lost_share(dataset, _strict(dataset, rpc_dem)) == 0:
        return
    with header_errors(rpc_dem), rasterio.open(rpc_dem) as dem:
        heights = dem.read(1, out_shape=tuple(min(size, MOST) for size in dem.shape))
    if np.isnan(heights).any():
        raise InputError(
            f"--rpc-dem {rpc_dem}: has heights that are no numbers, and {dataset.name} needs them: give them a number as nodata value, "
            "as gdalwarp -dstnodata -9999 does"
        )


def without_heights(dataset: DatasetReader, rpc_dem: str) -> float:
    """Returns for what share of a raster, 0..1, an elevation model has no heights; 0 where the raster needs none."""
    place = georeference(dataset, rpc_dem)
    if place.kind != "rpcs":
        return 0.0
    # What fails even with a height for every place fails for another reason.
    return max(0.0, _lost_share(dataset, _strict(dataset, rpc_dem)) - _lost_share(dataset, place))


def _strict(dataset: DatasetReader, rpc_dem: str) -> Georeference:
    """Places nothing where there is no height."""
    return rpc_georeference(dataset, RPC_DEM=rpc_dem)


def _lost_share(dataset: DatasetReader, place: Georeference) -> float:
    cols, rows = np.meshgrid(
        *(np.linspace(0, size, LOOKS) for size in (dataset.width, dataset.height))
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", TransformWarning
        )  # that some points fail is what is asked here
        # The way to the world goes on with some height where a model ends; the way back does not.
        return float(
            1 - np.isfinite(place.to_pixel(*place.to_world(cols, rows))).all(axis=0).mean()
        )
