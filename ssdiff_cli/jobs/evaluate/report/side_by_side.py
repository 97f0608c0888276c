"""A picture of PAN, MS and result side by side."""

import io
from contextlib import ExitStack

import numpy as np

from ssdiff_cli.jobs.evaluate.report.pictures import (
    Picture,
    busiest_window,
    colour_bands,
    stretch_of,
)
from ssdiff_cli.jobs.evaluate.samples.products import Grid, open_products
from ssdiff_cli.jobs.evaluate.samples.windows import centred
from ssdiff_cli.jobs.sharpen.band_names import band_names
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.source import FloatArray

__all__ = ["draw_quicklook"]

_CONTEXT = 1024
"""Largest side of what is read, in PAN pixels."""
_ZOOM = 160
"""Side of the enlarged part in PAN pixels."""


def draw_quicklook(pan: str, ms: str, fused: str, options: PairOptions) -> bytes:
    """Returns a PNG of PAN, MS and result, and of their busiest place enlarged.

    At most 1024 x 1024 PAN pixels in the middle of the scene are read. The result lies on the
    PAN's grid or a part of it.

    Raises:
        InputError: When a raster cannot be used.
    """
    from matplotlib.figure import Figure

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
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    return png.getvalue()


def _pictures(pan: str, ms: str, fused: str, options: PairOptions) -> dict[str, Picture]:
    """Returns the middle of the scene; MS and result have the stretch of the MS."""
    with raster_env(), open_pair(pan, ms, options=options) as pair, ExitStack() as stack:
        grid = Grid(bands=pair.pan, transform=pair.transform, spectral=pair.ms)
        (product,) = open_products((fused,), grid, stack).values()
        side = min(_CONTEXT, *pair.area.shape)
        window = centred(pair.area, side).grown_to(pair.ratio)
        patch = pair.read(window)
        bands = list(colour_bands(band_names(pair), pair.bands))
        result = product.read(window)[0][bands]
        ratio = pair.ratio
    small = patch.ms[:, MS_HALO:-MS_HALO, MS_HALO:-MS_HALO][bands]
    stretch = stretch_of(small)
    coarse = small.repeat(ratio, 1).repeat(ratio, 2)
    sharp = patch.pan[None]
    return {
        "PAN": stretch_of(sharp).picture(sharp),
        "MS": stretch.picture(coarse),
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
