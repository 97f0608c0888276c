"""Chebyshev's iteration: the solution of a linear equation in few applications of its operator."""

from collections.abc import Callable, Iterator

from torch import Tensor

__all__ = ["FEW", "solve"]

LEAST = 0.08
"""Smallest eigenvalue that ten iterations solve to a percent; noise below it is amplified less."""
FEW = 4
"""Up to here all iterations are plain ones: enough for an MTF that is only a guess."""


def solve(operator: Callable[[Tensor], Tensor], wanted: Tensor, iterations: int) -> Tensor:
    """Returns a tensor that `operator` maps nearly to `wanted`.

    The first iteration is a plain one, which solves for eigenvalue 1, the mean. The others are
    Chebyshev's from `LEAST` to 1 (Golub and Varga 1961; Saad, Iterative Methods for Sparse Linear
    Systems, algorithm 12.1).

    `operator` is linear with real eigenvalues in (0, 1]; it is called ``iterations - 1`` times.
    """
    step = wanted
    total = wanted
    for momentum, gain in _weights(iterations):
        residual = wanted - operator(total)
        step = momentum * step + gain * residual
        total = total + step
    return total


def _weights(iterations: int) -> Iterator[tuple[float, float]]:
    """Yields the factors of the last step and of the residual, for all iterations but the first."""
    if iterations <= FEW:
        yield from [(0.0, 1.0)] * (iterations - 1)
        return
    middle = (1 + LEAST) / 2
    radius = (1 - LEAST) / 2
    rho = radius / middle
    momentum = 0.0
    gain = 1 / middle
    for _ in range(iterations - 1):
        yield momentum, gain
        next_rho = 1 / (2 * middle / radius - rho)
        momentum = next_rho * rho
        gain = 2 * next_rho / radius
        rho = next_rho
