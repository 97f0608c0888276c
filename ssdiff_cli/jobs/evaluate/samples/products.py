"""Given products: fused rasters that lie on the grid of a PAN or of a reference."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from affine import Affine

from ssdiff_cli.jobs.evaluate.samples.sample import Sample
from ssdiff_cli.rasters.gdal import open_raster
from ssdiff_cli.rasters.reading.bands import Bands, select_bands
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["Grid", "Product", "open_bands", "open_products", "product_names"]

OFF_GRID = 0.05
"""Pixels by which a product's corners may miss the grid's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A grid that products must lie on."""

    path: str
    bands: Bands
    transform: Affine
    count: int
    """Bands that a product must have."""
    count_path: str
    """The file that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A fused raster and its place on the grid."""

    bands: Bands
    row: int
    """Grid row of its first row."""
    col: int
    """Grid column of its first column."""
    scale: float = 1.0
    """What its values, above black, are multiplied with to become DN."""
    black: tuple[float, ...] = ()
    """Value of each band that is no signal: that of the data it is held against, as many tools lose it; none: 0."""

    @property
    def window(self) -> Window:
        """The part of the grid that it covers."""
        return Window(row=self.row, col=self.col, rows=self.bands.rows, cols=self.bands.cols)

    def read(self, window: Window) -> tuple[FloatArray, BoolArray]:
        """Returns ``(bands, rows, cols)`` in DN, 0 where there is nothing, and ``(rows, cols)`` of what is there and valid."""
        fused = np.zeros((len(self.bands.indexes), *window.shape), dtype=np.float32)
        valid = np.zeros(window.shape, dtype=np.bool_)
        part = window.intersection(self.window)
        if part is not None:
            rows, cols = part.within(window)
            own = Window(
                row=part.row - self.row, col=part.col - self.col, rows=part.rows, cols=part.cols
            )
            values, valid[rows, cols] = self.bands.read(own)
            fused[:, rows, cols] = np.where(valid[rows, cols], self._signal(values) * self.scale, 0)
        return fused, valid

    def _signal(self, values: FloatArray) -> FloatArray:
        return (
            values - np.array(self.black, np.float32)[:, None, None] if any(self.black) else values
        )

    def fuse(self, sample: Sample) -> FloatArray:
        """Returns the pixels under a sample: a product is its own method."""
        assert sample.window is not None
        return self.read(sample.window)[0]

    def valid(self, window: Window) -> BoolArray:
        """Returns where the product is valid."""
        return self.read(window)[1]


def open_bands(path: str, stack: ExitStack) -> Bands:
    """Opens all bands of a raster but alpha, until `stack` closes.

    Raises:
        InputError: When it cannot be used.
    """
    return select_bands(stack.enter_context(open_raster(path)), path, (), None, 0)


@contextmanager
def open_products(
    paths: tuple[str, ...], grid: Grid, scale: float = 1.0
) -> Iterator[dict[str, Product]]:
    """Opens products and finds their place on `grid`; keys are short names for the rows of a table.

    Raises:
        InputError: When one cannot be used, has other bands, or lies on another grid.
    """
    with ExitStack() as stack:
        names = product_names(paths)
        yield {
            name: _placed(open_bands(path, stack), grid, scale)
            for name, path in zip(names, paths, strict=True)
        }


def product_names(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Returns file names without their ending, or the paths where these are not unique.

    Raises:
        UsageError: When a file is given twice.
    """
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise UsageError(f"{twice} is given twice: give each product once")
    short = tuple(PurePath(path).stem for path in paths)
    return short if len(set(short)) == len(short) else paths


def _placed(bands: Bands, grid: Grid, scale: float) -> Product:
    if len(bands.indexes) != grid.count:
        raise InputError(
            f"{bands.path}: has {len(bands.indexes)} bands, {grid.count_path} {grid.count}: both must have the same bands"
        )
    transform = bands.dataset.transform
    if transform == Affine.identity() or grid.transform == Affine.identity():
        _same_size(bands, grid)
        return Product(bands=bands, row=0, col=0, scale=scale)
    _same_crs(bands, grid)
    to_grid = ~grid.transform @ transform
    first, last = to_grid @ (0.0, 0.0), to_grid @ (float(bands.cols), float(bands.rows))
    row, col = round(first[1]), round(first[0])
    expected = (col, row, col + bands.cols, row + bands.rows)
    if max(abs(a - b) for a, b in zip((*first, *last), expected, strict=True)) > OFF_GRID:
        raise InputError(
            f"{bands.path}: is not on the grid of {grid.path} (its corners lie at columns {first[0]:.2f} to {last[0]:.2f}, "
            f"rows {first[1]:.2f} to {last[1]:.2f} of it): resample it to that grid"
        )
    product = Product(bands=bands, row=row, col=col, scale=scale)
    if (
        product.window.intersection(
            Window(row=0, col=0, rows=grid.bands.rows, cols=grid.bands.cols)
        )
        is None
    ):
        raise InputError(f"{bands.path}: does not overlap {grid.path}")
    return product


def _same_size(bands: Bands, grid: Grid) -> None:
    if (bands.rows, bands.cols) != (grid.bands.rows, grid.bands.cols):
        raise InputError(
            f"{bands.path}: has {bands.cols} x {bands.rows} pixels, {grid.path} {grid.bands.cols} x {grid.bands.rows}, "
            "and one of them has no geotransform: give rasters on one grid"
        )


def _same_crs(bands: Bands, grid: Grid) -> None:
    own, other = bands.dataset.crs, grid.bands.dataset.crs
    if own and other and own != other:
        raise InputError(
            f"{bands.path}: its CRS is {own}, that of {grid.path} {other}: reproject it"
        )
