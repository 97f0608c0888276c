"""The settings of a training."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal

from annotated_types import Ge
from pydantic import BeforeValidator

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.nets.network import NetworkConfig
from ssdiff_models.nets.registry import NETWORKS, Kind
from ssdiff_models.training.config import TrainingConfig

__all__ = ["KEYS", "TRAINED", "DataConfig", "RunConfig", "TrainSettings", "network_keys"]


def _split(value: object) -> object:
    """Splits the text ``red,nir``; an option or a file may also have a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """The data of a training; with the files themselves, everything that decides its scenes."""

    sources: Names = ()
    """Folders with an index.json, PanCollection files or ``pan.tif,ms.tif``; with ``@sensor``."""
    valid: Names = ()
    """More sources, for validation only."""
    bands: Names = ()
    """Bands of the model by name; none: those of the data."""
    ratio: Annotated[int, Ge(0)] = 0
    """PAN pixels per MS pixel; 0: that of the data."""
    prior: PriorName = "bt-h"
    """What the network corrects."""
    match_pan: bool = False
    """Whether scenes train, and validate, with a PAN as crisp as their reference."""
    plain_pan: bool = False
    """Whether each pair then also trains with its own PAN, as the protocol of the field has it."""
    without: Names = ()
    """Sensors left out."""
    limit: Annotated[int, Ge(0)] = 0
    """Most patches taken from each patch file, evenly spread; 0: all."""
    valid_limit: Annotated[int, Ge(1)] = 64
    """The same of patch files for validation."""
    variants: bool = False
    """Whether each scene of a pair also trains in the forms of `training.variants`."""
    simulated: Names = ()
    """Sensors whose simulated scenes also train."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What does not change the weights: when to validate and save, and how to compute."""

    validate_every: Annotated[int, Ge(1)] = 1000
    """Steps between validations."""
    save_every: Annotated[int, Ge(1)] = 250
    """Steps between states that a run continues from."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the network; auto: bfloat16 on CUDA, else float32."""
    compile: bool = False
    """Whether the network is compiled on CUDA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """All settings of a training."""

    data: DataConfig
    name: str
    """Which network of the registry."""
    network: NetworkConfig
    """Its bands and ratio are those of `data`: use `network_config`."""
    training: TrainingConfig
    run: RunConfig

    @property
    def kind(self) -> Kind:
        """The network's kind."""
        return NETWORKS[self.name]

    def network_config(self) -> NetworkConfig:
        """Returns the network's config, with the bands and the ratio of the data.

        Raises:
            UsageError: When no such network can be built.
        """
        of_data: dict[str, Any] = {"bands": len(self.data.bands), "ratio": self.data.ratio}
        try:
            return replace(self.network, **of_data)
        except ModelError as error:
            raise UsageError(f"[network]: {error}") from error

    def plain(self) -> dict[str, dict[str, Any]]:
        """Returns the sections and their values: the contents of a settings file."""
        network = asdict(self.network)
        training = asdict(self.training)
        schedule = training.pop("schedule")
        return {
            "data": asdict(self.data),
            "network": {"name": self.name}
            | {name: network[name] for name in network_keys(self.name)},
            "training": training,
            "schedule": schedule,
            "run": asdict(self.run),
        }


def _keys(config: type[Any], *hidden: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(config) if field.name not in hidden)


def network_keys(name: str) -> tuple[str, ...]:
    """Returns the settings of a network; its bands and ratio are those of the data."""
    return _keys(NETWORKS[name].config, "bands", "ratio")


KEYS: Mapping[str, tuple[str, ...]] = {
    "data": _keys(DataConfig),
    "network": ("name",),
    "training": _keys(TrainingConfig, "schedule"),
    "schedule": _keys(Schedule),
    "run": _keys(RunConfig),
}
"""The known names of each section; a network has its own ones beside its name."""
TRAINED = tuple(name for name in NETWORKS if name != "released")
"""The networks that are trained here."""
