"""A picture of PAN, MS and result side by side."""

import numpy as np
from affine import Affine

from ssdiff_cli.jobs.evaluate.report.pictures import (
    Picture,
    busiest_window,
    colour_bands,
    stretch_of,
)
from ssdiff_cli.rasters.gdal import open_raster, raster_env
from ssdiff_cli.rasters.reading.bands import select_bands
from ssdiff_cli.rasters.reading.pair import ScenePair, open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import InputError, ResourceError, UsageError
from ssdiff_models.files import atomic
from ssdiff_models.resampling.upsample import MS_HALO
from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["draw_quicklook"]

_CONTEXT = 1024
"""Largest side of what is read, in PAN pixels."""
_ZOOM = 160
"""Side of the enlarged part in PAN pixels."""


def _place(pair: ScenePair, transform: Affine, shape: tuple[int, ...]) -> Window:
    """Returns where an image lies on the PAN's grid."""
    col, row = ~pair.transform @ (transform.c, transform.f)
    return Window(row=round(row), col=round(col), rows=shape[0], cols=shape[1])


def draw_quicklook(pan: str, ms: str, fused: str, png: str, *, options: PairOptions) -> None:
    """Writes a picture of PAN, MS and result, and of their busiest place enlarged.

    At most 1024 x 1024 PAN pixels in the middle of the scene are read.

    Args:
        pan: PAN raster.
        ms: MS raster.
        fused: Their fusion, on the PAN's grid or a part of it.
        png: File to write.
        options: How the pair is read.

    Raises:
        InputError: When a raster cannot be used.
        ResourceError: When the picture cannot be written.
        UsageError: When matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            f"{png}: drawing it needs matplotlib: pip install 'ssdiff-cli[report]'"
        ) from error
    pictures = _pictures(pan, ms, fused, options)
    spot = busiest_window(_changes(pictures["MS"]), _ZOOM)
    figure = Figure(figsize=(14.4, 9.8), layout="constrained")
    axes = figure.subplots(2, 3)
    for column, (title, picture) in enumerate(pictures.items()):
        image = picture.transpose(1, 2, 0)
        axes[0, column].set_title(title)
        axes[0, column].imshow(image)
        axes[1, column].imshow(image[spot], interpolation="nearest")
    for ax in axes.flat:
        ax.set_axis_off()
    try:
        with atomic(png) as part:
            figure.savefig(part, format="png", dpi=100)
    except OSError as error:
        raise ResourceError(
            f"{png}: cannot be written: {error.strerror}; choose another folder"
        ) from error


def _pictures(pan: str, ms: str, fused: str, options: PairOptions) -> dict[str, Picture]:
    """Returns the middle of the scene; all multispectral images have the stretch of the MS."""
    with raster_env(), open_pair(pan, ms, options=options) as pair:
        window = _middle(pair.area, pair.ratio)
        patch = pair.read(window)
        colours = list(colour_bands(pair.ms.dataset.descriptions, pair.bands))
        result = _read_fused(fused, pair, window)[colours]
        ratio = pair.ratio
    small = patch.ms[:, MS_HALO:-MS_HALO, MS_HALO:-MS_HALO][colours]
    stretch = stretch_of(small)
    sharp = patch.pan[None]
    return {
        "PAN": stretch_of(sharp).picture(sharp),
        "MS": stretch.picture(small.repeat(ratio, 1).repeat(ratio, 2)),
        "result": stretch.picture(result),
    }


def _changes(picture: Picture) -> FloatArray:
    """Returns ``(rows, cols)``: how much colour and brightness change from pixel to pixel."""
    image = picture.astype(np.float32)
    changes = np.zeros(image.shape[1:], np.float32)
    changes[:-1] += np.abs(np.diff(image, axis=1)).sum(0)
    changes[:, :-1] += np.abs(np.diff(image, axis=2)).sum(0)
    # One glaring roof must not win over a town.
    return np.minimum(changes, np.percentile(changes, 98))


def _middle(area: Window, ratio: int) -> Window:
    """Returns a square in the middle of an area, grown to MS model pixels."""
    side = min(_CONTEXT, area.rows, area.cols)
    row = area.row + (area.rows - side) // 2
    col = area.col + (area.cols - side) // 2
    return Window(row=row, col=col, rows=side, cols=side).grown_to(ratio)


def _read_fused(path: str, pair: ScenePair, window: Window) -> FloatArray:
    """Reads ``(bands, rows, cols)`` of a fusion in a window of the PAN's grid.

    Raises:
        InputError: When it has other bands than the MS, or lies elsewhere.
    """
    with open_raster(path) as file:
        bands = select_bands(file, path, fill_scales=1)
        place = _place(pair, file.transform, (file.height, file.width))
        if len(bands.indexes) != pair.bands or place.intersection(window) is None:
            raise InputError(
                f"{path}: is no fusion of {pair.pan.path} and {pair.ms.path}: compare files of "
                "the same scene"
            )
        own = Window(
            row=window.row - place.row,
            col=window.col - place.col,
            rows=window.rows,
            cols=window.cols,
        )
        return bands.read_filled(own, lambda: np.zeros(pair.bands, np.float32)).values
