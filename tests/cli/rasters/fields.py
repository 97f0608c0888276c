"""Rasters that sample a known function of the world, so that every placement has an exact answer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine

__all__ = ["ORIGIN", "Array", "Rasters", "centres", "north_up", "plane", "waves"]

Array = npt.NDArray[Any]
Field = Callable[[Array, Array], Array]

ORIGIN = (500_000.0, 4_600_000.0)
"""World coordinates of the PAN's outer corner, in EPSG:32631."""


def plane(x: Array, y: Array) -> Array:
    """A value that tells its place: 7 per metre east, 3 per metre south."""
    return np.asarray(1000 + 7 * (x - ORIGIN[0]) - 3 * (y - ORIGIN[1]))


def waves(x: Array, y: Array) -> Array:
    """Bands of 24 m and 31 m wavelength: six and eight MS pixels of 4 m."""
    return np.asarray(
        500
        + 100 * np.sin((x - ORIGIN[0]) / 24 * 2 * np.pi)
        + 80 * np.cos((y - ORIGIN[1]) / 31 * 2 * np.pi)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rasters:
    """Writes rasters into a folder."""

    folder: Path

    def write(self, name: str, pixels: Array, transform: Affine | None, **profile: Any) -> str:
        """Writes ``(bands, rows, cols)``; `mask` in the profile becomes GDAL's mask."""
        path, mask = str(self.folder / name), profile.pop("mask", None)
        placed = {} if transform is None else {"transform": transform}
        settings = {"driver": "GTiff", "crs": "EPSG:32631"} | placed | profile
        count, height, width = pixels.shape
        with rasterio.open(
            path, "w", width=width, height=height, count=count, dtype=pixels.dtype.name, **settings
        ) as out:
            out.write(pixels)
            if mask is not None:
                out.write_mask(mask.astype(np.uint8) * 255)
        return path

    def sample(
        self, name: str, transform: Affine, shape: tuple[int, int], *fields: Field, **profile: Any
    ) -> str:
        """Writes fields sampled at pixel centres, one band each, as float32."""
        pixels = np.stack([field(*centres(transform, shape)) for field in fields])
        return self.write(name, pixels.astype(np.float32), transform, **profile)


def centres(transform: Affine, shape: tuple[int, int]) -> tuple[Array, Array]:
    """World coordinates of pixel centres, ``(rows, cols)`` each."""
    cols, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    a, b, c, d, e, f = tuple(transform)[:6]
    return a * cols + b * rows + c, d * cols + e * rows + f


def north_up(x: float, y: float, pixel: float, height: float | None = None) -> Affine:
    """The transform of a raster whose outer corner is at (x, y)."""
    return Affine(pixel, 0.0, x, 0.0, -(height or pixel), y)
