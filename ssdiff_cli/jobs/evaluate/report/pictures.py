"""From arrays to pictures: stretch, false colours, the choice of bands and places."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.scene.source import FloatArray

__all__ = [
    "COLOURS",
    "Picture",
    "Stretch",
    "busiest_window",
    "colour_bands",
    "embed",
    "embed_svg",
    "heat",
    "signed",
    "stretch_of",
]

Picture = npt.NDArray[np.uint8]
"""``(3, rows, cols)`` of red, green and blue."""

COLOURS = "inferno"
"""Colour map of error maps: lightness grows with the error, in grey prints too."""
_GAMMA = 0.75
_TAILS = (0.5, 99.4)
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The DN that are shown black and white, band by band."""

    low: tuple[float, ...]
    """Black."""
    high: tuple[float, ...]
    """White."""

    def picture(self, image: FloatArray) -> Picture:
        """Returns the picture of three bands, or of one band shown grey."""
        low = np.array(self.low, np.float32)[:, None, None]
        high = np.array(self.high, np.float32)[:, None, None]
        width = np.maximum(high - low, np.float32(1e-6))
        grey = np.clip((np.nan_to_num(image) - low) / width, 0, 1) ** _GAMMA
        levels = np.rint(grey * 255).astype(np.uint8)
        return np.broadcast_to(levels, (3, *image.shape[1:])).copy()


def stretch_of(image: FloatArray) -> Stretch:
    """Returns the stretch of ``(bands, rows, cols)`` that clips a few pixels; NaN is ignored."""
    low, high = np.nanpercentile(image, _TAILS, axis=(1, 2))
    return Stretch(low=tuple(low.tolist()), high=tuple(high.tolist()))


def colour_bands(names: Sequence[str | None], count: int) -> tuple[int, ...]:
    """Returns the 0-based bands shown red, green and blue; one band where there are fewer than 3.

    They are chosen by name, else by the usual order of `count` bands.
    """
    known = [(name or "").lower() for name in names]
    colours = ("red", "green", "blue")
    if all(colour in known for colour in colours):
        return tuple(known.index(colour) for colour in colours)
    if count >= 8:
        return 4, 2, 1
    return (2, 1, 0) if count >= 3 else (0,)


def busiest_window(values: FloatArray, side: int) -> tuple[slice, slice]:
    """Returns the `side` x `side` window (smaller in a smaller image) with the largest sum."""
    height, width = (min(side, size) for size in values.shape)
    total = np.pad(values.cumsum(0, dtype=np.float64).cumsum(1), ((1, 0), (1, 0)))
    sums = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )
    row, col = (int(index) for index in np.unravel_index(int(sums.argmax()), sums.shape))
    return slice(row, row + height), slice(col, col + width)


def embed(picture: Picture) -> str:
    """Returns a picture as a data URL."""
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

    share = np.clip(error / max(largest, _EPSILON), 0, 1)
    colours: Picture = colormaps[COLOURS](share, bytes=True)
    return np.ascontiguousarray(colours[..., :3].transpose(2, 0, 1))


def signed(image: FloatArray, largest: float) -> Picture:
    """Returns ``(3, rows, cols)`` around middle grey; -`largest` is black and `largest` white."""
    grey = np.clip(0.5 + 0.5 * image / max(largest, _EPSILON), 0, 1)
    picture: Picture = np.rint(grey * 255).astype(np.uint8)
    return picture
