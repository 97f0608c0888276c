"""How far an MS lies from its true place, measured on a plane."""

import numpy as np
from affine import Affine

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.scene.windows import Window
from tests.cli.rasters.fields import north_up, plane

__all__ = ["BORDER", "PAN", "PLACEMENT", "check_everywhere", "placement_errors", "turned"]

PLACEMENT = 0.02
"""MS pixels that the MS may be off by."""

BORDER = 8
"""Model pixels next to the MS's own border where the kernel sees mirrored pixels, so that a plane is not reproduced."""


def turned(x: float, y: float, pixel: float, degrees: float) -> Affine:
    """Returns the transform of a grid that is turned by some degrees."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return Affine(pixel * cosine, pixel * sine, x, pixel * sine, -pixel * cosine, y)


def placement_errors(pair: ScenePair, pan: Affine, window: Window) -> tuple[float, int]:
    """Largest error of a plane in MS pixels of 4 m, away from the MS's border, and the number of model pixels looked at."""
    patch, model = pair.read(window), pair.grid.ms_window(window)
    cols = (
        (np.arange(model.col, model.col_stop) * pair.ratio + pair.ms_phase)[None]
        + 0.5
        + np.zeros((model.rows, 1))
    )
    rows = (
        (np.arange(model.row, model.row_stop) * pair.ratio + pair.ms_phase)[:, None]
        + 0.5
        + np.zeros((1, model.cols))
    )
    ms_cols, ms_rows = pair.mapping.forward(cols, rows)
    step = pair.ratio / min(pair.measured_ratio)
    border = BORDER * max(step, 1)
    inside = (
        (ms_cols > border)
        & (ms_cols < pair.ms.cols - border)
        & (ms_rows > border)
        & (ms_rows < pair.ms.rows - border)
    )
    a, b, c, d, e, f = tuple(pan)[:6]
    expected = plane(a * cols + b * rows + c, d * cols + e * rows + f)
    errors = np.abs(patch.ms[0] - expected)[inside]
    return (float(errors.max()) / (3 * 4) if errors.size else 0.0), int(errors.size)


def check_everywhere(pair: ScenePair, pan: Affine) -> None:
    """Asserts that the MS, a plane, lies where it belongs, and that no pixel depends on the window it is read with."""
    whole = Window(row=0, col=0, rows=pair.rows, cols=pair.cols)
    error, seen = placement_errors(pair, pan, whole)
    assert seen > 100
    assert error < PLACEMENT
    full = pair.read(whole)
    for size in (7, 32, 101):
        for row in range(0, pair.rows, 97):
            window = Window(row=row, col=row // 2, rows=size, cols=size)
            part = pair.read(window)
            inside = pair.grid.ms_window(window)
            common = inside.intersection(pair.grid.ms_window(whole))
            assert common is not None
            here, there = common.within(inside), common.within(pair.grid.ms_window(whole))
            assert np.array_equal(part.ms[:, here[0], here[1]], full.ms[:, there[0], there[1]])
            shown = window.intersection(whole)
            if shown is not None:
                here, there = shown.within(window), shown.within(whole)
                assert np.array_equal(part.pan[here], full.pan[there])
                assert np.array_equal(part.valid[here], full.valid[there])


PAN = north_up(500_000.0, 4_600_000.0, 1.0)
