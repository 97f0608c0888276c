"""Small rasters read and written in one piece: training pairs, references, simulated scenes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader, MemoryFile

from ssdiff_cli.rasters.gdal import GDAL_ERRORS, band_texts, disk_errors, open_raster, reason
from ssdiff_cli.rasters.reading.bands import LARGEST, read_pixels, zero_signal
from ssdiff_cli.rasters.writing.side_cars import remove_side_cars
from ssdiff_models.errors import InputError
from ssdiff_models.files import atomic_set

__all__ = [
    "GeoTiff",
    "RasterHeader",
    "WholeRaster",
    "read_raster_header",
    "read_whole",
    "write_geotiff",
    "write_geotiffs",
]

COLOURS = {
    "blue": ColorInterp.blue,
    "green": ColorInterp.green,
    "red": ColorInterp.red,
    "pan": ColorInterp.gray,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterHeader:
    """A raster without its pixels."""

    path: str
    shape: tuple[int, int, int]
    """``(bands, rows, cols)``."""
    transform: Affine
    """Pixel to world."""
    crs: str | None
    names: tuple[str | None, ...]
    """Band descriptions."""

    @property
    def georeferenced(self) -> bool:
        """Whether pixels have a place on the ground."""
        return not self.transform.is_identity

    def centre_in(self, other: "RasterHeader") -> tuple[float, float]:
        """Returns the (row, col) index in `other` of the centre of pixel (0, 0)."""
        col, row = ~other.transform @ (self.transform @ (0.5, 0.5))
        return row - 0.5, col - 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRaster(RasterHeader):
    """All pixels of a raster."""

    pixels: npt.NDArray[np.float32]
    """``(bands, rows, cols)`` in DN."""
    valid: npt.NDArray[np.bool_]
    """``(rows, cols)``: True where every band is valid and finite."""
    zeros: tuple[float, ...]
    """The DN that each band's scale and offset make 0."""


def read_raster_header(path: str) -> RasterHeader:
    """Reads the header of a raster.

    Raises:
        InputError: When the file cannot be read.
    """
    with open_raster(path) as dataset:
        return RasterHeader(**_header(path, dataset))


def read_whole(path: str) -> WholeRaster:
    """Reads a raster.

    Raises:
        InputError: When the file cannot be read.
    """
    with open_raster(path) as dataset:
        try:
            pixels = read_pixels(dataset, dataset.indexes).astype(np.float32)
            masks = dataset.read_masks()
        except GDAL_ERRORS as error:
            raise InputError(
                f"{path}: cannot read its pixels: {reason(error)}; is the file truncated?"
            ) from error
        return WholeRaster(
            **_header(path, dataset),
            pixels=pixels,
            valid=((masks > 0) & (np.abs(pixels) <= LARGEST)).all(0),
            zeros=tuple(map(zero_signal, dataset.scales, dataset.offsets)),
        )


def _header(path: str, dataset: DatasetReader) -> dict[str, Any]:
    return {
        "path": path,
        "shape": (dataset.count, dataset.height, dataset.width),
        "transform": dataset.transform,
        "crs": dataset.crs.to_string() if dataset.crs else None,
        "names": band_texts(dataset, "descriptions"),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoTiff:
    """Everything in a GeoTIFF but its pixels."""

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


def write_geotiffs(files: Mapping[Path, tuple[npt.NDArray[np.generic], GeoTiff]]) -> None:
    """Writes ``(bands, rows, cols)`` or ``(rows, cols)`` as tiled, compressed GeoTIFFs.

    The data type is that of the pixels. The files get their names together once all are complete.

    Raises:
        ResourceError: When one cannot be written.
    """
    with disk_errors(next(iter(files))), atomic_set(list(files)) as parts:
        for part, (path, (pixels, header)) in zip(parts, files.items(), strict=True):
            data = _encoded(pixels, header)
            # GDAL keeps silent where the last blocks do not fit on the disk.
            with disk_errors(path):
                part.write_bytes(data)
        for path in files:
            remove_side_cars(path)


def write_geotiff(path: str | Path, pixels: npt.NDArray[np.generic], header: GeoTiff) -> None:
    """Writes one, as `write_geotiffs` does."""
    write_geotiffs({Path(path): (pixels, header)})


def _encoded(pixels: npt.NDArray[np.generic], header: GeoTiff) -> bytes:
    image = pixels[None] if pixels.ndim == 2 else pixels
    count, height, width = image.shape
    keywords = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
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
    names = header.names or ("",) * count
    with MemoryFile() as memory:
        with memory.open(**keywords) as file:
            file.colorinterp = [COLOURS.get(name, ColorInterp.undefined) for name in names]
            file.write(image)
            file.update_tags(**header.tags)
            for band, name in enumerate(header.names, start=1):
                file.set_band_description(band, name)
        return bytes(memory.getbuffer())
