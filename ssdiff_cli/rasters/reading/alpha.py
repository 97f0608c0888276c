"""Alpha bands that look like data."""

from rasterio.enums import Resampling

from ssdiff_cli.rasters.gdal import GDAL_ERRORS
from ssdiff_cli.rasters.reading.bands import Bands

__all__ = ["alpha_with_data"]

THUMBNAIL = 256
"""Largest pixels on an axis at which an alpha band is read."""
SOFT_SHARE = 0.1
"""Share of half transparent pixels that seams and edges of a mask may have."""


def alpha_with_data(bands: Bands) -> tuple[int, ...]:
    """Returns the alpha bands with more half transparent pixels than masks have."""
    return tuple(index for index in bands.alpha if _soft_share(bands, index) > SOFT_SHARE)


def _soft_share(bands: Bands, index: int) -> float:
    shape = (min(bands.rows, THUMBNAIL), min(bands.cols, THUMBNAIL))
    try:
        alpha = bands.dataset.read(index, out_shape=shape, resampling=Resampling.nearest)
    except GDAL_ERRORS:
        return 0.0  # reading the scene tells what is wrong with the file
    return float(((alpha > 0) & (alpha < alpha.max())).mean())
