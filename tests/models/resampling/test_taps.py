"""Kernels against the reference toolbox's own, and their gains."""

import math

import numpy as np
import pytest
import torch

from ssdiff_models.errors import UsageError
from ssdiff_models.resampling import taps
from ssdiff_models.scene import sensors
from tests.models.resampling.reference import near, stored


@pytest.mark.parametrize(
    ("name", "sensor"),
    [
        ("MTF_QB", "qb"),
        ("MTF_WV3", "wv3"),
        ("MTF_WV2", "wv2"),
        ("MTF_GeoEye1", "ge1"),
        ("MTF_none", "generic"),
    ],
)
def test_mtf_kernels_are_the_toolboxs(name: str, sensor: str) -> None:
    gains = sensors.get(sensor).ms_gains
    assert near(torch.stack([taps.mtf_kernel(gain, 4) for gain in gains]), stored(name))


@pytest.mark.parametrize(
    ("name", "sensor"), [("MTFPAN_QB", "qb"), ("MTFPAN_WV3", "wv3"), ("MTFPAN_none", "generic")]
)
def test_pan_kernels_are_the_toolboxs(name: str, sensor: str) -> None:
    assert near(taps.mtf_kernel(sensors.get(sensor).pan_gain, 4), stored(name))


def test_the_low_pass_is_the_toolboxs() -> None:
    assert near(taps.lowpass_kernel(4), stored("LPfilterGauss"))


@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize("gain", [0.15, 0.3, 0.5])
def test_a_filters_gain_at_nyquist_is_the_mtf(gain: float, ratio: int) -> None:
    kernel = taps.mtf_kernel(gain, ratio)
    step = torch.arange(-20, 21, dtype=torch.float64)
    wave = torch.cos(torch.pi * step / ratio)
    # The window of the design widens the response a little.
    assert float((kernel * wave).sum() / kernel.sum()) == pytest.approx(gain, abs=0.02)
    assert near(kernel, kernel.T)
    assert near(kernel, kernel.flip(0, 1))


@pytest.mark.parametrize("gain", [0.0, 1.0, -0.1, 2.0])
def test_impossible_gains_are_refused(gain: float) -> None:
    with pytest.raises(UsageError, match=str(gain)):
        taps.mtf_kernel(gain, 4)


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
