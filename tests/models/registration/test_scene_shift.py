"""Shifts of windows and what they agree on."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from ssdiff_models.registration.drift import Drift
from ssdiff_models.registration.estimate import Shift
from ssdiff_models.registration.scene_shift import NoShift, SceneShift, agree
from ssdiff_models.registration.window_shift import WindowShift, shift_windows, window_shift
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import Patch
from ssdiff_models.scene.windows import Window

ACCURACY = 0.05
"""PAN pixels."""


def source(down: float, right: float, size: int = 192) -> ArraySource:
    """Returns random blobs whose PAN content is shifted down and right of the MS's."""
    generator = torch.Generator().manual_seed(2)
    base = torch.rand(3, size // 4, size // 4, generator=generator, dtype=torch.float64)
    fine = (
        torch.nn.functional.interpolate(base[None], scale_factor=4, mode="bicubic")[0] * 200 + 300
    )
    ms = reduce_ms(fine, (0.3,) * 3, 4, 1.5)
    # Two bands explain the PAN, and one of them is darker where it is brighter.
    pan = shift_image(fine[0] - 0.4 * fine[1], (-down, -right))
    return ArraySource(pan=pan.float().numpy(), ms=ms.float().numpy(), ratio=4)


def whole(scene: ArraySource) -> tuple[Patch, Window]:
    return scene.read(scene.area), scene.area


@pytest.mark.parametrize(("down", "right"), [(0.0, 0.0), (0.4, -1.7), (13.2, -9.6), (-30.0, 22.5)])
def test_the_shift_of_a_window_is_found(down: float, right: float) -> None:
    found = window_shift(*whole(source(down, right)), grid=ModelGrid.aligned(4))
    assert found is not None
    assert abs(found.shift.rows - down) < ACCURACY
    assert abs(found.shift.cols - right) < ACCURACY
    assert found.shift.correlation > 0.95
    assert 0 < found.shift.error < ACCURACY


def test_invalid_pixels_do_not_count() -> None:
    patch, window = whole(source(0.8, -0.5))
    patch.valid[:80] = False
    patch.pan[:80] = 9000
    found = window_shift(patch, window, grid=ModelGrid.aligned(4))
    assert found is not None
    assert abs(found.shift.rows - 0.8) < 2 * ACCURACY


def test_windows_without_content_have_no_shift() -> None:
    patch, window = whole(source(0, 0))
    flat = Patch(pan=np.full_like(patch.pan, 7), ms=np.full_like(patch.ms, 5), valid=patch.valid)
    hidden = Patch(pan=patch.pan, ms=patch.ms, valid=np.zeros_like(patch.valid))
    for nothing in (flat, hidden):
        assert window_shift(nothing, window, grid=ModelGrid.aligned(4)) is None
    assert agree([None]) == NoShift(windows=0)


def test_images_of_two_places_have_a_low_correlation() -> None:
    patch, window = whole(source(0, 0))
    noise = Patch(
        pan=np.random.default_rng(0).random(patch.pan.shape, np.float32),
        ms=patch.ms,
        valid=patch.valid,
    )
    found = agree([window_shift(noise, window, grid=ModelGrid.aligned(4))])
    assert isinstance(found, NoShift)
    assert found.correlation is not None
    assert 0 < found.correlation < 0.5
    assert found.reason == "too little that PAN and MS share"


def test_the_lattice_lies_in_the_region_on_ms_pixels() -> None:
    region = Window(row=3, col=10, rows=700, cols=300)
    windows = list(shift_windows(region, count=5, size=32, ratio=4))
    assert len(windows) == 5 * 3
    for window in windows:
        assert window.intersection(region) == window
        assert (window.row % 4, window.col % 4, window.shape) == (0, 0, (128, 128))


def test_a_small_region_is_one_window() -> None:
    (window,) = shift_windows(Window(row=2, col=0, rows=90, cols=60), count=5, size=64, ratio=4)
    assert window == Window(row=4, col=0, rows=88, cols=60)


def windows(shifts: Sequence[tuple[float, float]]) -> list[WindowShift]:
    """Windows in rows of four, a hundred pixels apart."""
    return [
        WindowShift(
            row=100.0 * (k // 4),
            col=100.0 * (k % 4),
            shift=Shift(rows=rows, cols=cols, correlation=0.9, error=0.01 + 0.001 * k),
        )
        for k, (rows, cols) in enumerate(shifts)
    ]


def test_outliers_are_left_out() -> None:
    found = agree(
        [*windows([(1.0, 2.0), (1.02, 1.98), (0.98, 2.02), (1.0, 2.0), (7.0, -3.0)]), None]
    )
    assert isinstance(found, SceneShift)
    assert (found.windows, round(found.rows, 1), round(found.cols, 1)) == (4, 1.0, 2.0)
    assert found.size == pytest.approx(2, abs=0.05)


def test_no_windows_and_contradictions_give_no_shift() -> None:
    empty = agree([None, None])
    assert isinstance(empty, NoShift)
    assert "too little that PAN and MS share" in empty.reason
    contradiction = agree(windows([(-9.0, 8.0), (3.0, -7.0), (12.0, 1.0), (0.0, 5.0), (6.0, -2.0)]))
    assert isinstance(contradiction, NoShift)
    assert "5 windows contradict each other" in contradiction.reason
    assert contradiction.spread > 1.5


def test_a_drift_is_fitted() -> None:
    true = Drift(row=0, col=0, rows_per_row=0.001, cols_per_col=-0.002)
    shifts = [
        (1 + true.at(100 * (k // 4), 0)[0], 2 + true.at(0, 100 * (k % 4))[1]) for k in range(12)
    ]
    found = agree(windows(shifts), local=True)
    assert isinstance(found, SceneShift)
    assert found.drift is not None
    assert found.surface is None
    there = found.drift.at(0, 0)
    assert found.rows + there[0] == pytest.approx(1)
    assert found.cols + there[1] == pytest.approx(2)
    assert found.drift.rows_per_row == pytest.approx(0.001)
    assert found.drift.cols_per_col == pytest.approx(-0.002)
    assert found.drift.rows_per_col == pytest.approx(0, abs=1e-9)


def test_too_few_windows_for_a_drift_give_a_constant_shift() -> None:
    found = agree(windows([(1.0, 1.0)] * 5), local=True)
    assert isinstance(found, SceneShift)
    assert found.drift == Drift(row=20, col=120)
    assert [found.rows, found.cols] == pytest.approx([1, 1])
