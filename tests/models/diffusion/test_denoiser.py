from typing import TypedDict

import pytest
import torch
from torch import Tensor

from ssdiff_models.diffusion.denoiser import ResidualDenoiser
from ssdiff_models.errors import UsageError


class LinearNetwork:
    """Predicts a fixed linear function of its inputs and remembers what it was given."""

    def __init__(self) -> None:
        self.t = torch.tensor(0)
        self.matmul_dtype = torch.float32

    def __call__(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        self.t = t
        out = 2 * x_t + pan - lms + ms.mean() + t.reshape(-1, 1, 1, 1) / 1000
        self.matmul_dtype = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        return out.to(self.matmul_dtype)


class Images(TypedDict):
    lms: Tensor
    pan: Tensor
    ms: Tensor


def images() -> Images:
    generator = torch.Generator().manual_seed(0)
    lms, pan, ms = (
        torch.randn(size, generator=generator)
        for size in [(2, 3, 8, 8), (2, 1, 8, 8), (2, 3, 2, 2)]
    )
    return Images(lms=lms, pan=pan, ms=ms)


def state() -> Tensor:
    return torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(1))


def test_without_bounds_the_networks_answer_comes_back() -> None:
    network, t = LinearNetwork(), torch.tensor([3, 700])
    x0_hat = ResidualDenoiser(network=network, **images(), residual_scale=4.0)(state(), t)
    assert torch.equal(x0_hat, LinearNetwork()(**images(), x_t=state(), t=t))
    assert torch.equal(network.t, t)


@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize("per_sample", [False, True])
def test_fused_values_lie_in_each_bands_range(scale: float, per_sample: bool) -> None:
    t = torch.tensor([0, 0])
    low, high = torch.tensor([-0.5, -0.25, 0.0]), torch.tensor([0.5, 0.25, 0.125])
    if per_sample:
        low, high = torch.stack([low, low - 1]), torch.stack([high, high + 1])
    free = ResidualDenoiser(network=LinearNetwork(), **images(), residual_scale=scale)
    bound = ResidualDenoiser(
        network=LinearNetwork(), **images(), residual_scale=scale, low=low, high=high
    )
    fused, wished = bound.fuse(bound(state(), t)), free.fuse(free(state(), t))
    expected = torch.clamp(
        wished, low.expand(2, 3)[..., None, None], high.expand(2, 3)[..., None, None]
    )
    assert not torch.equal(wished, expected)
    # One rounding of lms + (bound - lms).
    assert torch.allclose(fused, expected, atol=1e-6)


def test_only_the_network_runs_in_low_precision() -> None:
    t = torch.tensor([0, 0])
    network = LinearNetwork()
    denoiser = ResidualDenoiser(
        network=network, **images(), precision=torch.bfloat16, residual_scale=3.0
    )
    x0_hat = denoiser(state(), t)
    assert network.matmul_dtype == torch.bfloat16
    assert x0_hat.dtype == torch.float32
    assert torch.equal(denoiser.fuse(x0_hat), images()["lms"] + x0_hat / 3.0)
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_float32_takes_part_in_no_autocast() -> None:
    network = LinearNetwork()
    ResidualDenoiser(network=network, **images())(state(), torch.tensor([0, 0]))
    assert network.matmul_dtype == torch.float32


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UsageError, match=r"residual scale.*-1"):
        ResidualDenoiser(network=LinearNetwork(), **images(), residual_scale=-1.0)
    with pytest.raises(UsageError, match="both its bounds"):
        ResidualDenoiser(network=LinearNetwork(), **images(), low=torch.zeros(3))
