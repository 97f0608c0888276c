"""Chebyshev's iteration on operators whose eigenvalues are known."""

import pytest
import torch

from ssdiff_models.consistency.solver import FEW, LEAST, solve

EIGENVALUES = torch.linspace(0, 1, 2001, dtype=torch.float64)


def left(iterations: int) -> torch.Tensor:
    """What is not yet given back, for each eigenvalue."""
    found = solve(lambda x: EIGENVALUES * x, torch.ones_like(EIGENVALUES), iterations)
    return 1 - EIGENVALUES * found


def test_ten_rounds_leave_a_percent_where_plain_ones_leave_half() -> None:
    leaves = left(10)
    assert leaves[EIGENVALUES >= LEAST].abs().max() < 0.01
    assert (1 - LEAST) ** 10 > 0.4


def test_nothing_is_left_of_the_mean() -> None:
    for iterations in (1, 2, 5, 10, 30):
        assert left(iterations)[-1].abs() < 1e-12


def test_what_an_operator_hardly_shows_is_not_blown_up() -> None:
    """Whatever lies below `LEAST` is approached from below, so noise there is never amplified more than by the true inverse."""
    for iterations in (5, 10, 30):
        low = left(iterations)[EIGENVALUES < LEAST]
        assert low.max() <= 1
        assert low.min() >= -1e-12
        assert (low.diff() <= 0).all()


def test_each_round_leaves_less() -> None:
    inside = EIGENVALUES >= LEAST
    most = [left(iterations)[inside].abs().max() for iterations in range(1, 21)]
    assert all(more > less for more, less in zip(most[FEW:], most[FEW + 1 :], strict=False))
    assert most[FEW] < most[FEW - 1]


@pytest.mark.parametrize("iterations", range(1, FEW + 1))
def test_few_rounds_are_back_projection(iterations: int) -> None:
    assert torch.allclose(left(iterations), (1 - EIGENVALUES) ** iterations, atol=1e-12)


def test_the_operator_is_applied_once_less_than_there_are_rounds() -> None:
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
