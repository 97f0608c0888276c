"""Gains are found that were put in, by the simulated acquisition and by Wald's protocol."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor

from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.resampling.mtf import mtf_kernel
from ssdiff_models.scene.mtf_estimate import MtfEstimate, gain_misfit, scene_gains
from ssdiff_models.scene.sensors import get
from ssdiff_models.simulation.acquisition import SceneSpec, SimulatedPair, simulate_pair

SIDE = 448
GAINS = (0.34, 0.18, 0.27, 0.4)


@lru_cache
def pair_of(sensor: str) -> SimulatedPair:
    return simulate_pair(SceneSpec(sensor=get(sensor), size=SIDE, seed=3, offset=(0, 0), margin=0))


def estimate(
    pan: Tensor, ms: Tensor, *, first: float = 1.5, valid: Tensor | None = None, ratio: int = 4
) -> MtfEstimate:
    everywhere = torch.ones(ms.shape[1:], dtype=torch.bool)
    window = gain_misfit(
        pan, ms, ratio, first=(first, first), valid=everywhere if valid is None else valid
    )
    assert window is not None
    return scene_gains([window], len(ms))


def degraded(gains: tuple[float, ...] = GAINS, phase: float = 1.5) -> tuple[Tensor, Tensor]:
    """A simulated PAN, and the bands that Wald's protocol makes of the truth."""
    pair = pair_of("qb")
    truth = torch.from_numpy(pair.truth.astype(np.float64))
    return torch.from_numpy(pair.pan.astype(np.float64)), reduce_ms(truth, gains, 4, phase)


def response(gain: float) -> float:
    """What the toolbox's kernel of a gain has at Nyquist: about its power of 1.05."""
    kernel = mtf_kernel(gain, 4).numpy()
    waves = np.cos(np.pi * np.arange(-20, 21) / 4)
    return float(waves @ kernel.sum(0) / kernel.sum())


SEEN = tuple(map(response, GAINS))


@pytest.mark.parametrize("sensor", ["qb", "ge1", "wv2", "wv3"])
def test_the_gains_of_simulated_sensors(sensor: str) -> None:
    pair = pair_of(sensor)
    pan, ms = (torch.from_numpy(image.astype(np.float64)) for image in (pair.pan, pair.ms))
    found = estimate(pan, ms)
    assert found.reason is None
    assert found.gains == pytest.approx(get(sensor).ms_gains, abs=0.03)
    assert all(error is not None and error < 0.03 for error in found.errors)


@pytest.mark.parametrize("gain", [0.1, 0.25, 0.45])
def test_the_gains_of_walds_protocol(gain: float) -> None:
    assert estimate(*degraded((gain,) * 4)).gains == pytest.approx((response(gain),) * 4, abs=0.03)


@pytest.mark.parametrize("off", [-1.3, 2.0])
def test_a_shift_is_no_blur(off: float) -> None:
    pan, ms = degraded(phase=1.5)
    assert estimate(pan, ms, first=1.5 + off).gains == pytest.approx(SEEN, abs=0.03)


def test_bands_may_be_shifted_against_each_other() -> None:
    pan, ms = degraded()
    _, others = degraded(phase=2.3)
    mixed = torch.stack([ms[0], others[1], ms[2], others[3]])
    assert estimate(pan, mixed).gains == pytest.approx(SEEN, abs=0.03)


def test_noise_is_no_detail() -> None:
    pan, ms = degraded()
    random = torch.Generator().manual_seed(1)
    noisy_pan = pan + 0.02 * pan.mean() * torch.randn(pan.shape, generator=random)
    noisy_ms = ms + 0.01 * ms.mean() * torch.randn(ms.shape, generator=random)
    assert estimate(noisy_pan, noisy_ms).gains == pytest.approx(SEEN, abs=0.03)


def test_scale_and_offset_of_the_bands_do_not_matter() -> None:
    pan, ms = degraded()
    factors = torch.tensor([1e-4, -2.0, 50.0, 1.0]).double()[:, None, None]
    assert estimate(pan, factors * ms - 3).gains == estimate(pan, ms).gains


def test_block_means_have_a_high_gain() -> None:
    pan, _ = degraded()
    means = pan.reshape(SIDE // 4, 4, SIDE // 4, 4).mean((1, 3))
    # A box of an MS pixel has 2 / pi at its Nyquist frequency.
    assert estimate(pan, means[None]).gains[0] == pytest.approx(0.64, abs=0.05)


def test_the_lowest_gain_is_known_to_a_step_only() -> None:
    pan, _ = degraded()
    found = estimate(pan, reduce_ms(pan[None], (0.01,), 4, 1.5))
    assert (found.gains, found.errors) == ((0.05,), (0.05,))


def test_invalid_pixels_do_not_count() -> None:
    pan, ms = degraded()
    valid = torch.ones(ms.shape[1:], dtype=torch.bool)
    valid[:50, 30:] = False
    spoilt = ms.clone()
    spoilt[:, :50, 30:] = 7.0
    whole, part = estimate(pan, ms).gains, estimate(pan, spoilt, valid=valid).gains
    assert part == pytest.approx(whole, abs=0.03)


def test_a_band_that_does_not_tell_takes_the_mean_of_the_others() -> None:
    pan, ms = degraded()
    random = torch.Generator().manual_seed(2)
    ms[2] = torch.randn(ms[2].shape, generator=random, dtype=torch.float64)
    found = estimate(pan, ms)
    told = [found.gains[band] for band in (0, 1, 3)]
    assert found.gains[2] == pytest.approx(np.mean(told), abs=0.01)
    assert [error is None for error in found.errors] == [False, False, True, False]


@pytest.mark.parametrize("kind", ["flat", "unrelated", "small"])
def test_where_nothing_tells_all_gains_are_the_usual_one(kind: str) -> None:
    pan, ms = degraded()
    if kind == "flat":
        ms = torch.full_like(ms, 300.0)
    elif kind == "unrelated":
        ms = ms.flip(1, 2)
    else:
        pan, ms = pan[:72, :72], ms[:, :18, :18]
    found = estimate(pan, ms)
    assert (found.gains, found.errors) == ((0.3,) * 4, (None,) * 4)
    assert found.reason is not None


def test_without_windows_the_scene_is_too_small() -> None:
    found = scene_gains([], 2)
    assert found.gains == (0.3, 0.3)
    assert str(found).startswith("unknown, since no part of the scene is large")


def test_windows_add_up() -> None:
    pan, ms = degraded()
    whole = estimate(pan, ms)
    parts = [
        gain_misfit(
            pan[:, start : start + 240],
            ms[:, :, start // 4 : start // 4 + 60],
            4,
            first=(1.5, 1.5),
            valid=torch.ones(112, 60, dtype=torch.bool),
        )
        for start in (0, 200)
    ]
    windows = [part for part in parts if part is not None]
    assert scene_gains(windows, 4).gains == pytest.approx(whole.gains, abs=0.02)
