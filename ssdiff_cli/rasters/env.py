"""GDAL settings for one run, and the one way this tool opens a raster."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader

from ssdiff_models.errors import InputError

__all__ = ["CACHE_MEGABYTES", "open_raster", "raster_env"]

CACHE_MEGABYTES = 64
"""GDAL's block cache: two rows of 512-pixel blocks of a 32768-pixel wide uint16 PAN fit; it must not grow with the scene."""


@contextmanager
def raster_env(*, cache_megabytes: int = CACHE_MEGABYTES, num_threads: int | str = 1) -> Iterator[None]:
    """Scopes the GDAL settings of a run.

    Args:
        cache_megabytes: Size of GDAL's block cache.
        num_threads: Threads that GDAL may use to decode and encode blocks, or ``"ALL_CPUS"``.
    """
    settings = {
        "GDAL_CACHEMAX": cache_megabytes,
        "GDAL_NUM_THREADS": str(num_threads),
        "GDAL_TIFF_INTERNAL_MASK": True,
    }
    with rasterio.Env(**settings):
        yield


def open_raster(path: str) -> DatasetReader:
    """Opens a raster for reading; `path` is handed to GDAL as it is, so ``/vsizip/`` and URLs work.

    TIFFs whose photometric tag says CMYK hold four spectral bands in this field: GDAL would turn them into RGBA,
    so they are reopened raw.

    Raises:
        InputError: When the file is missing, unreadable, no raster, or holds complex numbers.
    """
    dataset = _open(path)
    if dataset.driver == "GTiff" and dataset.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE") == "CMYK":
        dataset.close()
        dataset = _open(f"GTIFF_RAW:{path}")
    problem = _problem(dataset)
    if problem:
        dataset.close()
        raise InputError(f"{path}: {problem}")
    return dataset


def _open(path: str) -> DatasetReader:
    try:
        with warnings.catch_warnings():
            # Whether a missing geotransform matters is decided where PAN and MS are known.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path)
    except (RasterioIOError, RasterioError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(reason if path in reason else f"{path}: {reason}") from error


def _problem(dataset: DatasetReader) -> str | None:
    if dataset.count == 0:
        return f"holds no band but {len(dataset.subdatasets)} subdatasets: name one of them, such as {dataset.subdatasets[:1]}"
    if dataset.width < 1 or dataset.height < 1:
        return f"has no pixels ({dataset.width} x {dataset.height})"
    if any(name.startswith("complex") for name in dataset.dtypes):
        return "holds complex numbers: convert them to an amplitude first"
    return None
