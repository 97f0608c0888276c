"""The projection for MS pixels anywhere: against filters and splines that know nothing of it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

from ssdiff_models.consistency.clipping import Limits
from ssdiff_models.consistency.project import project, project_on
from ssdiff_models.consistency.scattered_view import PLACED_MARGIN, PlacedView
from ssdiff_models.consistency.target import Anchor, PlacedAnchor, anchor_of, stacked
from ssdiff_models.errors import UsageError
from ssdiff_models.resampling.degrade import correlate, reduce_ms
from ssdiff_models.resampling.taps import mtf_kernel
from ssdiff_models.scene.source import PlacedMs
from tests.models.consistency.test_project import BOUND, GAINS, scene

Array = npt.NDArray[np.float64]

BORDER = 24
"""PAN pixels where the test's filter replicates what the projection mirrors."""


def lattice(
    rows: int, cols: int, *, degrees: float = 0.0, pitch: float = 4.0, bend: float = 0.0, shift: float = 0.3
) -> PlacedMs:
    """The places of PAN pixels among MS pixels that lie under them, and no pixels yet; `bend` is a curve in MS pixels."""
    y, x = np.mgrid[:rows, :cols].astype(float)
    angle = np.deg2rad(degrees)
    down = (y * np.cos(angle) - x * np.sin(angle)) / pitch + bend * (x / cols) ** 2 + shift
    right = (y * np.sin(angle) + x * np.cos(angle)) / pitch - bend * (y / rows) * (x / cols) - shift
    down, right = (axis - np.floor(axis.min()) + PLACED_MARGIN for axis in (down, right))
    shape = tuple(int(np.ceil(axis.max())) + PLACED_MARGIN + 1 for axis in (down, right))
    return PlacedMs(pixels=np.zeros((4, *shape), np.float32), rows=down, cols=right, pitch=pitch)


def naive(image: Tensor, anchor: PlacedAnchor) -> Array:
    """What the sensor sees: two-dimensional filters by FFT, splines of degree 5."""
    kernels = [mtf_kernel(gain, anchor.pitch) for gain in GAINS]
    filtered = correlate(image.double(), [kernel / kernel.sum() for kernel in kernels]).numpy()
    places = np.nan_to_num(anchor.places.numpy().astype(float))
    return np.stack([map_coordinates(band, places, order=5, mode="nearest") for band in filtered])


def placed(map_of: PlacedMs, truth: Tensor) -> PlacedAnchor:
    """An anchor of what the sensor sees of `truth`."""
    empty = anchor_of(map_of)
    assert isinstance(empty, PlacedAnchor)
    return empty.mapped(lambda _: torch.from_numpy(naive(truth, empty)).float())


def batch_of(*anchors: Anchor) -> Anchor:
    found = stacked(anchors)
    assert found is not None
    return found


def inner(anchor: PlacedAnchor, shape: torch.Size) -> npt.NDArray[np.bool_]:
    rows, cols = anchor.places.numpy()
    found: npt.NDArray[np.bool_] = (
        (rows > BORDER) & (rows < shape[-2] - 1 - BORDER) & (cols > BORDER) & (cols < shape[-1] - 1 - BORDER)
    )
    return found


def inconsistency(fused: Tensor, anchor: PlacedAnchor) -> float:
    there = inner(anchor, fused.shape)
    assert there.sum() > 50
    given = anchor.pixels.numpy()[:, there]
    left = naive(fused, anchor)[:, there] - given
    return float(np.sqrt((left**2).mean(1) / (given**2).mean(1)).max())


MAPS = {
    "shifted": lattice(96, 128),
    "turned": lattice(96, 128, degrees=7),
    "by much": lattice(96, 128, degrees=-130),
    "larger": lattice(96, 128, pitch=4.6),
    "smaller": lattice(96, 128, pitch=3.3, degrees=1),
    "bent": lattice(96, 128, bend=1.5, degrees=20),
}


@pytest.mark.parametrize("case", MAPS)
def test_degraded_with_the_mtf_the_result_gives_the_ms_back(case: str) -> None:
    truth = scene()
    anchor = placed(MAPS[case], truth)
    wrong = truth * 1.04 + 30 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(6))
    assert inconsistency(wrong, anchor) > 5 * BOUND
    assert inconsistency(project_on(wrong[None], batch_of(anchor), gains=GAINS, ratio=4)[0], anchor) < BOUND


@pytest.mark.parametrize("case", MAPS)
def test_what_is_seen_is_what_filters_and_splines_say(case: str) -> None:
    truth = scene()
    anchor = placed(MAPS[case], truth)
    batch = batch_of(anchor)
    assert isinstance(batch, PlacedAnchor)
    there = inner(anchor, truth.shape)
    left = PlacedView(batch, GAINS).left(truth[None])[0].numpy()[:, there]
    # The marginals of the filters stand for them.
    assert np.abs(left).max() < 2e-3 * float(truth.mean())


def test_on_the_models_own_grid_both_ways_agree() -> None:
    truth = scene()
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    y, x = np.mgrid[:96, :128].astype(float)
    around = torch.nn.functional.pad(ms, (PLACED_MARGIN,) * 4)
    rows, cols = ((axis - 1.5) / 4 + PLACED_MARGIN for axis in (y, x))
    anchor = anchor_of(PlacedMs(pixels=around.numpy(), rows=rows, cols=cols, pitch=4.0))
    wrong = truth * 1.04
    one = project_on(wrong[None], batch_of(anchor), gains=GAINS, ratio=4)[0] - wrong
    other = project(wrong, ms, gains=GAINS, ratio=4, phase=1.5) - wrong
    assert (one - other).square().mean() < 0.02 * other.square().mean()


def test_a_tile_does_not_know_its_batch() -> None:
    tiles = [scene(64, 64) * factor for factor in (0.9, 1.0, 1.2)]
    anchors = [placed(lattice(64, 64, degrees=angle), scene(64, 64)) for angle in (3, 30, 45)]
    assert len({anchor.pixels.shape for anchor in anchors}) == 3
    limits = Limits(low=torch.full((4, 1, 1), 250.0), high=torch.full((4, 1, 1), 650.0))
    together = project_on(torch.stack(tiles), batch_of(*anchors), gains=GAINS, ratio=4, limits=limits)
    for tile, anchor, done in zip(tiles, anchors, together, strict=True):
        assert torch.equal(project_on(tile[None], batch_of(anchor), gains=GAINS, ratio=4, limits=limits)[0], done)


def test_places_are_found_on_curved_maps() -> None:
    given = MAPS["bent"]
    anchor = anchor_of(given)
    assert isinstance(anchor, PlacedAnchor)
    places = anchor.places.numpy()
    inside = (places[0] > 0) & (places[0] < 95) & (places[1] > 0) & (places[1] < 127)
    back = [map_coordinates(axis, places, order=1, mode="nearest")[inside] for axis in (given.rows, given.cols)]
    assert np.abs(np.array(back) - np.indices(inside.shape)[:, inside]).max() < 1e-3


def test_where_the_map_is_none_the_image_stays_as_it_is() -> None:
    nowhere = PlacedMs(
        pixels=np.ones((4, 20, 20), np.float32), rows=np.full((64, 64), -64.0), cols=np.full((64, 64), -64.0), pitch=4.0
    )
    anchor = anchor_of(nowhere)
    assert isinstance(anchor, PlacedAnchor)
    assert anchor.places.isnan().all()
    image = scene(64, 64)[None]
    assert torch.equal(project_on(image, batch_of(anchor), gains=GAINS, ratio=4), image)


def test_a_map_that_is_none_in_a_part_of_the_tile_serves_in_the_rest() -> None:
    given = MAPS["turned"]
    rows, cols = given.rows.copy(), given.cols.copy()
    rows[60:], cols[:10, 100:] = np.inf, np.nan
    anchor, whole = (anchor_of(replace(given, rows=r, cols=c)) for r, c in ((rows, cols), (given.rows, given.cols)))
    assert isinstance(anchor, PlacedAnchor)
    assert isinstance(whole, PlacedAnchor)
    assert anchor.under.isfinite().all()
    found = anchor.places.isfinite().all(0)
    assert torch.allclose(anchor.places[:, found], whole.places[:, found], atol=0.01)
    row, col = whole.places
    assert found[(row > 1) & (row < 58) & (col > 1) & (col < 98)].all()
    assert not found[(row > 62) & (row < 94) & (col > 1) & (col < 126)].any()


def test_gains_must_be_one_for_each_band() -> None:
    anchor = batch_of(placed(lattice(64, 64), scene(64, 64)))
    with pytest.raises(UsageError, match="4 bands, but 1"):
        project_on(scene(64, 64)[None], anchor, gains=(0.3,), ratio=4)


def test_no_rounds_no_change() -> None:
    image, anchor = scene(64, 64)[None], batch_of(placed(lattice(64, 64), scene(64, 64)))
    assert project_on(image, anchor, gains=GAINS, ratio=4, rounds=0) is image


def test_tiles_of_aligned_grids_have_no_anchor() -> None:
    assert stacked([]) is None
