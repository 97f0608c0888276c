"""Degrading against the reference toolbox and plain definitions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ssdiff_models.resampling import degrade, mtf, upsample
from ssdiff_models.scene import sensors
from tests.golden import scenes
from tests.models.resampling.reference import near, noise, stored


def test_imresize_is_the_toolboxs() -> None:
    assert near(
        degrade.imresize_bicubic(stored("imresize_in"), 4), stored("imresize_bicubic_quarter")
    )


def test_wald_reproduces_the_toolboxs_reduced_pair(golden: Path) -> None:
    with (
        np.load(golden / "inputs/ge1_sv.npz") as arrays,
        np.load(golden / "inputs/fr_ge1_sv.npz") as full,
    ):
        truth = torch.from_numpy(arrays["GT"].astype(np.float64)).permute(2, 0, 1)
        coarse, lms = (
            torch.from_numpy(arrays[name].astype(np.float64)).permute(2, 0, 1)
            for name in ("MS_LR", "EXP")
        )
        reduced, pan = (
            torch.from_numpy(arrays["PAN"].astype(np.float64)),
            torch.from_numpy(full["PAN"].astype(np.float64)),
        )
    gains = sensors.get("ge1").ms_gains
    # The stored arrays are float32.
    assert near(degrade.mtf_filter(truth, gains, 4)[:, 2::4, 2::4], coarse, 1e-4)
    assert near(upsample.interp23(coarse, 4), lms, 1e-4)
    assert near(degrade.imresize_bicubic(pan, 4), reduced, 1e-4)
    # The toolbox does not normalise its kernel; at unit gain the difference is a factor.
    ours = degrade.reduce_ms(truth, gains, 4, phase=2)
    assert near(ours * mtf.mtf_kernel(gains[0], 4).sum(), coarse, 1e-4)


@pytest.mark.parametrize("sensor", scenes.SENSORS)
def test_reduced_pairs_are_still_those_that_agreed(sensor: str) -> None:
    pair = scenes.pair(sensor)
    pan, ms = (torch.from_numpy(image) for image in scenes.reduced(sensor))
    gains = sensors.get(sensor).ms_gains
    # The stored arrays are float32.
    coarse = degrade.mtf_filter(torch.from_numpy(pair.ms), gains, 4)[:, 2::4, 2::4]
    assert near(coarse, ms, 1e-4)
    assert near(degrade.imresize_bicubic(torch.from_numpy(pair.pan), 4), pan, 1e-4)


def naive_correlation(image: Tensor, kernel: Tensor) -> Tensor:
    reach = kernel.shape[0] // 2
    rows = torch.arange(-reach, image.shape[-2] + reach).clamp(0, image.shape[-2] - 1)
    cols = torch.arange(-reach, image.shape[-1] + reach).clamp(0, image.shape[-1] - 1)
    padded = image[..., rows[:, None], cols]
    return torch.nn.functional.conv2d(padded[:, None], kernel[None, None])[:, 0]


@pytest.mark.parametrize("shape", [(50, 43), (5, 61), (1, 1)])
def test_correlation_is_its_definition(shape: tuple[int, int]) -> None:
    image, kernels = noise(2, *shape), [noise(41, 41), noise(2, 41, 41)[1]]
    result = degrade.correlate(image, kernels)
    for band, kernel in enumerate(kernels):
        assert near(
            result[band : band + 1], naive_correlation(image[band : band + 1], kernel), 1e-9
        )
    assert degrade.correlate(image.float(), kernels).dtype == torch.float32


def ramp_image(rows: int, cols: int) -> Tensor:
    return (
        3.0
        + 2.0 * torch.arange(rows, dtype=torch.float64)[:, None]
        - 0.5 * torch.arange(cols, dtype=torch.float64)
    )


@pytest.mark.parametrize(("ratio", "phase"), [(4, 1.5), (4, 2), (4, 0.25), (2, 0.5), (2, 1)])
def test_reduced_ms_sits_at_its_phase(ratio: int, phase: float) -> None:
    image = ramp_image(96, 80)
    reduced = degrade.reduce_ms(image[None], (0.3,), ratio, phase)[0]
    assert reduced.shape == (96 // ratio, 80 // ratio)
    at = (
        ratio * torch.arange(96 // ratio, dtype=torch.float64) + phase,
        ratio * torch.arange(80 // ratio, dtype=torch.float64) + phase,
    )
    expected = 3.0 + 2.0 * at[0][:, None] - 0.5 * at[1]
    inner = slice(24 // ratio, -24 // ratio)
    # A window at fractional places is not quite symmetric; the reference kernel is.
    tolerance = 1e-9 if phase % 1 == 0 else 1e-3
    assert near(reduced[inner, inner], expected[inner, inner], tolerance)
    constant = degrade.reduce_ms(
        torch.full((1, 40, 40), 7.0, dtype=torch.float64), (0.3,), ratio, phase
    )
    assert near(constant, torch.full_like(constant, 7.0))


@pytest.mark.parametrize("first", [(1.5, 1.5), (0.0, 3.2), (-0.7, 2.0), (6.25, 0.5)])
def test_reduced_pan_sits_where_it_is_asked_for(first: tuple[float, float]) -> None:
    reduced = degrade.reduce_pan(ramp_image(64, 72), 4, first=first, shape=(13, 15))
    at = [
        4 * torch.arange(n, dtype=torch.float64) + f for n, f in zip((13, 15), first, strict=True)
    ]
    expected = 3.0 + 2.0 * at[0][:, None] - 0.5 * at[1]
    assert near(reduced[3:-3, 3:-3], expected[3:-3, 3:-3], 1e-9)


def test_resizing_is_reducing_at_the_aligned_phase() -> None:
    pan = noise(64, 48)
    assert near(
        degrade.imresize_bicubic(pan, 4),
        degrade.reduce_pan(pan, 4, first=(1.5, 1.5), shape=(16, 12)),
    )


def test_degrading_what_was_interpolated_gives_it_back() -> None:
    yx = torch.arange(40, dtype=torch.float64)
    ms = (torch.sin(yx / 6)[:, None] * torch.cos(yx / 7))[None]
    lms = upsample.upsample(ms, 4, 1.5)
    again = degrade.reduce_ms(lms, (0.7,), 4, 1.5)[0]
    # A smooth image passes the MTF nearly unchanged.
    assert near(again[6:-6, 6:-6], ms[0, 10:-10, 10:-10][6:-6, 6:-6], 0.02)
