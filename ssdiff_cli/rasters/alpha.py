"""Alpha bands that are none: many tools mark the fourth band of 8-bit files as alpha, whatever is in it."""

from rasterio.enums import Resampling

from ssdiff_cli.rasters.bands import Bands
from ssdiff_cli.rasters.gdal import GDAL_ERRORS

__all__ = ["alpha_with_data"]

LOOK = 256
"""Pixels on an axis of the thumbnail that an alpha band is judged by."""
SOFT = 0.1
"""Part of it that may be half transparent, at seams and edges."""


def alpha_with_data(bands: Bands) -> tuple[int, ...]:
    """Returns the alpha bands that are half transparent in more places than a mask is."""
    return tuple(index for index in bands.alpha if _half_transparent(bands, index) > SOFT)


def _half_transparent(bands: Bands, index: int) -> float:
    shape = (min(bands.rows, LOOK), min(bands.cols, LOOK))
    try:
        alpha = bands.dataset.read(index, out_shape=shape, resampling=Resampling.nearest)
    except GDAL_ERRORS:
        return 0.0  # reading the scene will say what is wrong with the file
    return float(((alpha > 0) & (alpha < alpha.max())).mean())
