"""Chebyshev's iteration on operators whose eigenvalues are known."""

import pytest
import torch

from ssdiff_models.consistency.solver import FEW, LEAST, solve

EIGENVALUES = torch.linspace(0, 1, 2001, dtype=torch.float64)


def error(iterations: int) -> torch.Tensor:
    """Returns the relative error for each eigenvalue."""
    found = solve(lambda x: EIGENVALUES * x, torch.ones_like(EIGENVALUES), iterations)
    return 1 - EIGENVALUES * found


def test_ten_iterations_come_near_a_dense_solve_where_plain_ones_do_not() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(60, 60, generator=generator, dtype=torch.float64)
    basis = torch.linalg.qr(noise).Q
    matrix = basis @ torch.diag(torch.linspace(LEAST, 1, 60, dtype=torch.float64)) @ basis.T
    wanted = torch.randn(60, generator=generator, dtype=torch.float64)
    exact = torch.linalg.solve(matrix, wanted)
    plain = wanted
    for _ in range(9):
        plain = plain + wanted - matrix @ plain
    found = solve(lambda x: matrix @ x, wanted, 10)
    assert (found - exact).norm() < 0.01 * exact.norm()
    assert (plain - exact).norm() > 0.1 * exact.norm()


def test_the_mean_is_solved_exactly() -> None:
    for iterations in (1, 2, 5, 10, 30):
        assert error(iterations)[-1].abs() < 1e-12


def test_what_an_operator_hardly_shows_is_not_blown_up() -> None:
    """Below `LEAST` the error stays positive, so the true inverse amplifies noise more."""
    for iterations in (5, 10, 30):
        low = error(iterations)[EIGENVALUES < LEAST]
        assert low.max() <= 1
        assert low.min() >= -1e-12
        assert (low.diff() <= 0).all()


def test_each_iteration_leaves_less() -> None:
    inside = EIGENVALUES >= LEAST
    most = [error(iterations)[inside].abs().max() for iterations in range(1, 21)]
    assert all(more > less for more, less in zip(most[FEW:], most[FEW + 1 :], strict=False))
    assert most[FEW] < most[FEW - 1]


@pytest.mark.parametrize("iterations", range(1, FEW + 1))
def test_few_iterations_are_back_projection(iterations: int) -> None:
    assert torch.allclose(error(iterations), (1 - EIGENVALUES) ** iterations, atol=1e-12)


def test_the_operator_is_applied_once_less_than_there_are_iterations() -> None:
    calls = 0

    def seen(pixels: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return pixels / 2

    solve(seen, torch.ones(3), 10)
    assert calls == 9


def test_it_solves_for_matrices_that_are_not_symmetric() -> None:
    generator = torch.Generator().manual_seed(0)
    basis = torch.eye(40, dtype=torch.float64) + 0.05 * torch.randn(
        40, 40, generator=generator, dtype=torch.float64
    )
    matrix = basis @ torch.diag(torch.linspace(0.2, 1, 40, dtype=torch.float64)) @ basis.inverse()
    wanted = torch.randn(40, generator=generator, dtype=torch.float64)
    found = solve(lambda x: matrix @ x, wanted, 30)
    assert torch.allclose(found, torch.linalg.solve(matrix, wanted), atol=1e-4)
