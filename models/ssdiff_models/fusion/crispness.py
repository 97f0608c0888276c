"""The PAN whose detail makes a network's image of a scene as crisp as was asked for.

Networks leave a few percent of detail away on one sensor and add some on another: that is seen on
windows of the scene, and the PAN's detail is multiplied before the network (`with_detail`).
"""

import math
from dataclasses import replace

import numpy as np

from ssdiff_models.fusion.inputs import InputTile
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.runners import Runner
from ssdiff_models.metrics.detail import Detail
from ssdiff_models.metrics.piece import Piece
from ssdiff_models.resampling.detail import detail_factor
from ssdiff_models.scene.source import Source
from ssdiff_models.scene.windows import Window, sample_windows

__all__ = ["as_crisp_as_asked"]

SIDE = 128
"""Side of the windows, about, in PAN pixels; a scene twice as wide is seen whole."""
SPACING = 512
COUNTS = (2, 6)
"""Fewest and most windows on each axis; between them, one for `SPACING` pixels."""
LIMITS = (0.8, 1.25)
"""Least and most detail for a scene in parts of the PAN's: more is no trait of the network."""
GRAIN = 0.02
"""They are multiples of this, so that the rounding of a processor changes no pixel."""


def as_crisp_as_asked(fuser: ModelFuser, source: Source, runner: Runner) -> ModelFuser:
    """Returns the fuser with the factor on the PAN's detail that suits the scene.

    Args:
        fuser: Bound to the scene.
        source: The scene; its `area` does not count.
        runner: How the tiles are run; it does not change the factor.

    Raises:
        ModelError: When the scene's ratio is not the model's.
    """
    fuser.check(source.ratio)
    alone = replace(
        fuser,
        settings=replace(fuser.settings, samples=1, consistency=0),
        pan_detail=1.0,
    )
    slope = _slope(alone, source, runner)
    lack = min(max(1 / slope, LIMITS[0]), LIMITS[1]) if slope > 0 else 1.0
    wanted = fuser.settings.sharpness * round(lack / GRAIN) * GRAIN
    return replace(fuser, pan_detail=detail_factor(wanted))


def _slope(fuser: ModelFuser, source: Source, runner: Runner) -> float:
    """Returns the slope of the image's detail against the PAN's; NaN where there is none."""
    fewest, most = COUNTS
    count = min(max(max(source.rows, source.cols) // SPACING, fewest), most)
    scene = Window(row=0, col=0, rows=source.rows, cols=source.cols)
    local = fuser.checkpoint.network.receptive_radius is not None
    side = SIDE if local else fuser.settings.tile
    windows = sample_windows(scene, count=count, side=side, multiple=fuser.multiple)
    tiles = (InputTile.of(source.read(window), window) for window in windows)
    total = Detail(fuser.bands)
    for tile, fused in runner.run(fuser, tiles):
        if not np.isfinite(fused).all():
            # The run itself says where, and what to do.
            return math.nan
        piece = Piece.whole(
            pan=tile.pan.numpy(), ms=np.zeros_like(fused), fused=fused, valid=tile.valid
        )
        for part in piece.strips(1):
            total.add(part)
    return total.result()["slope"]
