"""The selected bands of one raster: float32 values, validity, mirrored borders, filled holes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import rasterio.windows
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from ssdiff_cli.rasters.gdal import GDAL_ERRORS, band_texts, header_errors, out_of_memory, reason
from ssdiff_cli.rasters.reading.fill import fill_invalid, fill_margin
from ssdiff_models.errors import InputError, ResourceError
from ssdiff_models.resampling.mirror import mirrored
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["LARGEST", "Bands", "FilledWindow", "read_pixels", "select_bands", "zero_signal"]

LARGEST = 1e30
"""Magnitude above which a float is no measurement: types' extremes, and fills near them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledWindow:
    """Pixels of a window that may overhang its raster."""

    window: Window
    values: FloatArray
    """``(bands, rows, cols)``: finite, holes filled, mirrored beyond the raster."""
    valid: BoolArray
    """``(rows, cols)``: False in holes and beyond the raster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Bands of an open raster that are read together; a pixel is valid where all of them are."""

    dataset: DatasetReader
    path: str
    indexes: tuple[int, ...]
    """1-based band numbers."""
    nodata: tuple[float | None, ...]
    """Value of holes, for each band."""
    masked: tuple[int, ...]
    """Bands whose GDAL mask (internal, side-car) counts."""
    alpha: tuple[int, ...]
    """Alpha bands: 0 is a hole."""
    fill_scales: int
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
    def descriptions(self) -> tuple[str | None, ...]:
        """What the file calls the bands."""
        texts = band_texts(self.dataset, "descriptions")
        return tuple(texts[index - 1] for index in self.indexes)

    @property
    def zeros(self) -> tuple[float, ...]:
        """The DN that each band's scale and offset make 0."""
        scales, offsets = self.dataset.scales, self.dataset.offsets
        return tuple(zero_signal(scales[i - 1], offsets[i - 1]) for i in self.indexes)

    @property
    def may_have_holes(self) -> bool:
        """Whether anything could mark a pixel invalid."""
        has_nodata = any(value is not None for value in self.nodata)
        return bool(self.masked or self.alpha or self.dtype.kind == "f" or has_nodata)

    def picked(self, places: Sequence[int]) -> Self:
        """Returns some of the bands, by their places among these, in that order."""
        return replace(
            self,
            indexes=tuple(self.indexes[place] for place in places),
            nodata=tuple(self.nodata[place] for place in places),
        )

    def read(self, window: Window) -> tuple[FloatArray, BoolArray]:
        """Reads a window inside the raster.

        Returns:
            ``(bands, rows, cols)`` values as stored, and ``(rows, cols)`` validity.

        Raises:
            InputError: When the file is truncated or corrupt.
        """
        place = rasterio.windows.Window(window.col, window.row, window.cols, window.rows)
        try:
            raw = read_pixels(self.dataset, self.indexes, place)
            valid = self._valid(raw)
            for index in self.masked:
                valid &= self.dataset.read_masks(index, window=place) != 0
            for index in self.alpha:
                valid &= self.dataset.read(index, window=place) != 0
        except GDAL_ERRORS as error:
            if out_of_memory(error):
                raise ResourceError(
                    f"{self.path}: out of memory: {reason(error)}; free some"
                ) from error
            raise InputError(
                f"{self.path}: cannot read pixels {place.toslices()}: {reason(error)}; "
                "is the file truncated?"
            ) from error
        with np.errstate(over="ignore"):
            return raw.astype(np.float32), valid

    def _valid(self, raw: npt.NDArray[np.generic]) -> BoolArray:
        valid = np.ones(raw.shape[1:], bool)
        for index, band, nodata in zip(self.indexes, raw, self.nodata, strict=True):
            own = np.dtype(self.dataset.dtypes[index - 1])
            if own.kind == "f":
                valid &= np.abs(band) <= LARGEST
            stored = _as_stored(nodata, own)
            if stored is not None:
                valid &= _differs(band, stored, own)
        return valid

    def read_filled(self, window: Window, means: Callable[[], FloatArray]) -> FilledWindow:
        """Reads a window that may overhang the raster.

        Args:
            window: Pixels of the raster.
            means: Returns the ``(bands,)`` values far from any valid pixel.
        """
        rows = np.arange(window.row, window.row_stop)
        cols = np.arange(window.col, window.col_stop)
        read_rows = mirrored(rows, self.rows)
        read_cols = mirrored(cols, self.cols)
        span = Window(
            row=int(read_rows.min()),
            col=int(read_cols.min()),
            rows=int(np.ptp(read_rows)) + 1,
            cols=int(np.ptp(read_cols)) + 1,
        )
        values, valid = self.read(span)
        if not valid.all():
            values = self._fill(span, means())
        if span == window:
            return FilledWindow(window=window, values=values, valid=valid)
        # One axis after the other takes a tenth of the time.
        down = read_rows - span.row
        right = read_cols - span.col
        inside = (rows == read_rows)[:, None] & (cols == read_cols)
        return FilledWindow(
            window=window,
            values=values[:, down][:, :, right],
            valid=valid[down][:, right] & inside,
        )

    def _fill(self, span: Window, means: FloatArray) -> FloatArray:
        around = span.expand(fill_margin(self.fill_scales)).intersection(self.extent)
        assert around is not None
        values, valid = self.read(around)
        filled = fill_invalid(values, valid, means, self.fill_scales)
        rows, cols = span.within(around)
        return filled[:, rows, cols]


def read_pixels(
    dataset: DatasetReader, indexes: Sequence[int], window: rasterio.windows.Window | None = None
) -> npt.NDArray[np.generic]:
    """Reads ``(bands, rows, cols)`` as stored; bands of several types in one that holds them."""
    if len({dataset.dtypes[index - 1] for index in indexes}) == 1:
        pixels: npt.NDArray[np.generic] = dataset.read(list(indexes), window=window)
        return pixels
    return np.stack([dataset.read(index, window=window) for index in indexes])


def _differs(band: npt.NDArray[np.generic], stored: float, own: np.dtype[Any]) -> BoolArray:
    """Compares as GDAL does: floats, also of 64 bits, nearly, to what 32 bits tell apart."""
    if own.kind != "f" or stored == 0 or not np.isfinite(stored):
        differs: BoolArray = band != stored
        return differs
    nearly = 4 * float(np.finfo(np.float32).eps) * abs(stored)
    with np.errstate(over="ignore", invalid="ignore"):
        apart: BoolArray = np.abs(band - own.type(stored)) >= nearly
    return apart


def _as_stored(nodata: float | None, dtype: np.dtype[Any]) -> float | int | None:
    """Returns nodata as a band of `dtype` stores it, None when it cannot occur there."""
    if nodata is None:
        return None
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return float(dtype.type(nodata))
    info = np.iinfo(dtype)
    # NaN is no integer either.
    return int(nodata) if float(nodata).is_integer() and info.min <= nodata <= info.max else None


def zero_signal(scale: float, offset: float) -> float:
    """Returns the DN that ``scale * DN + offset`` makes 0; 0 where metadata make no sense."""
    zero = -offset / scale if scale else 0.0
    return zero if np.isfinite(zero) else 0.0


def select_bands(
    dataset: DatasetReader,
    path: str,
    indexes: tuple[int, ...] = (),
    nodata: float | None = None,
    *,
    fill_scales: int = 0,
) -> Bands:
    """Returns bands of a raster.

    Args:
        dataset: The open raster.
        path: Its name in messages.
        indexes: 1-based bands; empty is all but alpha.
        nodata: Replaces the file's own nodata values.
        fill_scales: Reach of the fill of holes: see `fill_margin`.

    Raises:
        InputError: When a band does not exist, or the header is damaged.
    """
    with header_errors(path):
        colours = dict(zip(dataset.indexes, dataset.colorinterp, strict=True))
        alpha = [index for index, colour in colours.items() if colour == ColorInterp.alpha]
        chosen = indexes or tuple(index for index in colours if index not in alpha)
        missing = [index for index in chosen if index not in colours]
        if missing or not chosen:
            raise InputError(
                f"{path}: has {dataset.count} bands, not band {missing[0] if missing else 1}: "
                f"choose among 1 to {dataset.count}"
            )
        _refuse_palette(dataset, path, chosen)
        own_nodata = tuple(dataset.nodatavals[index - 1] for index in chosen)
        return Bands(
            dataset=dataset,
            path=path,
            indexes=chosen,
            nodata=own_nodata if nodata is None else (nodata,) * len(chosen),
            masked=_masked(dataset, chosen),
            alpha=tuple(index for index in alpha if index not in chosen),
            fill_scales=fill_scales,
        )


def _refuse_palette(dataset: DatasetReader, path: str, indexes: tuple[int, ...]) -> None:
    """Refuses numbers of colours, which cannot be fused; a table of greys changes nothing."""
    for index in indexes:
        if dataset.colorinterp[index - 1] != ColorInterp.palette:
            continue
        try:
            colours = dataset.colormap(index)
        except ValueError:
            continue
        if any(colour[:3] != (number,) * 3 for number, colour in colours.items()):
            raise InputError(
                f"{path}: band {index} holds numbers of colours in a table, not values: "
                "expand it with gdal_translate -expand rgb"
            )


def _masked(dataset: DatasetReader, indexes: tuple[int, ...]) -> tuple[int, ...]:
    """Returns bands with masks that nodata and alpha do not imply; one band for a shared mask."""
    flags = dataset.mask_flag_enums
    implied = {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha}
    own = [index for index in indexes if not implied & set(flags[index - 1])]
    shared = [index for index in own if MaskFlags.per_dataset in flags[index - 1]]
    return tuple(index for index in own if index not in shared[1:])
