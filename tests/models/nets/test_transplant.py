"""Networks for other bands, begun from trained ones."""

import pytest
import torch

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.ablated import build
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig
from ssdiff_models.nets.transplant import transplant
from tests.models.tiny import images, network


def test_the_same_bands_give_the_same_network() -> None:
    net, given = network(), images(4, 16, 16)
    assert torch.equal(transplant(net, range(4), 4)(**given), net(**given))


@pytest.mark.parametrize("net", [network(), network(window=16, unshuffle=2)])
def test_bands_in_another_order_come_out_in_that_order(net: SSDiff) -> None:
    given, order = images(4, 16, 16), [3, 0, 2, 1]
    turned = given | {name: given[name][:, order] for name in ("lms", "ms", "x_t")}
    torch.testing.assert_close(transplant(net, order, 4)(**turned), net(**given)[:, order])


@pytest.mark.parametrize("net", [network(), network(window=16, unshuffle=2)])
def test_bands_that_share_a_partner_act_like_it(net: SSDiff) -> None:
    given, closest = images(4, 16, 16), [0, 0, 1, 2, 3, 3]
    more = given | {name: given[name][:, closest] for name in ("lms", "ms", "x_t")}
    torch.testing.assert_close(
        transplant(net, closest, 4)(**more), net(**given)[:, closest], atol=1e-5, rtol=1e-5
    )


def test_other_ratios_keep_the_weights() -> None:
    given = images(3, 16, 16, ratio=2)
    half = transplant(network(), [0, 1, 2], 2)
    assert half.config.ratio == 2
    assert half(**given).shape == (1, 3, 16, 16)


def test_what_cannot_be_transplanted_is_refused() -> None:
    with pytest.raises(ModelError, match="4 bands"):
        transplant(network(), [0, 4], 4)
    with pytest.raises(ModelError, match="SeparateSSDiff"):
        transplant(build(SSDiffConfig(bands=4, dim=16, window=8, variant="concat")), [0], 4)
