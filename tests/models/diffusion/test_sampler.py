"""The samplers against those of `diffusers`, with denoisers that need no network."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, get_args

import pytest
import torch
from torch import Tensor

from ssdiff_models.diffusion.sampler import SAMPLERS, SamplerName, ddim, dpm_solver_pp, sample
from ssdiff_models.diffusion.schedule import Schedule, ScheduleName
from ssdiff_models.errors import UsageError

# The oracle gets the float64 alphas of our schedule, but keeps its sigmas and coefficients in float32: what remains is that
# rounding, amplified by the Lipschitz constant (0.9) of the fake denoiser and the multistep extrapolation.
TOLERANCE = 5e-6


@dataclass
class FakeDenoiser:
    """A deterministic, bounded estimate that depends on state, place and time step without any symmetry to hide errors in."""

    asked: list[int] = field(default_factory=list)

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        assert t.shape == (x_t.shape[0],)
        assert t.dtype == torch.int64
        self.asked.append(int(t[0]))
        place = torch.arange(x_t.numel(), dtype=torch.float32).reshape(x_t.shape)
        phase = (t.reshape(-1, 1, 1, 1) * 0.7548777 + place * 0.5698403) % 1.0
        return 0.6 * torch.sin(1.5 * x_t + 6.2831853 * phase) + 0.3 * phase


def start(seed: int = 0) -> Tensor:
    return torch.randn((2, 3, 4, 5), generator=torch.Generator().manual_seed(seed))


def diffusers_sample(
    name: SamplerName, schedule: Schedule, steps: int, denoiser: FakeDenoiser
) -> Tensor:
    abar = schedule.alphas_cumprod
    betas = (1 - abar / torch.cat([torch.ones(1, dtype=torch.float64), abar[:-1]])).numpy()
    common: dict[str, Any] = {
        "trained_betas": betas,
        "prediction_type": "sample",
        "timestep_spacing": "trailing",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside diffusers
        import diffusers

        oracle = (
            diffusers.DDIMScheduler(**common, clip_sample=False, set_alpha_to_one=True)
            if name == "ddim"
            else diffusers.DPMSolverMultistepScheduler(
                **common,
                algorithm_type="dpmsolver++",
                solver_order=2,
                solver_type="midpoint",
                final_sigmas_type="zero",
            )
        )
        oracle.alphas_cumprod = abar
        oracle.set_timesteps(steps)
        x_t = start()
        for t in oracle.timesteps:
            x0_hat = denoiser(x_t, t.expand(x_t.shape[0]))
            x_t = oracle.step(x0_hat, t, x_t).prev_sample.float()
    return x_t


# The step counts divide 1000: elsewhere DDIMScheduler's previous step (t - 1000 // steps) is not its next time step.
@pytest.mark.parametrize("steps", [1, 2, 4, 10, 20, 50])
@pytest.mark.parametrize("name", get_args(SamplerName))
@pytest.mark.parametrize("curve", get_args(ScheduleName))
def test_samples_are_those_of_diffusers(curve: ScheduleName, name: SamplerName, steps: int) -> None:
    schedule = Schedule(name=curve)
    ours, theirs = FakeDenoiser(), FakeDenoiser()
    expected = diffusers_sample(name, schedule, steps, theirs)
    result = sample(ours, start(), schedule, steps=steps, sampler=name)
    assert ours.asked == theirs.asked == list(schedule.timesteps(steps))
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, atol=TOLERANCE, rtol=0)


def test_the_second_order_differs_from_the_first() -> None:
    results = [
        sample(FakeDenoiser(), start(), Schedule(), steps=10, sampler=name)
        for name in get_args(SamplerName)
    ]
    assert float((results[0] - results[1]).abs().max()) > 100 * TOLERANCE


@pytest.mark.parametrize("name", get_args(SamplerName))
def test_one_step_is_the_denoisers_estimate(name: SamplerName) -> None:
    estimate = FakeDenoiser()(start(), torch.tensor([999, 999]))
    assert torch.equal(sample(FakeDenoiser(), start(), Schedule(), steps=1, sampler=name), estimate)


def test_two_steps_of_both_samplers_agree() -> None:
    results = [
        sample(FakeDenoiser(), start(), Schedule(), steps=2, sampler=name)
        for name in get_args(SamplerName)
    ]
    assert torch.equal(*results)


@pytest.mark.parametrize("name", get_args(SamplerName))
def test_an_exact_denoiser_is_followed_exactly(name: SamplerName) -> None:
    truth = start(seed=1)

    def exact(x_t: Tensor, t: Tensor) -> Tensor:
        return truth

    assert torch.equal(sample(exact, start(), Schedule(), steps=7, sampler=name), truth)


@pytest.mark.parametrize("sampler", [ddim, dpm_solver_pp])
def test_steps_form_a_chain(sampler: Callable[..., Any]) -> None:
    schedule = Schedule()
    records = list(sampler(FakeDenoiser(), start(), schedule, 5))
    assert [record.index for record in records] == [0, 1, 2, 3, 4]
    assert tuple(record.t for record in records) == schedule.timesteps(5)
    assert torch.equal(records[0].x_t, start())
    for before, after in pairwise(records):
        assert after.x_t is before.x_next
    for record in records:
        assert torch.equal(record.x0_hat, FakeDenoiser()(record.x_t, torch.full((2,), record.t)))
    assert torch.equal(records[-1].x_next, records[-1].x0_hat)


def test_samples_of_a_batch_do_not_meet() -> None:
    def pointwise(x_t: Tensor, t: Tensor) -> Tensor:
        return torch.tanh(x_t) * (1 + t.reshape(-1, 1, 1, 1) / 1000)

    whole = sample(pointwise, start(), Schedule(), steps=4, sampler="dpmpp")
    alone = [
        sample(pointwise, part[None], Schedule(), steps=4, sampler="dpmpp") for part in start()
    ]
    assert torch.equal(whole, torch.cat(alone))


def test_a_sample_records_no_gradients() -> None:
    weight = torch.ones((), requires_grad=True)

    def trainable(x_t: Tensor, t: Tensor) -> Tensor:
        return weight * x_t

    assert not sample(trainable, start(), Schedule(), steps=2).requires_grad


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_numbers_of_steps_are_refused(
    name: Literal["ddim", "dpmpp"], steps: int
) -> None:
    with pytest.raises(UsageError, match=str(steps)):
        sample(FakeDenoiser(), start(), Schedule(), steps=steps, sampler=name)
