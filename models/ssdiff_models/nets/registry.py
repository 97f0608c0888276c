"""The networks by name, as settings and checkpoints name them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.ablated import SeparateSSDiff, build
from ssdiff_models.nets.baselines.baseline import BaselineConfig
from ssdiff_models.nets.baselines.ctinn import CTINN, CTINNConfig
from ssdiff_models.nets.baselines.dcfnet import DCFNet
from ssdiff_models.nets.baselines.dicnn import DiCNN
from ssdiff_models.nets.baselines.fusionnet import FusionNet
from ssdiff_models.nets.baselines.lagconv import LAGConv
from ssdiff_models.nets.baselines.mmnet import MMNet
from ssdiff_models.nets.baselines.msdcnn import MSDCNN
from ssdiff_models.nets.baselines.pandiff import PanDiff
from ssdiff_models.nets.baselines.pannet import PanNet
from ssdiff_models.nets.baselines.pnn import PNN
from ssdiff_models.nets.network import Network, NetworkConfig
from ssdiff_models.nets.released import ReleasedConfig, ReleasedSSDiff
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig

__all__ = ["BASELINES", "NETWORKS", "Kind", "find_kind", "name_of"]

Recipe = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A network that has a name."""

    networks: tuple[type[Network], ...]
    """The types of networks of this name."""
    config: type[NetworkConfig]
    build: Callable[[Any], Network]
    """Makes the network of a config."""
    recipe: Recipe = field(default_factory=dict)
    """Settings of a training, by section, where the defaults are others."""
    steps: int = 1
    """Sampling steps of its models."""


def _baseline(
    network: type[Network],
    loss: str,
    rate: float,
    *,
    config: type[NetworkConfig] = BaselineConfig,
    steps: int = 1,
    **more: Mapping[str, Any],
) -> Kind:
    training = {"loss": loss, "learning_rate": rate} | dict(more.get("training", {}))
    recipe = {"data": {"prior": "lms"}, **more, "training": training}
    return Kind(networks=(network,), config=config, build=network, recipe=recipe, steps=steps)


BASELINES: Mapping[str, Kind] = {
    # Its authors and MSDCNN's use plain gradient descent, whose rates are none of Adam's.
    "pnn": _baseline(PNN, "l2", 1e-3),
    "pannet": _baseline(PanNet, "l2", 1e-3),
    "msdcnn": _baseline(MSDCNN, "l2", 1e-4),
    "dicnn": _baseline(DiCNN, "l2", 2e-4),
    "fusionnet": _baseline(FusionNet, "l2", 3e-4),
    "ctinn": _baseline(CTINN, "l1", 8e-4, config=CTINNConfig),
    "lagconv": _baseline(LAGConv, "l2", 3e-4),
    "mmnet": _baseline(MMNet, "l1", 5e-4),
    "dcfnet": _baseline(DCFNet, "l2", 1e-3),
    "pandiff": _baseline(
        PanDiff,
        "l2",
        1e-4,
        steps=10,
        # The residual's deviation is about a tenth of a band's mean.
        training={"residual_scale": 10.0},
        schedule={"name": "linear", "steps": 2000},
    ),
}
"""The networks of the paper's table."""
NETWORKS: Mapping[str, Kind] = {
    "ssdiff": Kind(
        networks=(SSDiff, SeparateSSDiff),
        config=SSDiffConfig,
        build=build,
        recipe={"network": {"window": 16}},
    ),
    "released": Kind(networks=(ReleasedSSDiff,), config=ReleasedConfig, build=ReleasedSSDiff),
    **BASELINES,
}
"""All networks; those of the released code are used, not trained."""


def find_kind(name: str) -> Kind:
    """Returns the kind of a name.

    Raises:
        ModelError: When there is none.
    """
    if name not in NETWORKS:
        raise ModelError(f"no network {name!r}: known are {', '.join(NETWORKS)}")
    return NETWORKS[name]


def name_of(network: Network) -> str:
    """Returns the name of a network.

    Raises:
        ModelError: When it has none.
    """
    for name, kind in NETWORKS.items():
        if isinstance(network, kind.networks):
            return name
    raise ModelError(
        f"a network of type {type(network).__name__} cannot be stored: "
        f"known are {', '.join(NETWORKS)}"
    )
