"""What a fusion gained: its quality against a known truth, and a picture of PAN, MS and result side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from affine import Affine

from ssdiff_cli.jobs.evaluate.report.quicklook import (
    Picture,
    busiest,
    colour_bands,
    fit,
    label,
    sheet,
    stretch_of,
)
from ssdiff_cli.rasters.gdal import open_raster, raster_env
from ssdiff_cli.rasters.reading.bands import select_bands
from ssdiff_cli.rasters.reading.pair import ScenePair, open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.whole_raster import read_whole, write_png
from ssdiff_models.errors import InputError
from ssdiff_models.metrics import ergas, psnr, sam
from ssdiff_models.resampling.upsample import MS_HALO, upsample
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["Comparison", "Quality", "measure", "picture"]

_CONTEXT = 1024
_ZOOM = 160
_SIDE = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A pair and its fusion."""

    pan: str
    """PAN raster."""
    ms: str
    """MS raster."""
    fused: str
    """The fusion, on the PAN's grid or a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How near an image is to the truth."""

    sam: float
    """Spectral angle in degrees; 0 is best."""
    ergas: float
    """Relative global error; 0 is best."""
    psnr: float
    """Peak signal-to-noise ratio in decibels; higher is better."""


def measure(comparison: Comparison, truth: str) -> Mapping[str, Quality]:
    """Returns the quality of plain interpolation (``EXP``) and of the fusion (``result``) against the truth.

    Raises:
        InputError: When a file cannot be read, or the fusion and the truth do not lie on one grid.
    """
    fused, reference = read_whole(comparison.fused), read_whole(truth)
    if fused.pixels.shape != reference.pixels.shape or not fused.transform.almost_equals(
        reference.transform, 1e-6
    ):
        raise InputError(
            f"{comparison.fused}: is not on the grid of {truth}: compare files of the same scene and extent"
        )
    with raster_env(), open_pair(comparison.pan, comparison.ms, options=PairOptions()) as pair:
        window = _place(pair, fused.transform, fused.valid.shape)
        images = {"EXP": _interpolated(pair, window), "result": fused.pixels}
        valid = pair.read(window).valid & fused.valid & reference.valid
        return {
            name: _quality(image, reference.pixels, valid, pair.ratio)
            for name, image in images.items()
        }


def _quality(image: FloatArray, truth: FloatArray, valid: BoolArray, ratio: int) -> Quality:
    return Quality(
        sam=sam(image, truth, valid=valid),
        ergas=ergas(image, truth, ratio=ratio, valid=valid),
        psnr=psnr(image, truth, valid=valid),
    )


def _place(pair: ScenePair, transform: Affine, shape: tuple[int, ...]) -> Window:
    """Returns where an image that lies on the PAN's grid begins and ends there."""
    inverse, x, y = ~pair.transform, transform.c, transform.f
    row, col = inverse.d * x + inverse.e * y + inverse.f, inverse.a * x + inverse.b * y + inverse.c
    return Window(row=round(row), col=round(col), rows=shape[0], cols=shape[1])


def _interpolated(pair: ScenePair, window: Window) -> FloatArray:
    """Returns ``(bands, rows, cols)``: the MS interpolated to a window of the PAN's grid."""
    whole = _aligned(window, pair.ratio)
    lms = upsample(torch.from_numpy(pair.read(whole).ms), pair.ratio, pair.ms_phase)
    rows, cols = window.within(whole)
    return np.asarray(lms[:, rows, cols].numpy())


def _aligned(window: Window, ratio: int) -> Window:
    row, col = window.row // ratio * ratio, window.col // ratio * ratio
    rows, cols = (
        -(-(window.row_stop - row) // ratio) * ratio,
        -(-(window.col_stop - col) // ratio) * ratio,
    )
    return Window(row=row, col=col, rows=rows, cols=cols)


def picture(comparison: Comparison, png: str) -> None:
    """Writes a picture: PAN, MS and result above, and their busiest place enlarged below, all bands stretched alike.

    Only a window of at most 1024 PAN pixels on a side, in the middle of the scene, is read.

    Raises:
        InputError: When a file cannot be used.
        ResourceError: When the picture cannot be written.
    """
    with raster_env(), open_pair(comparison.pan, comparison.ms, options=PairOptions()) as pair:
        window = _middle(pair.area, pair.ratio)
        patch = pair.read(window)
        halo = slice(MS_HALO, -MS_HALO)
        coarse = patch.ms[:, halo, halo].repeat(pair.ratio, 1).repeat(pair.ratio, 2)
        colours = list(colour_bands(pair.ms.dataset.descriptions, pair.bands))
        fused = _read_fused(comparison.fused, pair, window)
    write_png(png, _sheet(patch.pan[None], coarse[colours], fused[colours]))


def _middle(area: Window, ratio: int) -> Window:
    """Returns a square in the middle of an area, on whole MS model pixels."""
    side = min(_CONTEXT, area.rows, area.cols)
    row, col = area.row + (area.rows - side) // 2, area.col + (area.cols - side) // 2
    return _aligned(Window(row=row, col=col, rows=side, cols=side), ratio)


def _read_fused(path: str, pair: ScenePair, window: Window) -> FloatArray:
    """Reads ``(bands, rows, cols)`` of the fusion at a window of the PAN's grid.

    Raises:
        InputError: When it has other bands than the MS, or lies elsewhere.
    """
    with open_raster(path) as file:
        bands = select_bands(file, path, (), None, 1)
        place = _place(pair, file.transform, (file.height, file.width))
        if len(bands.indexes) != pair.bands or place.intersection(window) is None:
            raise InputError(
                f"{path}: is no fusion of {pair.pan.path} and {pair.ms.path}: compare files of the same scene"
            )
        inside = Window(
            row=window.row - place.row,
            col=window.col - place.col,
            rows=window.rows,
            cols=window.cols,
        )
        return bands.read_filled(inside, lambda: np.zeros(len(bands.indexes), np.float32)).values


def _sheet(pan: FloatArray, coarse: FloatArray, fused: FloatArray) -> Picture:
    grey, colour = stretch_of(pan), stretch_of(coarse)
    pictures = grey.picture(pan), colour.picture(coarse), colour.picture(fused)
    row, col = busiest(pictures[1], _ZOOM)
    zoomed = [image[:, row : row + _ZOOM, col : col + _ZOOM] for image in pictures]
    titles = ("PAN", "MS", "RESULT")
    above = [label(fit(image, _SIDE), title) for image, title in zip(pictures, titles, strict=True)]
    return sheet([above, [fit(image, _SIDE) for image in zoomed]])
