"""Bicubic splines: against polynomials, which they contain, and SciPy's."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from ssdiff_models.registration.surface import Lattice, Surface

LATTICE = Lattice.over((10.0, -20.0), (310.0, 130.0), 6)


def positions(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(10, 310, count), rng.uniform(-20, 130, count)


def test_control_points_are_as_far_apart_on_both_axes() -> None:
    assert (LATTICE.spacing, LATTICE.rows, LATTICE.cols) == (50, 9, 6)


def test_a_surface_is_scipys_spline() -> None:
    controls = np.random.default_rng(1).normal(size=(9, 6, 2)).round(3)
    rows, cols = positions(50)
    down, right = Surface.of(LATTICE, controls.reshape(-1, 2)).at(rows, cols)
    knots = [start + 50.0 * np.arange(-3, count + 1) for start, count in ((10, 9), (-20, 6))]
    weights = [
        BSpline.design_matrix(at, line, 3).toarray()
        for at, line in zip((rows, cols), knots, strict=True)
    ]
    for found, part in ((down, controls[..., 0]), (right, controls[..., 1])):
        assert found == pytest.approx(np.einsum("ni,ij,nj->n", weights[0], part, weights[1]))


def test_the_basis_makes_the_surface() -> None:
    controls = np.random.default_rng(2).normal(size=(54, 2)).round(3)
    rows, cols = positions(50)
    assert LATTICE.basis(np.column_stack([rows, cols])) @ controls == pytest.approx(
        np.column_stack(Surface.of(LATTICE, controls).at(rows, cols))
    )


def test_planes_bend_nothing_and_all_else_does() -> None:
    rows, cols = np.mgrid[:9, :6].reshape(2, -1)
    bending = LATTICE.bending()
    for plane in (np.ones(54), rows, cols, 2 * rows - 3 * cols + 1):
        assert plane @ bending @ plane == pytest.approx(0, abs=1e-9)
    for bent in (rows**2, rows * cols, np.sin(cols)):
        assert bent @ bending @ bent > 1
    assert np.linalg.matrix_rank(bending) == 54 - 3


def test_positions_beyond_the_lattice_count_as_on_its_edge() -> None:
    surface = Surface.of(LATTICE, np.random.default_rng(3).normal(size=(54, 2)))
    beyond = surface.at(np.array([-500.0, 900.0, np.inf]), np.array([40.0, 400.0, 0.0]))
    edge = surface.at(np.array([10.0, 310.0, 310.0]), np.array([40.0, 130.0, 0.0]))
    assert np.array_equal(beyond, edge)


def test_a_line_of_windows_has_a_lattice_too() -> None:
    lattice = Lattice.over((5.0, 64.0), (900.0, 64.0), 10)
    assert (lattice.rows, lattice.cols) == (13, 4)
    surface = Surface.of(lattice, np.ones((52, 2)))
    assert np.concatenate(surface.at(np.array([70.0]), np.array([64.0]))) == pytest.approx(1)
