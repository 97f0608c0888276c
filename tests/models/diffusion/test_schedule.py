import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import ModelError, UsageError

# Two float64 evaluations of the same formula, accumulated over a thousand factors.
FLOAT64_TOLERANCE = 1e-12
# diffusers keeps its betas in float32: 1 - 0.999 alone costs 6e-5 relative.
DIFFUSERS_BETAS_TOLERANCE = 2e-6


def test_cosine_is_the_squared_cosine_where_no_beta_is_clipped() -> None:
    steps = 1000
    fraction = np.arange(steps + 1) / steps
    closed_form = np.cos((fraction + 0.008) / 1.008 * np.pi / 2) ** 2
    expected = closed_form[1:] / closed_form[0]
    abar = Schedule().alphas_cumprod.numpy()
    assert abar.dtype == np.float64
    np.testing.assert_allclose(abar[:-1], expected[:-1], rtol=1e-9)
    assert abar[-1] == pytest.approx(abar[-2] * 0.001, rel=FLOAT64_TOLERANCE)


def test_betas_are_those_of_diffusers() -> None:
    from diffusers.schedulers.scheduling_ddpm import betas_for_alpha_bar

    abar = Schedule().alphas_cumprod
    betas = 1 - abar / torch.cat([torch.ones(1, dtype=torch.float64), abar[:-1]])
    assert torch.allclose(
        betas, betas_for_alpha_bar(1000).double(), atol=DIFFUSERS_BETAS_TOLERANCE, rtol=0
    )


def test_linear_is_ddpms() -> None:
    expected = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    np.testing.assert_allclose(
        Schedule(name="linear").alphas_cumprod.numpy(), expected, rtol=FLOAT64_TOLERANCE
    )


@pytest.mark.parametrize("name", ["cosine", "linear"])
@pytest.mark.parametrize("steps", [1, 2, 10, 1000])
def test_signal_falls_with_every_step(name: str, steps: int) -> None:
    abar = Schedule(name=name, steps=steps).alphas_cumprod  # type: ignore[arg-type]
    assert bool((abar > 0).all())
    assert bool((abar < 1).all())
    assert bool((abar.diff() < 0).all())


def test_callers_cannot_change_a_schedule() -> None:
    schedule = Schedule()
    schedule.alphas_cumprod.zero_()
    assert float(schedule.alphas_cumprod[0]) > 0.99


@given(steps=st.integers(1, 1200), data=st.data())
def test_timesteps_start_at_pure_noise_and_fall_evenly(steps: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, steps))
    timesteps = Schedule(steps=steps).timesteps(count)
    gaps = np.diff([*timesteps, -1])
    assert len(timesteps) == count
    assert timesteps[0] == steps - 1
    assert timesteps[-1] >= 0
    assert np.all(gaps < 0)
    assert gaps.max() - gaps.min() <= 2  # rounding of both ends


def test_known_timesteps() -> None:
    assert Schedule().timesteps(1) == (999,)
    assert Schedule().timesteps(4) == (999, 749, 499, 249)
    assert Schedule().timesteps(3) == (999, 666, 332)


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_impossible_numbers_of_steps_are_refused(count: int) -> None:
    with pytest.raises(UsageError, match=f"{count}.*--steps"):
        Schedule().timesteps(count)


def test_add_noise_mixes_by_each_samples_own_step() -> None:
    schedule = Schedule()
    generator = torch.Generator().manual_seed(0)
    x_0, noise = torch.randn((2, 3, 2, 4, 5), generator=generator)
    t = torch.tensor([0, 500, 999])
    x_t = schedule.add_noise(x_0, t, noise)
    assert x_t.dtype == torch.float32
    for sample, step in enumerate(t.tolist()):
        abar = float(schedule.alphas_cumprod[step])
        expected = abar**0.5 * x_0[sample].double() + (1 - abar) ** 0.5 * noise[sample].double()
        assert torch.allclose(x_t[sample].double(), expected, atol=1e-6)  # float32 rounding


def test_a_checkpoint_header_round_trips() -> None:
    schedule = Schedule(name="linear", steps=200)
    assert Schedule(**json.loads(json.dumps(asdict(schedule)))) == schedule


def test_unknown_schedules_are_refused() -> None:
    with pytest.raises(ModelError, match=r"'karras'.*cosine, linear"):
        Schedule(name="karras")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="got 0"):
        Schedule(steps=0)
