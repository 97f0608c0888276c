"""Weights of interpolation along an axis."""

import math

import numpy as np
import pytest
import torch

from ssdiff_models.resampling import taps


@pytest.mark.parametrize("count", [2, 6, 12])
def test_lagrange_weights_reproduce_polynomials(count: int) -> None:
    nodes = np.arange(1 - count // 2, count // 2 + 1)
    fraction = np.linspace(0, 1, 7)
    weights = taps.lagrange(fraction, count)
    for degree in range(count):
        found = sum(
            weight * float(node) ** degree for node, weight in zip(nodes, weights, strict=True)
        )
        assert found == pytest.approx(fraction**degree, abs=1e-6)
    scalar = taps.lagrange(0.25, count)
    assert math.fsum(scalar) == pytest.approx(1)
    tensors = taps.lagrange(torch.tensor(0.25, dtype=torch.float64), count)
    assert [float(weight) for weight in tensors] == pytest.approx(scalar)
