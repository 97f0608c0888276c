"""What a linear operator turns into a wanted tensor, in as few iterations as its eigenvalues allow: Chebyshev's iteration."""

from collections.abc import Callable, Iterator

from torch import Tensor

__all__ = ["FEW", "solve"]

LEAST = 0.08
"""Eigenvalue from which on ten iterations leave at most a percent; of lower ones they leave more, and so make less of noise."""
FEW = 4
"""Up to here all iterations are plain ones: what an MTF that is only a guess deserves."""


def solve(seen: Callable[[Tensor], Tensor], wanted: Tensor, iterations: int) -> Tensor:
    """Returns a tensor of which `seen` is nearly `wanted`.

    The first round is a plain one, after which nothing is left of eigenvalue 1, the mean; the others are Chebyshev's (Golub and Varga
    1961; Saad, Iterative Methods for Sparse Linear Systems, algorithm 12.1) from `LEAST` to 1.

    Args:
        seen: A linear map with real eigenvalues in (0, 1].
        wanted: What it is to give, of any shape.
        iterations: Number of iterations, at least 1; `seen` is called once less.
    """
    step = total = wanted
    for momentum, share in _weights(iterations):
        step = momentum * step + share * (wanted - seen(total))
        total = total + step
    return total


def _weights(iterations: int) -> Iterator[tuple[float, float]]:
    """Yields for each round but the first how much of the last step is repeated, and how much of what is left is added."""
    if iterations <= FEW:
        yield from ((0.0, 1.0) for _ in range(iterations - 1))
        return
    middle, radius = (1 + LEAST) / 2, (1 - LEAST) / 2
    rho, momentum, share = radius / middle, 0.0, 1 / middle
    for _ in range(iterations - 1):
        yield momentum, share
        following = 1 / (2 * middle / radius - rho)
        rho, momentum, share = following, following * rho, 2 * following / radius
