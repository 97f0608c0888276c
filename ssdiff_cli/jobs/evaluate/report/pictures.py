"""Pictures and drawings: stretch, false colours, the choice of bands and places, plots."""

import base64
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ssdiff_cli.jobs.evaluate.report.gallery import BandFigures
from ssdiff_models.scene.band_matching import known_bands
from ssdiff_models.scene.source import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "Picture",
    "Stretch",
    "band_plot",
    "brightened",
    "busiest_window",
    "colour_bands",
    "colour_scale",
    "embed",
    "heat",
    "round_up",
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

PALETTE = (
    *("#0b6e99", "#d1495b", "#3a7d44", "#edae49", "#6d4c9f", "#8d6e63", "#00a6a6", "#7a7a7a"),
    *("#e377c2", "#9bb83a", "#12355b", "#f08a5d", "#5c1a33", "#7fc8f8", "#b8860b", "#2b2b2b"),
)
LEGEND_COLUMNS = 6
ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
"""Ends of scales with round ticks, times a power of ten."""


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


def brightened(stretch: Stretch, images: Iterable[FloatArray]) -> Stretch:
    """Returns the stretch whose white is the brightest of some images, without another hue.

    The images are ``(bands, rows, cols)`` of one height; a few pixels are clipped.
    """
    brightest = stretch_of(np.concatenate(list(images), axis=2)).high
    low = np.array(stretch.low)
    width = np.maximum(np.array(stretch.high) - low, _EPSILON)
    share = max(float(((np.array(brightest) - low) / width).max()), _EPSILON)
    return Stretch(low=stretch.low, high=tuple((low + share * width).tolist()))


def colour_bands(names: Sequence[str | None], count: int) -> tuple[int, ...]:
    """Returns the 0-based bands shown red, green and blue; one band where there are fewer than 3.

    They are chosen by name, else by the usual order of `count` bands.
    """
    known = known_bands(names)
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


def band_plot(figures: Mapping[str, BandFigures], bands: Sequence[str]) -> str:
    """Returns the drawing of error and correlation of every method in every band."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    positions = np.arange(len(bands))
    width = 0.8 / len(figures)
    line = {"marker": "o", "markersize": 4, "linewidth": 1.4}
    for k, (method, values) in enumerate(figures.items()):
        colour = PALETTE[k % len(PALETTE)]
        shifted = positions + (k - (len(figures) - 1) / 2) * width
        left.bar(shifted, values.rmse, width * 0.92, color=colour, label=method)
        right.plot(positions, values.correlation, color=colour, **line)
    _finish(left, bands, "error (RMSE), % of the band's mean")
    _finish(right, bands, "correlation")
    lines = -(-len(figures) // LEGEND_COLUMNS)
    columns = -(-len(figures) // lines)
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    return _svg(figure)


def colour_scale(largest: float) -> str:
    """Returns the drawing of the error maps' common scale."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 0.62), layout="constrained")
    axes = figure.subplots()
    colours = ScalarMappable(Normalize(0, largest), COLOURS)
    bar = figure.colorbar(colours, cax=axes, orientation="horizontal")
    bar.set_label("error, % of the band's mean (root mean square over bands)", fontsize=8)
    axes.tick_params(labelsize=8)
    return _svg(figure)


def _finish(axes: "Axes", bands: Sequence[str], title: str) -> None:
    axes.set_xticks(np.arange(len(bands)), bands, fontsize=9, rotation=0 if len(bands) < 6 else 30)
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(axis="y", labelsize=9)
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(figure: "Figure") -> str:
    from matplotlib import rc_context

    buffer = io.StringIO()
    # Without a date and random names the same evaluation gives the same page.
    with rc_context({"svg.hashsalt": "ssdiff"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue().encode()
    return f"data:image/svg+xml;base64,{base64.b64encode(text).decode()}"


def round_up(value: float) -> float:
    """Returns the next round number for a scale with round ticks."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in ROUND if step * power >= value)
