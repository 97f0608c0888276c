"""Fits of shifts that change over a scene: as detailed as the windows allow, and no more."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from ssdiff_models.registration.drift import ShiftFit, fit_constant, fit_smooth
from ssdiff_models.registration.models import ShiftSamples

Points = npt.NDArray[np.float64]
Field = Callable[[Points], Points]

SIDE, WINDOW, NOISE = 3000.0, 128.0, 0.05
"""PAN pixels."""


def constant(at: Points) -> Points:
    return np.column_stack([1.2 + 0 * at[:, 0], -0.7 + 0 * at[:, 0]])


def linear(at: Points) -> Points:
    return np.column_stack([1.5 * at[:, 0] - at[:, 1], 2 * at[:, 1] - 1])


def quadratic(at: Points) -> Points:
    return np.column_stack(
        [6 * (at[:, 0] - 0.5) ** 2 + at[:, 1], -2 * at[:, 1] ** 2 + 1.5 * at[:, 0] * at[:, 1]]
    )


def wave(at: Points) -> Points:
    return np.column_stack([2 * np.sin(2 * np.pi * at[:, 0]), np.cos(2 * np.pi * at[:, 1])])


def waves(at: Points) -> Points:
    return np.column_stack([1.5 * np.sin(4 * np.pi * at[:, 0] + 1), np.cos(4 * np.pi * at[:, 0])])


def lattice(count: int, *, low: float = 0, high: float = 1) -> Points:
    """Returns places, in parts of the scene's side."""
    line = np.linspace(low, high, count)
    return np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)


def samples(field: Field, count: int, *, outliers: float = 0, seed: int = 0) -> ShiftSamples:
    """Returns windows in `count` rows and columns; outliers are one to six pixels off."""
    rng = np.random.default_rng(seed)
    places = lattice(count, low=WINDOW / 2 / SIDE, high=1 - WINDOW / 2 / SIDE)
    shifts = field(places) + rng.normal(0, NOISE, places.shape)
    wrong = rng.random(len(places)) < outliers
    shifts[wrong] += rng.choice([-1, 1], (wrong.sum(), 2)) * rng.uniform(1, 6, (wrong.sum(), 2))
    errors = NOISE * rng.uniform(0.7, 1.4, len(places))
    return ShiftSamples(places=places * SIDE, shifts=shifts, errors=errors, reach=WINDOW / 2)


def shift_at(found: ShiftFit, at: Points) -> Points:
    """Returns the shift at places."""
    rows, cols = (at * SIDE).T
    total = (
        np.column_stack([found.drift.at(row, col) for row, col in zip(rows, cols, strict=True)]).T
        + found.shift
    )
    return total if found.surface is None else total + np.column_stack(found.surface.at(rows, cols))


def error_of(found: ShiftFit, field: Field) -> float:
    """Returns the root mean square error over the scene, in PAN pixels."""
    everywhere = lattice(30)
    return float(
        np.sqrt((np.hypot(*(shift_at(found, everywhere) - field(everywhere)).T) ** 2).mean())
    )


def linear_error(field: Field) -> float:
    """Returns the same for the best linear shift."""
    everywhere = lattice(30)
    design = np.column_stack([np.ones(len(everywhere)), everywhere])
    error = field(everywhere) - design @ np.linalg.lstsq(design, field(everywhere), rcond=None)[0]
    return float(np.sqrt((np.hypot(*error.T) ** 2).mean()))


@pytest.mark.parametrize("outliers", [0, 0.08])
@pytest.mark.parametrize(
    ("field", "count", "share"),
    [(quadratic, 8, 0.1), (wave, 8, 0.2), (quadratic, 12, 0.1), (waves, 12, 0.2)],
)
def test_a_bent_drift_is_fitted(field: Field, count: int, share: float, outliers: float) -> None:
    found = fit_smooth(samples(field, count, outliers=outliers))
    assert found.surface is not None
    assert error_of(found, field) < share * linear_error(field)


@pytest.mark.parametrize("outliers", [0, 0.08])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_simple_stays_simple(outliers: float, seed: int) -> None:
    one, plane = (
        fit_smooth(samples(field, 8, outliers=outliers, seed=seed)) for field in (constant, linear)
    )
    assert one.surface is None
    assert (one.drift.rows_per_row, one.drift.cols_per_row) == (0, 0)
    assert error_of(one, constant) < NOISE / 3
    assert plane.surface is None
    assert error_of(plane, linear) < NOISE


def test_few_windows_support_a_polynomial_of_low_degree() -> None:
    assert error_of(fit_smooth(samples(quadratic, 4)), quadratic) < 0.3 * linear_error(quadratic)
    few = fit_smooth(samples(linear, 2))
    assert few.surface is None
    assert few.drift.rows_per_row == 0


def test_waves_too_short_for_the_windows_are_not_invented() -> None:
    """The wave is too short for the windows, and may at most be taken for noise."""
    found = fit_smooth(samples(lambda at: waves(3 * at), 6))
    assert error_of(found, lambda at: waves(3 * at)) < 1.5 * linear_error(lambda at: waves(3 * at))


def test_outliers_do_not_count() -> None:
    seen = samples(wave, 12)
    seen.shifts[[5, 40, 77]] += 1.0
    found = fit_smooth(seen)
    assert not found.inliers[[5, 40, 77]].any()
    assert found.inliers.sum() > 130


def test_windows_that_overlap_do_not_confirm_each_other() -> None:
    """Noise that neighbours share is no drift."""
    bent = {0.0: 0, 64.0: 0}
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(0, 0.1, (10, 10, 2))
        shared = (noise[1:, 1:] + noise[1:, :-1] + noise[:-1, 1:] + noise[:-1, :-1]) / 2
        places = 64 + 64 * np.argwhere(np.ones((9, 9))).astype(np.float64)
        for reach in bent:
            seen = ShiftSamples(
                places=places,
                shifts=1 + shared.reshape(-1, 2),
                errors=np.full(81, 0.1),
                reach=reach,
            )
            bent[reach] += fit_smooth(seen).surface is not None
    assert 2 * bent[64.0] < bent[0.0]


def test_a_single_column_of_windows() -> None:
    places = np.column_stack([np.linspace(64, 2000, 14), np.full(14, 64.0)])
    shifts = np.column_stack([places[:, 0] / 1000, np.ones(14)])
    found = fit_smooth(
        ShiftSamples(places=places, shifts=shifts, errors=np.full(14, 0.05), reach=64)
    )
    assert found.residuals == pytest.approx(0, abs=1e-3)
    assert found.drift.rows_per_row == pytest.approx(1e-3, rel=1e-3)
    assert found.drift.rows_per_col == pytest.approx(0, abs=1e-6)


def test_one_shift_for_the_whole_scene() -> None:
    seen = samples(constant, 5, outliers=0.2)
    found = fit_constant(seen)
    assert found.shift == pytest.approx((1.2, -0.7), abs=0.03)
    assert found.inliers.sum() < 25
