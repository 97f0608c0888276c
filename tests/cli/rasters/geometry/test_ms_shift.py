"""The shift of the MS, there and back."""

import numpy as np

from ssdiff_cli.rasters.geometry.ms_shift import MsShift
from ssdiff_models.registration.drift import Drift
from ssdiff_models.registration.scene_shift import SceneShift


def shift(drift: Drift | None = None) -> MsShift:
    return MsShift.of(
        SceneShift(rows=1.25, cols=-0.75, spread=0.0, correlation=1.0, windows=4, drift=drift)
    )


def test_without_a_shift_nothing_moves() -> None:
    points = np.array([3.0, 4.0]), np.array([5.0, 6.0])
    assert np.array_equal(MsShift().corrected(*points), points)
    assert not MsShift().drifts


def test_a_constant_shift_is_added() -> None:
    assert not shift().drifts
    assert shift().uncorrected_point(10.0, 20.0) == (8.75, 20.75)


def test_a_drift_is_that_of_the_corrected_place() -> None:
    drift = Drift(row=100.0, col=200.0, rows_per_row=0.01, cols_per_row=-0.02)
    moved = shift(drift)
    assert moved.drifts
    row, col = moved.uncorrected_point(300.0, 200.0)
    assert abs(300.0 - row - (1.25 + 2.0)) < 0.01
    assert abs(200.0 - col - (-0.75 - 4.0)) < 0.01
    cols, rows = np.array([0.0, 500.0]), np.array([400.0, -20.0])
    back = moved.corrected(*moved.uncorrected(cols, rows))
    assert np.allclose(back, (cols, rows), atol=1e-9)
