"""Places to look at: each is found where a drawn scene has it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from ssdiff_cli.jobs.evaluate.report.spots import SIDE, Spot, View, find_spots

Image = npt.NDArray[np.float32]
BANDS = ("blue", "green", "red", "nir")


def hit(spot: Spot, row: int, col: int) -> bool:
    """Whether a place lies in a spot."""
    rows, cols = spot
    return row in range(rows.start, rows.stop) and col in range(cols.start, cols.stop)


def drawn() -> View:
    """Grey ground with a shadow, a wall, trees, a lamp and a car that drives from PAN to MS."""
    rng = np.random.default_rng(0)
    truth = np.full((4, 512, 512), 400.0) + rng.normal(0, 3, (1, 512, 512))
    truth[:, 20:90, 20:60] = 60
    truth[:, 20:90, 60:110] = 500
    truth[:, 400:500, 300:302] = 1400
    trees = 150 * rng.random((1, 80, 80)) + 300
    truth[:, 200:280, 400:480] = trees * np.array([0.5, 0.8, 0.5, 3])[:, None, None]
    truth[:, 330:333, 100:103] = 3000
    pan, ms = truth.mean(axis=0), truth.copy()
    pan[150:156, 220:232] += 500
    ms[:, 166:172, 220:232] += 500
    pan_low = uniform_filter(gaussian_filter(pan, 1), 4)
    lms = np.stack([uniform_filter(gaussian_filter(band, 1), 4) for band in ms])
    return View(
        pan=pan.astype(np.float32),
        pan_low=pan_low.astype(np.float32),
        lms=lms.astype(np.float32),
        valid=np.ones(pan.shape, dtype=np.bool_),
        bands=BANDS,
        ratio=4,
    )


PLACES = {
    "moving object": (160, 226),
    "edge": (450, 301),
    "shadow": (55, 58),
    "vegetation": (240, 440),
    "bright object": (331, 101),
}


def test_each_place_is_found() -> None:
    spots = find_spots(drawn())
    assert set(spots) == set(PLACES)
    for name, (row, col) in PLACES.items():
        assert hit(spots[name], row, col), (name, spots[name])
        assert {side.stop - side.start for side in spots[name]} == {SIDE}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_invalid_is_not_shown(name: str) -> None:
    view = drawn()
    valid = view.valid.copy()
    row, col = PLACES[name]
    valid[row - 2 : row + 2, col - 2 : col + 2] = False
    spot = find_spots(replace(view, valid=valid)).get(name)
    assert spot is None or not hit(spot, row, col)


def test_without_what_is_looked_for_there_is_no_spot() -> None:
    view = drawn()
    still = replace(view, lms=np.stack([view.pan_low] * 4))
    spots = find_spots(still)
    assert "moving object" not in spots
    assert "vegetation" not in spots
    part = slice(0, SIDE - 1)
    small = replace(
        view,
        pan=view.pan[part, part],
        pan_low=view.pan_low[part, part],
        lms=view.lms[:, part, part],
        valid=view.valid[part, part],
    )
    assert not find_spots(small)
