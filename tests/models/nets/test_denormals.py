"""No product of the network is taken over denormal numbers, which processors multiply up to 20 times as slowly."""

from collections.abc import Callable, Mapping, Sequence

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ssdiff_models.nets import blocks
from ssdiff_models.nets.blocks import APFM

SMALLEST = torch.finfo(torch.float32).tiny
"""Smallest float32 that is not denormal."""
PEAKED = 6.0
"""Factor on the spectral maps after which their softmax spans all of float32."""
PRODUCTS = (torch.ops.aten.bmm.default, torch.ops.aten.mm.default, torch.ops.aten.addmm.default)


class DenormalCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the denormal numbers that go into matrix products."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products = 0
        self.denormals = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        if func in PRODUCTS:
            self.products += 1
            for factor in args:
                if isinstance(factor, Tensor):
                    size = factor.abs()
                    self.denormals += int(((size > 0) & (size < SMALLEST)).sum())
        return func(*args, **(kwargs or {}))


def denormals(fusion: APFM) -> int:
    """Returns the number of denormal factors of a fusion whose spectral softmax is as peaked as a trained one's."""
    generator = torch.Generator().manual_seed(0)
    spectral, spatial = (torch.randn(8, 64, 16, generator=generator) for _ in range(2))
    with torch.no_grad():
        fusion.spectral_maps.weight.mul_(PEAKED)
        with DenormalCounter() as counter:
            fusion(spectral, spatial)
    assert counter.products > 0
    return int(counter.denormals)


def fusion() -> APFM:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return APFM(16)


def test_a_peaked_softmax_leaves_no_denormals() -> None:
    assert denormals(fusion()) == 0


def test_the_counter_sees_those_of_a_plain_softmax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "NEGLIGIBLE", 0.0)
    assert denormals(fusion()) > 0


def test_what_is_left_out_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(1)
    spectral, spatial = (torch.randn(8, 64, 16, generator=generator) for _ in range(2))
    net = fusion()
    with torch.no_grad():
        net.spectral_maps.weight.mul_(PEAKED)
        quick = net(spectral, spatial)
        monkeypatch.setattr(blocks, "NEGLIGIBLE", 0.0)
        assert torch.equal(quick, net(spectral, spatial))
