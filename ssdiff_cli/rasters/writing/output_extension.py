"""Whether the name of an output says that it is a TIFF."""

from pathlib import Path

from rasterio.drivers import raster_driver_extensions

from ssdiff_models.errors import UsageError

__all__ = ["check_extension"]

OTHER_FORMATS = {
    **dict.fromkeys(("jpx", "j2c", "jpf", "jpc"), "JPEG 2000"),
    **dict.fromkeys(("h5", "hdf", "hdf5", "he5", "nc4"), "HDF5"),
    **dict.fromkeys(("nitf", "nsf"), "NITF"),
    **dict.fromkeys(("ecw", "sid", "zarr"), "raster of that kind"),
    **dict.fromkeys(("npy", "npz", "mat", "csv", "json", "zip"), "file of that kind"),
}
"""Endings of formats that GDAL's drivers do not list."""


def check_extension(output: str | Path) -> None:
    """Refuses a raster whose name ends like another format than TIFF.

    Raises:
        UsageError: When it does.
    """
    ending = Path(output).suffix.lower().removeprefix(".")
    driver = raster_driver_extensions().get(ending, OTHER_FORMATS.get(ending, "GTiff"))
    if driver != "GTiff":
        raise UsageError(
            f"{output}: would be a GeoTIFF, not a {driver}: let its name end in .tif, and convert "
            "it with gdal_translate afterwards"
        )
