"""One network step on a tile of 64 x 64 pixels against the same network with naive attention."""

import math
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.scenes import BANDS, RATIO
from ssdiff_models.nets.blocks import APFM, HEAD_DIM
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig

__all__ = ["run"]

SIDE, WINDOW, TARGET = 64, 16, 5.0


class NaiveAPFM(APFM):
    """Eq. 8-10 with every softmax matrix in full, as in the released code."""

    def combine(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, N, 2C)`` to ``(B, N, C)``."""
        batch, tokens, maps = spectral.shape
        t_a, t_b = self._split(spatial)
        t_c, t_d = self._split(spectral)
        t_spa = (t_a @ t_b.mT / math.sqrt(HEAD_DIM)).softmax(-1) @ t_c
        t_spe = (t_c.mT @ t_d * (math.sqrt(HEAD_DIM**3) / tokens)).softmax(-1) @ t_a.mT
        return (t_spa * t_spe.mT).transpose(1, 2).reshape(batch, tokens, maps // 2)


def _network(window: int, *, kind: type[APFM]) -> SSDiff:
    torch.manual_seed(0)
    network = (
        SSDiff(SSDiffConfig(bands=BANDS, ratio=RATIO, window=window))
        .eval()
        .requires_grad_(requires_grad=False)
    )
    for parameter in network.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.01)
    for module in network.modules():
        if isinstance(module, APFM):
            module.__class__ = kind
    return network.channels_last()


def _inputs() -> dict[str, Tensor]:
    coarse = SIDE // RATIO
    shapes = {
        "lms": (BANDS, SIDE, SIDE),
        "pan": (1, SIDE, SIDE),
        "ms": (BANDS, coarse, coarse),
        "x_t": (BANDS, SIDE, SIDE),
    }
    return {name: torch.randn(1, *shape) for name, shape in shapes.items()} | {
        "t": torch.tensor([999])
    }


def _seconds(steps: dict[str, Callable[[], Tensor]], repeats: int) -> dict[str, float]:
    """Least time of each, taken in turns, so that what else the machine does falls on all."""
    best = dict.fromkeys(steps, math.inf)
    for _ in range(repeats):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


@torch.inference_mode()
def run(*, repeats: int) -> None:
    """Prints the table."""
    inputs = _inputs()
    networks = {
        "ours (windows of 16)": _network(WINDOW, kind=APFM),
        "naive in windows of 16": _network(WINDOW, kind=NaiveAPFM),
        "naive over the tile": _network(SIDE, kind=NaiveAPFM),
    }
    ours, windowed, _ = networks
    assert torch.allclose(networks[ours](**inputs), networks[windowed](**inputs), atol=1e-4)
    seconds = _seconds({name: partial(net, **inputs) for name, net in networks.items()}, repeats)
    print(f"one network step on {SIDE} x {SIDE} pixels, {torch.get_num_threads()} threads")
    for name, value in seconds.items():
        print(f"  {name:24} {value * 1e3:8.1f} ms   {value / seconds[ours]:6.2f} x ours")
    print(
        f"  target: naive attention over the tile, as released, takes at least {TARGET:g} times as long"
    )
