"""The projection for MS pixels anywhere: against filters and splines that know nothing of it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

from ssdiff_models.consistency.clipping import Limits
from ssdiff_models.consistency.project import project
from ssdiff_models.consistency.scattered_view import ScatteredView
from ssdiff_models.consistency.target import (
    GridTarget,
    ScatteredTarget,
    Target,
    stacked_targets,
    target_of,
)
from ssdiff_models.errors import UsageError
from ssdiff_models.resampling.degrade import correlate, reduce_ms
from ssdiff_models.resampling.mtf import mtf_kernel
from ssdiff_models.scene.source import SCATTERED_MARGIN, ScatteredMs
from tests.models.consistency.test_project import BOUND, GAINS, scene

Array = npt.NDArray[np.float64]

BORDER = 24
"""PAN pixels where the test's filter replicates what the projection mirrors."""


def lattice(
    rows: int,
    cols: int,
    *,
    degrees: float = 0.0,
    pitch: float = 4.0,
    bend: float = 0.0,
    shift: float = 0.3,
) -> ScatteredMs:
    """Returns the places of PAN pixels among empty MS pixels; `bend` is a curve in MS pixels."""
    y, x = np.mgrid[:rows, :cols].astype(float)
    angle = np.deg2rad(degrees)
    down = (y * np.cos(angle) - x * np.sin(angle)) / pitch + bend * (x / cols) ** 2 + shift
    right = (y * np.sin(angle) + x * np.cos(angle)) / pitch - bend * (y / rows) * (x / cols) - shift
    down, right = (axis - np.floor(axis.min()) + SCATTERED_MARGIN for axis in (down, right))
    shape = tuple(int(np.ceil(axis.max())) + SCATTERED_MARGIN + 1 for axis in (down, right))
    return ScatteredMs(pixels=np.zeros((4, *shape), np.float32), rows=down, cols=right, pitch=pitch)


def naive(image: Tensor, target: ScatteredTarget) -> Array:
    """Returns what the sensor sees, by filters in two dimensions and splines of degree 5."""
    kernels = [mtf_kernel(gain, target.pitch) for gain in GAINS]
    filtered = correlate(image.double(), [kernel / kernel.sum() for kernel in kernels]).numpy()
    places = np.nan_to_num(target.places.numpy().astype(float))
    return np.stack([map_coordinates(band, places, order=5, mode="nearest") for band in filtered])


def target_on(map_of: ScatteredMs, truth: Tensor) -> ScatteredTarget:
    """Returns a target of what the sensor sees of `truth`."""
    empty = target_of(map_of)
    assert isinstance(empty, ScatteredTarget)
    return empty.mapped(lambda _: torch.from_numpy(naive(truth, empty)).float())


def batch_of(*targets: Target) -> Target:
    found = stacked_targets(targets)
    assert found is not None
    return found


def inner(target: ScatteredTarget, shape: torch.Size) -> npt.NDArray[np.bool_]:
    rows, cols = target.places.numpy()
    found: npt.NDArray[np.bool_] = (
        (rows > BORDER)
        & (rows < shape[-2] - 1 - BORDER)
        & (cols > BORDER)
        & (cols < shape[-1] - 1 - BORDER)
    )
    return found


def inconsistency(fused: Tensor, target: ScatteredTarget) -> float:
    there = inner(target, fused.shape)
    assert there.sum() > 50
    given = target.pixels.numpy()[:, there]
    error = naive(fused, target)[:, there] - given
    return float(np.sqrt((error**2).mean(1) / (given**2).mean(1)).max())


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
    target = target_on(MAPS[case], truth)
    wrong = truth * 1.04 + 30 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(6))
    assert inconsistency(wrong, target) > 5 * BOUND
    assert (
        inconsistency(project(wrong[None], batch_of(target), gains=GAINS, ratio=4)[0], target)
        < BOUND
    )


@pytest.mark.parametrize("case", MAPS)
def test_what_is_seen_is_what_filters_and_splines_say(case: str) -> None:
    truth = scene()
    target = target_on(MAPS[case], truth)
    batch = batch_of(target)
    assert isinstance(batch, ScatteredTarget)
    there = inner(target, truth.shape)
    missing = ScatteredView(batch, GAINS).missing(truth[None])[0].numpy()[:, there]
    # The marginals of the filters stand for them.
    assert np.abs(missing).max() < 2e-3 * float(truth.mean())


def test_on_the_models_own_grid_both_ways_agree() -> None:
    truth = scene()
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    y, x = np.mgrid[:96, :128].astype(float)
    around = torch.nn.functional.pad(ms, (SCATTERED_MARGIN,) * 4)
    rows, cols = ((axis - 1.5) / 4 + SCATTERED_MARGIN for axis in (y, x))
    target = target_of(ScatteredMs(pixels=around.numpy(), rows=rows, cols=cols, pitch=4.0))
    wrong = truth * 1.04
    one = project(wrong[None], batch_of(target), gains=GAINS, ratio=4)[0] - wrong
    other = project(wrong, GridTarget(pixels=ms, phase=(1.5, 1.5)), gains=GAINS, ratio=4) - wrong
    assert (one - other).square().mean() < 0.02 * other.square().mean()


def test_a_tile_does_not_know_its_batch() -> None:
    tiles = [scene(64, 64) * factor for factor in (0.9, 1.0, 1.2)]
    targets = [target_on(lattice(64, 64, degrees=angle), scene(64, 64)) for angle in (3, 30, 45)]
    assert len({target.pixels.shape for target in targets}) == 3
    limits = Limits(low=torch.full((4, 1, 1), 250.0), high=torch.full((4, 1, 1), 650.0))
    together = project(torch.stack(tiles), batch_of(*targets), gains=GAINS, ratio=4, limits=limits)
    for tile, target, done in zip(tiles, targets, together, strict=True):
        assert torch.equal(
            project(tile[None], batch_of(target), gains=GAINS, ratio=4, limits=limits)[0], done
        )


def test_places_are_found_on_curved_maps() -> None:
    given = MAPS["bent"]
    target = target_of(given)
    assert isinstance(target, ScatteredTarget)
    places = target.places.numpy()
    inside = (places[0] > 0) & (places[0] < 95) & (places[1] > 0) & (places[1] < 127)
    back = [
        map_coordinates(axis, places, order=1, mode="nearest")[inside]
        for axis in (given.rows, given.cols)
    ]
    assert np.abs(np.array(back) - np.indices(inside.shape)[:, inside]).max() < 1e-3


def test_where_the_map_is_none_the_image_stays_as_it_is() -> None:
    nowhere = ScatteredMs(
        pixels=np.ones((4, 20, 20), np.float32),
        rows=np.full((64, 64), -64.0),
        cols=np.full((64, 64), -64.0),
        pitch=4.0,
    )
    target = target_of(nowhere)
    assert isinstance(target, ScatteredTarget)
    assert target.places.isnan().all()
    image = scene(64, 64)[None]
    assert torch.equal(project(image, batch_of(target), gains=GAINS, ratio=4), image)


def test_a_map_that_is_none_in_a_part_of_the_tile_serves_in_the_rest() -> None:
    given = MAPS["turned"]
    rows, cols = given.rows.copy(), given.cols.copy()
    rows[60:], cols[:10, 100:] = np.inf, np.nan
    target, whole = (
        target_of(replace(given, rows=r, cols=c))
        for r, c in ((rows, cols), (given.rows, given.cols))
    )
    assert isinstance(target, ScatteredTarget)
    assert isinstance(whole, ScatteredTarget)
    assert target.under.isfinite().all()
    found = target.places.isfinite().all(0)
    assert torch.allclose(target.places[:, found], whole.places[:, found], atol=0.01)
    row, col = whole.places
    assert found[(row > 1) & (row < 58) & (col > 1) & (col < 98)].all()
    assert not found[(row > 62) & (row < 94) & (col > 1) & (col < 126)].any()


def test_gains_must_be_one_for_each_band() -> None:
    target = batch_of(target_on(lattice(64, 64), scene(64, 64)))
    with pytest.raises(UsageError, match="4 bands, but 1"):
        project(scene(64, 64)[None], target, gains=(0.3,), ratio=4)


def test_no_rounds_no_change() -> None:
    image, target = scene(64, 64)[None], batch_of(target_on(lattice(64, 64), scene(64, 64)))
    assert project(image, target, gains=GAINS, ratio=4, iterations=0) is image


def test_tiles_of_aligned_grids_have_no_anchor() -> None:
    assert stacked_targets([]) is None
