"""Arrays as pictures inside the page."""

import base64
import io

import numpy as np
import numpy.typing as npt

from ssdiff_cli.jobs.evaluate.report.quicklook import Picture
from ssdiff_models.scene.source import FloatArray

__all__ = ["COLOURS", "embed", "embed_svg", "heat", "signed"]

COLOURS = "inferno"
"""Colour map of error maps: as light as the error is large, in grey prints too."""


def embed(picture: Picture) -> str:
    """Returns ``(3, rows, cols)`` as a data URL."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, np.ascontiguousarray(picture.transpose(1, 2, 0)), format="png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def embed_svg(svg: str) -> str:
    """Returns a drawing as a data URL."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def heat(error: FloatArray, largest: float) -> Picture:
    """Returns ``(rows, cols)`` in false colours, from 0 to `largest`."""
    from matplotlib import colormaps

    colours: npt.NDArray[np.uint8] = colormaps[COLOURS](
        np.clip(error / max(largest, 1e-9), 0, 1), bytes=True
    )
    return np.ascontiguousarray(colours[..., :3].transpose(2, 0, 1))


def signed(image: FloatArray, largest: float) -> Picture:
    """Returns ``(3, rows, cols)`` around middle grey; -`largest` is black and `largest` white."""
    grey = np.clip(0.5 + 0.5 * image / max(largest, 1e-9), 0, 1)
    picture: Picture = np.rint(grey * 255).astype(np.uint8)
    return picture
