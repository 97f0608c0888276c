"""Whether an elevation model has the heights that a raster's rational polynomials need."""

import warnings

import numpy as np
import rasterio
from rasterio.errors import TransformWarning
from rasterio.io import DatasetReader

from ssdiff_cli.rasters.georef import Georeference, georeference, rpc_georeference
from ssdiff_models.errors import InputError

__all__ = ["check_heights", "without_heights"]

LOOKS = 129
"""Places on each axis of a raster that heights are asked for."""
MOST = 2048
"""Rows and columns that an elevation model is read with at most, to look for heights that are no numbers."""


def check_heights(dataset: DatasetReader, place: Georeference, rpc_dem: str) -> None:
    """Refuses a model with heights that are NaN: GDAL does not take them for missing, even where its nodata value says so.

    Raises:
        InputError: When there are some, and places on the raster that fail.
    """
    if place.kind != "rpcs" or _lost_share(dataset, place) == 0:
        return
    with rasterio.open(rpc_dem) as dem:
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
    strict = rpc_georeference(dataset, RPC_DEM=rpc_dem)
    # What fails even with a height for every place fails for another reason.
    return max(0.0, _lost_share(dataset, strict) - _lost_share(dataset, place))


def _lost_share(dataset: DatasetReader, place: Georeference) -> float:
    cols, rows = np.meshgrid(*(np.linspace(0, size, LOOKS) for size in (dataset.width, dataset.height)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TransformWarning)  # that some points fail is what is asked here
        # The way to the world goes on with some height where a model ends; the way back does not.
        return float(1 - np.isfinite(place.to_pixel(*place.to_world(cols, rows))).all(axis=0).mean())
