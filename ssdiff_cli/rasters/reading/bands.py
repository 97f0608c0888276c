"""The selected bands of one raster: values as float32, validity from every mask GDAL knows, reflected borders, filled holes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio.windows
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.io import DatasetReader

from ssdiff_cli.rasters.gdal import GDAL_ERRORS, header_errors
from ssdiff_cli.rasters.reading.fill import fill_invalid, fill_margin
from ssdiff_models.errors import InputError
from ssdiff_models.resampling.borders import mirrored
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["Bands", "FilledWindow", "alpha_with_data", "select_bands", "zero_signal"]

LOOK = 256
"""Pixels on an axis of the thumbnail that an alpha band is judged by."""
SOFT = 0.1
"""Part of it that may be half transparent, at seams and edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledWindow:
    """Pixels of a window that may overhang its raster."""

    values: FloatArray
    """``(bands, rows, cols)`` of the window: finite, holes filled, mirrored beyond the raster."""
    valid: BoolArray
    """``(rows, cols)`` of the window: False in holes and beyond the raster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Bands of an open raster that are read together; a pixel is valid where all of them are."""

    dataset: DatasetReader
    path: str
    indexes: tuple[int, ...]
    """1-based band numbers."""
    nodata: tuple[float | None, ...]
    """What marks a hole, for each band."""
    masked: tuple[int, ...]
    """Bands whose GDAL mask (internal, side-car) counts."""
    alpha: tuple[int, ...]
    """Alpha bands: 0 is a hole."""
    fill_rungs: int
    """Reach of the fill: see `fill_margin`."""

    @property
    def rows(self) -> int:
        """Height of the raster in its own pixels."""
        return int(self.dataset.height)

    @property
    def cols(self) -> int:
        """Width of the raster in its own pixels."""
        return int(self.dataset.width)

    @property
    def extent(self) -> Window:
        """All pixels of the raster."""
        return Window(row=0, col=0, rows=self.rows, cols=self.cols)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type that holds all selected bands."""
        return np.result_type(*(np.dtype(self.dataset.dtypes[i - 1]) for i in self.indexes))

    @property
    def black(self) -> tuple[float, ...]:
        """The DN that each band's scale and offset make 0."""
        return tuple(
            zero_signal(self.dataset.scales[i - 1], self.dataset.offsets[i - 1])
            for i in self.indexes
        )

    @property
    def may_have_holes(self) -> bool:
        """Whether anything could mark a pixel invalid."""
        return bool(
            self.masked
            or self.alpha
            or self.dtype.kind == "f"
            or any(value is not None for value in self.nodata)
        )

    def read(self, window: Window) -> tuple[FloatArray, BoolArray]:
        """Reads a window inside the raster: ``(bands, rows, cols)`` values as stored, and ``(rows, cols)`` validity.

        Raises:
            InputError: When the file is truncated or corrupt.
        """
        place = rasterio.windows.Window(window.col, window.row, window.cols, window.rows)
        try:
            raw = self.dataset.read(list(self.indexes), window=place)
            valid = self._valid(raw)
            for index in self.masked:
                valid &= self.dataset.read_masks(index, window=place) != 0
            for index in self.alpha:
                valid &= self.dataset.read(index, window=place) != 0
        except GDAL_ERRORS as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise InputError(
                f"{self.path}: cannot read pixels {place.toslices()}: {reason}; is the file truncated?"
            ) from error
        with np.errstate(over="ignore"):
            return raw.astype(np.float32), valid

    def _valid(self, raw: npt.NDArray[np.generic]) -> BoolArray:
        valid = np.ones(raw.shape[1:], bool)
        for band, nodata in zip(raw, self.nodata, strict=True):
            if band.dtype.kind == "f":
                # Values beyond float32 would turn infinite in the engine.
                valid &= np.abs(band) <= np.finfo(np.float32).max
            stored = _as_stored(nodata, band.dtype)
            if stored is not None:
                valid &= band != stored
        return valid

    def read_filled(self, window: Window, means: Callable[[], FloatArray]) -> FilledWindow:
        """Reads a window that may overhang the raster; `means` gives the ``(bands,)`` values far from any valid pixel."""
        rows, row_start, row_stop = _reflected(window.row, window.row_stop, self.rows)
        cols, col_start, col_stop = _reflected(window.col, window.col_stop, self.cols)
        span = Window(
            row=row_start, col=col_start, rows=row_stop - row_start, cols=col_stop - col_start
        )
        values, valid = self.read(span)
        if not valid.all():
            values = self._fill(span, means())
        if span == window:
            return FilledWindow(values=values, valid=valid)
        inside = (
            _inside(window.row, window.row_stop, self.rows)[:, None]
            & _inside(window.col, window.col_stop, self.cols)[None]
        )
        place = np.ix_(rows - row_start, cols - col_start)
        return FilledWindow(values=values[:, place[0], place[1]], valid=valid[place] & inside)

    def _fill(self, span: Window, means: FloatArray) -> FloatArray:
        whole = Window(row=0, col=0, rows=self.rows, cols=self.cols)
        wide = span.expand(fill_margin(self.fill_rungs)).intersection(whole)
        assert wide is not None
        values, valid = self.read(wide)
        filled = fill_invalid(values, valid, means, self.fill_rungs)
        rows, cols = span.within(wide)
        return filled[:, rows, cols]


def _as_stored(nodata: float | None, dtype: np.dtype[Any]) -> float | int | None:
    """Returns nodata as a band of `dtype` stores it, None when it cannot occur there."""
    if nodata is None or (np.isnan(nodata) and dtype.kind != "f"):
        return None
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return float(dtype.type(nodata))
    info = np.iinfo(dtype)
    return int(nodata) if float(nodata).is_integer() and info.min <= nodata <= info.max else None


def _reflected(start: int, stop: int, size: int) -> tuple[npt.NDArray[np.int64], int, int]:
    index = mirrored(np.arange(start, stop), size)
    return index, int(index.min()), int(index.max()) + 1


def _inside(start: int, stop: int, size: int) -> BoolArray:
    index = np.arange(start, stop)
    return (index >= 0) & (index < size)


def zero_signal(scale: float, offset: float) -> float:
    """Returns the DN that ``scale * DN + offset`` makes 0; 0 where metadata make no sense."""
    black = -offset / scale if scale else 0.0
    return black if np.isfinite(black) else 0.0


def select_bands(
    dataset: DatasetReader,
    path: str,
    indexes: tuple[int, ...],
    nodata: float | None,
    fill_rungs: int,
) -> Bands:
    """Returns the bands `indexes` of a raster (all but alpha when empty), with `nodata` overriding the file's own.

    Raises:
        InputError: When a band does not exist.
    """
    with header_errors(path):
        return _select_bands(dataset, path, indexes, nodata, fill_rungs)


def _select_bands(
    dataset: DatasetReader,
    path: str,
    indexes: tuple[int, ...],
    nodata: float | None,
    fill_rungs: int,
) -> Bands:
    alpha = tuple(
        i
        for i, colour in zip(dataset.indexes, dataset.colorinterp, strict=True)
        if colour == ColorInterp.alpha
    )
    chosen = indexes or tuple(i for i in dataset.indexes if i not in alpha)
    missing = [i for i in chosen if i not in dataset.indexes]
    if missing or not chosen:
        raise InputError(
            f"{path}: has {dataset.count} bands, not band {missing[0] if missing else 1}: choose among 1 to {dataset.count}"
        )
    values = tuple(dataset.nodatavals[i - 1] if nodata is None else nodata for i in chosen)
    return Bands(
        dataset=dataset,
        path=path,
        indexes=chosen,
        nodata=values,
        masked=_masked(dataset, chosen),
        alpha=tuple(i for i in alpha if i not in chosen),
        fill_rungs=fill_rungs,
    )


def _masked(dataset: DatasetReader, indexes: tuple[int, ...]) -> tuple[int, ...]:
    """Bands whose mask is one of its own, not what nodata or alpha say; of a mask for all bands only the first."""
    derived = {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha}
    own = [i for i in indexes if not derived & set(dataset.mask_flag_enums[i - 1])]
    shared = [i for i in own if MaskFlags.per_dataset in dataset.mask_flag_enums[i - 1]]
    return tuple(i for i in own if i not in shared[1:])


def alpha_with_data(bands: Bands) -> tuple[int, ...]:
    """Returns the alpha bands that are half transparent in more places than a mask is."""
    return tuple(index for index in bands.alpha if _half_transparent(bands, index) > SOFT)


def _half_transparent(bands: Bands, index: int) -> float:
    shape = (min(bands.rows, LOOK), min(bands.cols, LOOK))
    try:
        alpha = bands.dataset.read(index, out_shape=shape, resampling=Resampling.nearest)
    except GDAL_ERRORS:
        return 0.0  # reading the scene will say what is wrong with the file
    return float(((alpha > 0) & (alpha < alpha.max())).mean())
