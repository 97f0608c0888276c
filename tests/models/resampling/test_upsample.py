"""Interpolation against the reference toolbox, polynomials and windows of larger images."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ssdiff_models.errors import UsageError
from ssdiff_models.resampling import upsample
from tests.models.resampling.reference import near, noise, stored


def test_the_interpolator_is_the_toolboxs() -> None:
    impulse, expected = stored("interp23tap_impulse_in"), stored("interp23tap_impulse_out")
    assert near(upsample.interp23(impulse[None], 4)[0], expected)


@pytest.mark.parametrize("first", [(0.0, 0.0), (0.25, -0.6), (2.5, -3.0)])
def test_shifting_reproduces_polynomials(first: tuple[float, float]) -> None:
    x, y = torch.arange(40, dtype=torch.float64) / 40, torch.arange(50, dtype=torch.float64) / 50

    def poly(rows: Tensor, cols: Tensor) -> Tensor:
        return (1 + rows - 2 * rows**3 + rows**7)[:, None] * (1 - cols**2 + cols**9)

    moved = upsample.shift_image(poly(x, y), first)
    expected = poly(x + first[0] / 40, y + first[1] / 50)
    assert near(moved[10:-10, 10:-10], expected[10:-10, 10:-10], 1e-9)
    if first == (0.0, 0.0):
        assert near(moved, poly(x, y))


@pytest.mark.parametrize("ratio", [2, 4])
def test_upsampling_at_half_a_ratio_is_the_23_tap_interpolator(ratio: int) -> None:
    ms, halo = noise(3, 36, 40), 10
    result = upsample.upsample(ms, ratio, ratio / 2)
    expected = upsample.interp23(ms, ratio)[
        :, halo * ratio : -halo * ratio, halo * ratio : -halo * ratio
    ]
    assert near(result, expected, 1e-11)


@pytest.mark.parametrize(("ratio", "phase"), [(4, 1.5), (4, 0.0), (4, 2.2), (2, 0.5), (3, 1.0)])
def test_upsampling_reproduces_polynomials_at_its_phase(ratio: int, phase: float) -> None:
    halo, inner = 10, 12
    at = (torch.arange(inner + 2 * halo, dtype=torch.float64) - halo) / inner
    fine = (torch.arange(inner * ratio, dtype=torch.float64) - phase) / ratio / inner

    def poly(z: Tensor) -> Tensor:
        return 1 + z - 3 * z**4 + z**6

    ms = poly(at)[:, None] * (1 - at + at**3)
    expected = poly(fine)[:, None] * (1 - fine + fine**3)
    assert near(upsample.upsample(ms[None], ratio, phase)[0], expected, 1e-9)


@pytest.mark.parametrize("phase", [1.5, 2.0])
def test_upsampling_a_window_is_a_window_of_the_whole(phase: float) -> None:
    ms = noise(2, 50, 50)
    whole = upsample.upsample(ms, 4, phase)
    part = upsample.upsample(ms[:, 5:40, 8:45], 4, phase)
    assert near(part, whole[:, 20 : 20 + part.shape[1], 32 : 32 + part.shape[2]])


@pytest.mark.parametrize("phase", [0.0, 1.5, 2.0, 4.0])
def test_a_whole_image_is_mirrored_at_its_borders(phase: float) -> None:
    ms = noise(2, 7, 25)
    around = np.pad(ms.numpy(), ((0, 0), (10, 10), (10, 10)), mode="symmetric")
    expected = upsample.upsample(torch.from_numpy(around), 4, phase)
    assert near(upsample.upsample_image(ms, 4, phase), expected)


def test_the_interpolator_knows_its_ratios() -> None:
    with pytest.raises(UsageError, match="got 3"):
        upsample.interp23(noise(1, 8, 8), 3)
