"""What all networks have in common."""

import torch

from ssdiff_models.nets.network import Network
from tests.models.tiny import network


def ordered(net: Network) -> bool:
    weights = [weight for weight in net.parameters() if weight.ndim == 4]
    return all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_preparing_leaves_the_callers_network_as_it_is() -> None:
    plain = network()
    prepared = plain.prepared(torch.device("cpu"))
    assert not ordered(plain)
    assert ordered(prepared)
    assert prepared.config == plain.config
    for name, weight in plain.state_dict().items():
        assert torch.equal(prepared.state_dict()[name], weight)


def test_a_network_that_is_in_place_is_not_copied() -> None:
    prepared = network().prepared()
    assert prepared.prepared() is prepared
    assert prepared.prepared(torch.device("cpu")) is prepared
    assert prepared.prepared(torch.device("meta")) is not prepared
