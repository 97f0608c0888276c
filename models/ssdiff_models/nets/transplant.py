"""A network for other bands, begun from one that is trained: what does not depend on the bands is kept, the rest is re-created from it."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.ssdiff import SSDiff

__all__ = ["transplant"]


def transplant(network: nn.Module, partners: Sequence[int], ratio: int) -> SSDiff:
    """Returns a new network for ``len(partners)`` bands that starts with the weights of a trained one.

    The first and last layers, which depend on the bands, are re-created: a new band takes the weights of its partner. Where bands share a
    partner, their input weights are divided among them: the first features stay as large as they were.

    Args:
        network: An `SSDiff`.
        partners: For each new band, the old band that is most like it.
        ratio: PAN pixels per MS pixel of the new network.

    Raises:
        ModelError: When the network is of another kind, or a partner is none of its bands.
    """
    if not isinstance(network, SSDiff):
        raise ModelError(
            f"a network of type {type(network).__name__} cannot be begun anew for other bands: choose another --model"
        )
    if not all(0 <= band < network.config.bands for band in partners):
        raise ModelError(f"partners {tuple(partners)} are not among {network.config.bands} bands")
    old = network.state_dict()
    new = SSDiff(replace(network.config, bands=len(partners), ratio=ratio, ms_skip=False))
    weights = {name: old[name] for name in new.state_dict()}
    bands, index = network.config.bands, torch.tensor(tuple(partners))
    share = torch.tensor([1 / list(partners).count(band) for band in partners])[:, None, None]
    spatial, spectral = (f"{branch}.stem.first.weight" for branch in ("spatial", "spectral"))
    weights[spatial] = torch.cat(
        [old[spatial][:, :1], _inputs(old[spatial][:, 1:], index, share)], 1
    )
    lms, state = old[spectral].split(bands, 1)
    weights[spectral] = torch.cat([_inputs(lms, index, share), _inputs(state, index, share)], 1)
    for name in ("head.1.weight", "head.1.bias"):
        weights[name] = old[name][index]
    new.load_state_dict(weights)
    return new


def _inputs(weights: Tensor, index: Tensor, share: Tensor) -> Tensor:
    return weights[:, index] * share
