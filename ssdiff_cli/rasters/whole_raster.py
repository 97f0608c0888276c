"""Small rasters read in one piece: training pairs and references."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from ssdiff_cli.rasters.reading.bands import zero_signal
from ssdiff_models.errors import InputError, ResourceError

__all__ = [
    "GeoTiff",
    "Outline",
    "WholeRaster",
    "read_outline",
    "read_whole",
    "write_geotiff",
    "write_png",
]

_COLOURS = {
    "blue": ColorInterp.blue,
    "green": ColorInterp.green,
    "red": ColorInterp.red,
    "pan": ColorInterp.gray,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoTiff:
    """What a GeoTIFF says beside its pixels."""

    transform: Affine
    """Pixel to world."""
    crs: str | None
    """Anything PROJ reads; None leaves it out."""
    names: tuple[str, ...] = ()
    """Band descriptions; colour names become the colour interpretation."""
    nodata: float | None = None
    """Value of invalid pixels."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Metadata of the file."""


def write_geotiff(path: str | Path, pixels: npt.NDArray[np.generic], header: GeoTiff) -> None:
    """Writes ``(bands, rows, cols)`` or ``(rows, cols)`` as a tiled, compressed GeoTIFF in its own data type.

    The file appears under its name when it is complete.

    Raises:
        ResourceError: When it cannot be written.
    """
    image = pixels[None] if pixels.ndim == 2 else pixels
    keywords = {
        "driver": "GTiff",
        "count": image.shape[0],
        "height": image.shape[1],
        "width": image.shape[2],
        "dtype": image.dtype.name,
        "crs": header.crs,
        "transform": header.transform,
        "nodata": header.nodata,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "predictor": 3 if image.dtype.kind == "f" else 2,
        "photometric": "minisblack",
        "alpha": "no",
    }
    with _complete(path) as part, rasterio.open(part, "w", **keywords) as file:
        file.colorinterp = [
            _COLOURS.get(name, ColorInterp.undefined)
            for name in _named(header.names, image.shape[0])
        ]
        file.write(image)
        file.update_tags(**header.tags)
        for band, name in enumerate(header.names, start=1):
            file.set_band_description(band, name)


def _named(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    return names or ("",) * count


def write_png(path: str | Path, picture: npt.NDArray[np.uint8]) -> None:
    """Writes ``(3, rows, cols)`` of red, green and blue as a PNG.

    Raises:
        ResourceError: When it cannot be written.
    """
    count, rows, cols = picture.shape
    with _complete(path) as part, warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(driver="PNG", count=count, height=rows, width=cols, dtype="uint8") as file:
            file.write(picture)
        part.write_bytes(memory.read())


@contextmanager
def _complete(path: str | Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`, which becomes `path` when the body ends well and vanishes when it does not."""
    part = Path(f"{path}.part")
    try:
        yield part
        part.replace(path)
    except (RasterioError, OSError) as error:
        reason = (
            os.strerror(error.errno)
            if isinstance(error, OSError) and error.errno
            else " ".join(str(error).split())
        )
        raise ResourceError(
            f"{path}: cannot be written: {reason}; free some space or choose another folder"
        ) from error
    finally:
        for leftover in (part, Path(f"{part}.aux.xml")):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


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
            shape=(data.count, data.height, data.width),
            transform=data.transform,
            crs=crs,
            names=tuple(data.descriptions),
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
        raise InputError(
            f"{path}: cannot be read as a raster ({error}): check the path and the file"
        ) from error
