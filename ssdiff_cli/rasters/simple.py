"""Small rasters written in one piece: simulated scenes and pictures."""

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

from ssdiff_models.errors import ResourceError

__all__ = ["GeoTiff", "write_geotiff", "write_png"]

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
        file.colorinterp = [_COLOURS.get(name, ColorInterp.undefined) for name in _named(header.names, image.shape[0])]
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
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else " ".join(str(error).split())
        raise ResourceError(f"{path}: cannot be written: {reason}; free some space or choose another folder") from error
    finally:
        for leftover in (part, Path(f"{part}.aux.xml")):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)
