"""The ablations: each runs, learns and is stored; what they leave out is left out."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from ssdiff_models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ssdiff_models.errors import ModelError
from ssdiff_models.nets.ablated import SeparateSSDiff, build
from ssdiff_models.nets.network import Network
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig, Variant
from tests.models.tiny import images

SMALL = {"bands": 4, "dim": 16, "window": 8, "time_width": 32}


def network(**changes: object) -> Network:
    torch.manual_seed(0)
    net = build(SSDiffConfig(**(SMALL | changes)))  # type: ignore[arg-type]
    for parameter in net.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    return net


@pytest.mark.parametrize("variant", get_args(Variant))
def test_every_variant_learns_all_its_weights_and_is_stored(variant: str, tmp_path: Path) -> None:
    net = network(variant=variant)
    given = images(4, 16, 24)
    output = net(**given)
    assert output.shape == given["lms"].shape
    output.abs().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, Checkpoint(network=net, bands=None, ratio=4))
    again = load_checkpoint(path).network
    assert type(again) is type(net)
    assert torch.equal(again(**given), output)


@pytest.mark.parametrize("variant", ["spatial", "spectral"])
def test_one_branch_sees_everything(variant: str) -> None:
    net, given = network(variant=variant), images(4, 16, 16)
    for name in ("pan", "lms", "x_t"):
        assert not torch.equal(net(**given), net(**(given | {name: given[name] + 1})))


def test_separate_branches_meet_only_at_the_end() -> None:
    net = network(variant="concat")
    assert isinstance(net, SeparateSSDiff)
    names = {name for name, _ in net.named_parameters() if net.branch_of(name) == "spatial"}
    assert names
    assert not any("apfm" in name for name, _ in net.named_parameters())


def test_sums_and_products_differ() -> None:
    given = images(4, 16, 16)
    added, multiplied = network(variant="add"), network(variant="multiply")
    multiplied.load_state_dict(added.state_dict())
    assert not torch.equal(added(**given), multiplied(**given))


def test_without_fmim_frequencies_are_left_alone() -> None:
    with_fmim, without = network(), network(fmim=False)
    assert isinstance(without, SSDiff)
    without.load_state_dict(with_fmim.state_dict())
    given = images(4, 16, 16)
    assert not torch.allclose(with_fmim(**given), without(**given))
    neutral = network(spectral_gains=(1.0,) * 3, spatial_scales=(1.0,) * 3)
    neutral.load_state_dict(with_fmim.state_dict())
    torch.testing.assert_close(neutral(**given), without(**given))


def test_unknown_variants_are_refused() -> None:
    with pytest.raises(ModelError, match="multiply"):
        SSDiffConfig(bands=4, variant="half")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="4 bands"):
        network(variant="concat")(**images(3, 16, 16))
