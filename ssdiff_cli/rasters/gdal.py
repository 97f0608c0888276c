"""GDAL settings for one run, and the one way this tool opens a raster."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from ssdiff_models.errors import InputError

__all__ = ["CACHE_MEGABYTES", "GDAL_ERRORS", "header_errors", "open_raster", "raster_env"]

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""What rasterio raises for GDAL: its own errors, or those that GDAL's error classes are turned into."""

CACHE_MEGABYTES = 64
"""GDAL's block cache: two rows of 512-pixel blocks of a 32768-pixel wide uint16 PAN fit; it must not grow with the scene."""


@contextmanager
def raster_env(
    *, cache_megabytes: int = CACHE_MEGABYTES, num_threads: int | str = 1
) -> Iterator[None]:
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
    if (
        dataset.driver == "GTiff"
        and dataset.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE") == "CMYK"
    ):
        dataset.close()
        dataset = _open(f"GTIFF_RAW:{path}")
    problem = _problem(dataset)
    if problem:
        dataset.close()
        raise InputError(f"{path}: {problem}")
    return dataset


def _open(path: str) -> DatasetReader:
    with header_errors(path), warnings.catch_warnings():
        # Whether a missing geotransform matters is decided where PAN and MS are known.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


@contextmanager
def header_errors(path: str) -> Iterator[None]:
    """Turns what GDAL says about a file's header into the user's error.

    Raises:
        InputError: When the file is missing, no raster, or damaged.
    """
    try:
        yield
    except (*GDAL_ERRORS, ValueError) as error:
        if isinstance(error, InputError):
            raise
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
