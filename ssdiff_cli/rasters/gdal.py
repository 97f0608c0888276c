"""GDAL settings of a run, and how this tool opens a raster."""

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import rasterio
from rasterio._err import CPLE_BaseError, CPLE_OutOfMemoryError
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from ssdiff_models.errors import InputError, ResourceError, UsageError

__all__ = [
    "CACHE_MEGABYTES",
    "GDAL_ERRORS",
    "band_texts",
    "disk_errors",
    "header_errors",
    "open_raster",
    "out_of_memory",
    "raster_env",
    "reason",
    "versions",
]

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""Rasterio's own errors, and those that it makes of GDAL's error classes."""

FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors that free space on the disk mends."""

LONGEST = 10_000_000
"""Pixels on a side; an orbit at 0.3 m would have 130 million, a delivered strip has one."""

MOST_BANDS = 2048
"""Bands of a raster; spectrometers have some hundreds."""

CACHE_MEGABYTES = 64
"""GDAL's block cache, whatever the scene: two rows of blocks of a 32768-pixel wide uint16 PAN."""


@contextmanager
def raster_env() -> Iterator[None]:
    """Scopes the GDAL settings of a run."""
    settings = {
        "GDAL_CACHEMAX": CACHE_MEGABYTES,
        "GDAL_NUM_THREADS": "1",
        "GDAL_TIFF_INTERNAL_MASK": True,
    }
    with rasterio.Env(
        **settings | {name: os.environ.get(name, settings[name]) for name in settings}
    ):
        yield


def versions() -> dict[str, str]:
    """Returns the versions of GDAL, PROJ and rasterio."""
    return {
        "GDAL": rasterio.__gdal_version__,
        "PROJ": rasterio.__proj_version__,
        "rasterio": rasterio.__version__,
    }


def reason(error: BaseException) -> str:
    """Returns what GDAL says, in one line."""
    return " ".join(str(error.__cause__ or error).split())


def open_raster(path: str) -> DatasetReader:
    """Opens a raster for reading; GDAL gets `path` unchanged, so ``/vsizip/`` and URLs work.

    A TIFF with the photometric tag CMYK holds four spectral bands in this field; GDAL would turn
    them into RGBA, so it is opened raw.

    Raises:
        InputError: When the file is missing, unreadable, no raster, or holds complex numbers.
    """
    dataset = _open(path)
    colours = dataset.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE")
    if dataset.driver == "GTiff" and colours == "CMYK":
        dataset.close()
        dataset = _open(f"GTIFF_RAW:{path}")
    problem = _problem(dataset)
    if problem:
        dataset.close()
        raise InputError(f"{path}: {problem}")
    return dataset


def out_of_memory(error: BaseException) -> bool:
    """Whether GDAL says that memory does not suffice."""
    return isinstance(error.__cause__ or error, CPLE_OutOfMemoryError)


def band_texts(
    dataset: DatasetReader, field: Literal["descriptions", "units"]
) -> tuple[str | None, ...]:
    """Returns a text of each band; none of them where one is no UTF-8, as older programs write."""
    try:
        return tuple(dataset.units if field == "units" else dataset.descriptions)
    except UnicodeDecodeError:
        return tuple(None for _ in dataset.indexes)


def _open(path: str) -> DatasetReader:
    with header_errors(path), warnings.catch_warnings():
        # A missing geotransform matters only where PAN and MS are known.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


@contextmanager
def header_errors(path: str) -> Iterator[None]:
    """Turns GDAL's errors about a file's header into the user's.

    Raises:
        InputError: When the file is missing, no raster, or damaged.
    """
    try:
        yield
    except (*GDAL_ERRORS, ValueError) as error:
        if isinstance(error, InputError):
            raise
        if out_of_memory(error):
            raise ResourceError(f"{path}: out of memory: {reason(error)}; free some") from error
        message = " ".join(str(error).split())
        raise InputError(message if path in message else f"{path}: {message}") from error


@contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Turns errors while `path` is written into the user's.

    Raises:
        ResourceError: When the disk is full or gone, or refuses the file.
        UsageError: When the file outgrows a classic TIFF that was asked for.
    """
    try:
        yield
    except (*GDAL_ERRORS, OSError) as error:
        number = getattr(error, "errno", None)
        message = os.strerror(number) if number else reason(error)
        has_space = number is not None and number not in FULL_DISK
        remedy = "choose another output" if has_space else "make room and repeat the command"
        raise ResourceError(f"{path}: cannot be written: {message}; {remedy}") from error
    except OverflowError as error:
        raise UsageError(
            f"{path}: is larger than a classic TIFF can be: leave --co BIGTIFF out"
        ) from error


def _problem(dataset: DatasetReader) -> str | None:
    if dataset.count == 0:
        names = dataset.subdatasets
        return f"holds no band but {len(names)} subdatasets: name one of them, such as {names[:1]}"
    if dataset.width < 1 or dataset.height < 1:
        return f"has no pixels ({dataset.width} x {dataset.height})"
    if max(dataset.width, dataset.height) > LONGEST:
        size = f"{dataset.width} x {dataset.height}"
        return f"has {size} pixels, more than {LONGEST} on a side: cut it into parts"
    if dataset.count > MOST_BANDS:
        return f"has {dataset.count} bands, more than {MOST_BANDS}: choose some with gdal_translate"
    if any(name.startswith("complex") for name in dataset.dtypes):
        return "holds complex numbers: convert them to an amplitude first"
    return None
