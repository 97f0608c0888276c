"""Fused rasters on the grid of a PAN or of a reference."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from affine import Affine

from ssdiff_cli.jobs.evaluate.plan import Sample
from ssdiff_cli.jobs.sharpen.band_names import names_in
from ssdiff_cli.rasters.gdal import open_raster
from ssdiff_cli.rasters.reading.bands import Bands, select_bands
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene.band_matching import known_bands
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["Grid", "Product", "open_bands", "open_products", "product_names"]

_log = logging.getLogger(__name__)

OFF_GRID = 0.05
"""Pixels by which a product's corners may miss the grid's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A grid that products must lie on."""

    bands: Bands
    """The raster that has the grid."""
    transform: Affine
    spectral: Bands
    """The raster whose bands products must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A fused raster and its place on the grid."""

    bands: Bands
    window: Window
    """The part of the grid that it covers."""
    scale: float = 1.0
    """Factor from its values above zero signal to DN."""
    zeros: tuple[float, ...] = ()
    """Value of no signal in each band of the compared data, as many tools lose it; empty is 0."""

    def __call__(self, sample: Sample) -> FloatArray:
        """Returns its pixels ``(bands, rows, cols)`` in the window of a sample."""
        assert sample.window is not None
        return self.read(sample.window)[0]

    def valid(self, window: Window) -> BoolArray:
        """Returns ``(rows, cols)``, True where it is valid."""
        return self.read(window)[1]

    def read(self, window: Window) -> tuple[FloatArray, BoolArray]:
        """Returns ``(bands, rows, cols)`` in DN, 0 where invalid, and the validity."""
        fused = np.zeros((len(self.bands.indexes), *window.shape), dtype=np.float32)
        valid = np.zeros(window.shape, dtype=np.bool_)
        part = window.intersection(self.window)
        if part is None:
            return fused, valid
        rows, cols = part.within(window)
        row = part.row - self.window.row
        col = part.col - self.window.col
        own = Window(row=row, col=col, rows=part.rows, cols=part.cols)
        values, valid[rows, cols] = self.bands.read(own)
        if any(self.zeros):
            values = values - np.array(self.zeros, np.float32)[:, None, None]
        fused[:, rows, cols] = np.where(valid[rows, cols], values * self.scale, 0)
        return fused, valid


def open_bands(path: str, stack: ExitStack) -> Bands:
    """Opens all bands of a raster but alpha, until `stack` closes.

    Raises:
        InputError: When it cannot be used.
    """
    return select_bands(stack.enter_context(open_raster(path)), path)


def open_products(paths: tuple[str, ...], grid: Grid, stack: ExitStack) -> dict[str, Product]:
    """Opens products by their short names, until `stack` closes.

    Raises:
        InputError: When one cannot be used, has other bands, or lies on another grid.
        UsageError: When a file is given twice.
    """
    names = product_names(paths)
    return {
        name: _product(open_bands(path, stack), grid)
        for name, path in zip(names, paths, strict=True)
    }


def product_names(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Returns file names without their ending, or the paths where these are not unique.

    Raises:
        UsageError: When a file is given twice.
    """
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(f"{path} is given twice: give each product once")
    short = tuple(PurePath(path).stem for path in paths)
    return short if len(set(short)) == len(short) else paths


def _product(bands: Bands, grid: Grid) -> Product:
    count = len(grid.spectral.indexes)
    if len(bands.indexes) != count:
        raise InputError(
            f"{bands.path}: has {len(bands.indexes)} bands, {grid.spectral.path} {count}: "
            "both must have the same bands"
        )
    bands = _in_order(bands, grid.spectral)
    window = Window(row=0, col=0, rows=bands.rows, cols=bands.cols)
    transform = bands.dataset.transform
    if transform == Affine.identity() or grid.transform == Affine.identity():
        _check_size(bands, grid)
        return Product(bands=bands, window=window)
    _check_crs(bands, grid)
    window = _window(bands, grid, ~grid.transform @ transform)
    scene = Window(row=0, col=0, rows=grid.bands.rows, cols=grid.bands.cols)
    if window.intersection(scene) is None:
        raise InputError(f"{bands.path}: does not overlap {grid.bands.path}")
    return Product(bands=bands, window=window)


def _in_order(bands: Bands, spectral: Bands) -> Bands:
    """Returns a product's bands in the order of those they are compared with, by their names."""
    names, wanted = known_bands(names_in(bands)), known_bands(names_in(spectral))
    if names == wanted or not all(wanted):
        return bands
    if not any(names):
        listed = ", ".join(map(str, wanted))
        _log.warning(
            "%s: its bands have no names: taken for %s, as in %s",
            *(bands.path, listed, spectral.path),
        )
        return bands
    if set(names) != set(wanted):
        raise InputError(
            f"{bands.path}: its bands are {', '.join(name or 'no name' for name in names)}, those "
            f"of {spectral.path} {', '.join(map(str, wanted))}: both must have the same bands"
        )
    return bands.picked([names.index(name) for name in wanted])


def _window(bands: Bands, grid: Grid, to_grid: Affine) -> Window:
    left, top = to_grid @ (0.0, 0.0)
    right, bottom = to_grid @ (float(bands.cols), float(bands.rows))
    row = round(top)
    col = round(left)
    misses = (left - col, top - row, right - col - bands.cols, bottom - row - bands.rows)
    if max(abs(miss) for miss in misses) > OFF_GRID:
        raise InputError(
            f"{bands.path}: is not on the grid of {grid.bands.path} (its corners lie at columns "
            f"{left:.2f} to {right:.2f}, rows {top:.2f} to {bottom:.2f} of it): "
            "resample it to that grid"
        )
    return Window(row=row, col=col, rows=bands.rows, cols=bands.cols)


def _check_size(bands: Bands, grid: Grid) -> None:
    if (bands.rows, bands.cols) != (grid.bands.rows, grid.bands.cols):
        raise InputError(
            f"{bands.path}: has {bands.cols} x {bands.rows} pixels, {grid.bands.path} "
            f"{grid.bands.cols} x {grid.bands.rows}, and one of them has no geotransform: "
            "give rasters on one grid"
        )


def _check_crs(bands: Bands, grid: Grid) -> None:
    own = bands.dataset.crs
    other = grid.bands.dataset.crs
    if own and other and own != other:
        raise InputError(
            f"{bands.path}: its CRS is {own}, that of {grid.bands.path} {other}: reproject it"
        )
