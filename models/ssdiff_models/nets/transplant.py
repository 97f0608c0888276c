"""A network for other bands, begun with the weights of a trained one."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.network import Network
from ssdiff_models.nets.ssdiff import SSDiff

__all__ = ["transplant"]


def transplant(network: Network, closest: Sequence[int], ratio: int) -> SSDiff:
    """Returns a new network for ``len(closest)`` bands that starts with trained weights.

    The first and last layers depend on the bands: a new band takes the weights of its partner.
    Bands that share a partner share its input weights, so that the first features keep their size.

    Args:
        network: An `SSDiff`.
        closest: For each new band, the old band that is most like it.
        ratio: PAN pixels per MS pixel of the new network.

    Raises:
        ModelError: When the network is of another kind, or a partner is none of its bands.
    """
    if not isinstance(network, SSDiff):
        raise ModelError(
            f"a network of type {type(network).__name__} cannot be begun anew for other bands: "
            "choose another --model"
        )
    bands = network.config.bands
    if not all(0 <= band < bands for band in closest):
        raise ModelError(f"closest {tuple(closest)} are not among {bands} bands")
    index = torch.tensor(tuple(closest))
    shares = [1 / list(closest).count(band) for band in closest]
    share = torch.tensor(shares)[:, None, None, None]
    square = network.channels(1)

    def inputs(weights: Tensor) -> Tensor:
        of_bands = weights.view(len(weights), bands, square, *weights.shape[2:])
        return (of_bands[:, index] * share).flatten(1, 2)

    new = SSDiff(replace(network.config, bands=len(closest), ratio=ratio, ms_skip=False))
    old = network.state_dict()
    weights = {name: old[name] for name in new.state_dict()}
    pan, state = weights["spatial.stem.first.weight"].split([square, bands * square], 1)
    weights["spatial.stem.first.weight"] = torch.cat([pan, inputs(state)], 1)
    lms, state = weights["spectral.stem.first.weight"].split(bands * square, 1)
    weights["spectral.stem.first.weight"] = torch.cat([inputs(lms), inputs(state)], 1)
    for name in ("head.1.weight", "head.1.bias"):
        weights[name] = old[name].view(bands, square, *old[name].shape[1:])[index].flatten(0, 1)
    new.load_state_dict(weights)
    return new
