"""Drawings of the page: errors band by band, and the scale of the error maps."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssdiff_cli.jobs.evaluate.report.error_maps import BandFigures
from ssdiff_cli.jobs.evaluate.report.pictures import COLOURS, embed_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["band_plot", "colour_scale", "round_up"]

PALETTE = (
    *("#0b6e99", "#d1495b", "#3a7d44", "#edae49", "#6d4c9f", "#8d6e63", "#00a6a6", "#7a7a7a"),
    *("#e377c2", "#9bb83a", "#12355b", "#f08a5d", "#5c1a33", "#7fc8f8", "#b8860b", "#2b2b2b"),
)
LEGEND_COLUMNS = 6
ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
"""Ends of scales with round ticks, times a power of ten."""


def band_plot(figures: Mapping[str, BandFigures], bands: Sequence[str]) -> str:
    """Returns the drawing of error and correlation of every method in every band."""
    figure = _figure(9.6, 3.6)
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

    figure = _figure(4.2, 0.62)
    axes = figure.subplots()
    colours = ScalarMappable(Normalize(0, largest), COLOURS)
    bar = figure.colorbar(colours, cax=axes, orientation="horizontal")
    bar.set_label("error, % of the band's mean (root mean square over bands)", fontsize=8)
    axes.tick_params(labelsize=8)
    return _svg(figure)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


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
    return embed_svg(buffer.getvalue())


def round_up(value: float) -> float:
    """Returns the next round number for a scale with round ticks."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in ROUND if step * power >= value)
