"""Small rasters read in one piece: training pairs and references."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from ssdiff_cli.rasters.bands import zero_signal
from ssdiff_models.errors import InputError

__all__ = ["Outline", "WholeRaster", "read_outline", "read_whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a raster is, without its pixels."""

    shape: tuple[int, int, int]
    """``(bands, rows, cols)``."""
    transform: Affine
    crs: str | None
    names: tuple[str | None, ...]
    """Band descriptions."""

    @property
    def georeferenced(self) -> bool:
        """Whether pixels have a place on the ground."""
        return not self.transform.is_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRaster:
    """All pixels of a raster with its georeferencing."""

    path: str
    pixels: npt.NDArray[np.float32]
    """``(bands, rows, cols)`` in DN."""
    valid: npt.NDArray[np.bool_]
    """``(rows, cols)``: True where every band is valid and finite."""
    transform: Affine
    crs: str | None
    names: tuple[str | None, ...]
    """Band descriptions."""
    black: tuple[float, ...]
    """The DN that each band's scale and offset make 0."""

    def centre_in(self, other: "WholeRaster") -> tuple[float, float]:
        """Returns the (row, col) pixel index in `other` of the centre of this raster's pixel (0, 0)."""
        col, row = ~other.transform @ (self.transform @ (0.5, 0.5))
        return row - 0.5, col - 0.5


def read_outline(path: str) -> Outline:
    """Reads what a raster says of itself.

    Raises:
        InputError: When the file cannot be read.
    """
    with _opened(path) as data:
        crs = data.crs.to_string() if data.crs else None
        return Outline(
            shape=(data.count, data.height, data.width), transform=data.transform, crs=crs, names=tuple(data.descriptions)
        )


def read_whole(path: str) -> WholeRaster:
    """Reads a raster.

    Raises:
        InputError: When the file cannot be read.
    """
    with _opened(path) as data:
        pixels = data.read(out_dtype="float32")
        valid = (data.read_masks() > 0).all(0) & np.isfinite(pixels).all(0)
        crs = data.crs.to_string() if data.crs else None
        return WholeRaster(
            path=path,
            pixels=pixels,
            valid=valid,
            transform=data.transform,
            crs=crs,
            names=tuple(data.descriptions),
            black=tuple(map(zero_signal, data.scales, data.offsets)),
        )


@contextmanager
def _opened(path: str) -> Iterator[rasterio.DatasetReader]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as data:
                yield data
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: cannot be read as a raster ({error}): check the path and the file") from error
