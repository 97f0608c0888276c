"""One safetensors file is one model: weights, and in the header everything needed to use them. Nothing is ever unpickled."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ssdiff_models._version import __version__
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import ModelError, ResourceError
from ssdiff_models.files import atomic
from ssdiff_models.nets.ablated import build
from ssdiff_models.nets.network import Network, NetworkConfig
from ssdiff_models.nets.released import ReleasedConfig, ReleasedSSDiff
from ssdiff_models.nets.ssdiff import SSDiffConfig

__all__ = [
    "Checkpoint",
    "Normalisation",
    "PriorName",
    "load_checkpoint",
    "read_header",
    "save_checkpoint",
]

PriorName = Literal["lms", "bt-h"]


SCHEMA = 1
KEY = "ssdiff"
Normalisation = Literal["scene-mean", "full-scale"]
_NETWORKS: dict[str, tuple[type[Any], Callable[..., Network]]] = {
    "ssdiff": (SSDiffConfig, build),
    "released": (ReleasedConfig, ReleasedSSDiff),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model ready to fuse: the network and what it was trained for."""

    network: Network
    """In evaluation mode, float32; called as ``network(lms=, pan=, ms=, x_t=, t=)``."""
    bands: tuple[str, ...] | None
    """Band names in order, or None where unknown."""
    ratio: int
    """PAN pixels per MS pixel."""
    normalisation: Normalisation = "scene-mean"
    """How DN become the network's range."""
    full_scale: float | None = None
    """The DN that 1 stands for, with the ``full-scale`` normalisation."""
    prior: PriorName = "lms"
    """The image whose residual the network predicts, and which it sees in the LMS's place."""
    residual_scale: float = 1.0
    """Factor on the residual in the diffusion state."""
    ms_phase: float = 1.5
    """PAN index of the centre of MS model pixel 0."""
    schedule: Schedule = field(default_factory=Schedule)
    """The noise schedule of training."""
    steps: int = 1
    """Sampling steps used unless told otherwise."""
    tile: int = 256
    """Distance between tiles in PAN pixels used unless told otherwise."""
    overlap: int = 32
    """Pixels that neighbouring tiles share unless told otherwise."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Name, sensors, training record, scores, licence note: plain JSON."""

    def __post_init__(self) -> None:
        if self.normalisation not in ("scene-mean", "full-scale"):
            raise ModelError(
                f"unknown normalisation {self.normalisation!r}: the model needs another version of ssdiff"
            )
        if self.prior not in ("lms", "bt-h"):
            raise ModelError(
                f"unknown prior {self.prior!r}: the model needs another version of ssdiff"
            )
        if self.normalisation == "full-scale" and not (self.full_scale and self.full_scale > 0):
            raise ModelError(
                f"a full-scale model needs its full-scale value, got {self.full_scale}: import it again with --full-scale"
            )

    @property
    def config(self) -> NetworkConfig:
        """The network's frozen config."""
        return self.network.config

    @property
    def band_count(self) -> int:
        """Number of MS bands."""
        return self.config.bands

    @property
    def name(self) -> str:
        """The model's name, as in ``--model``."""
        return str(self.metadata.get("name", "unnamed"))


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Writes one safetensors file, atomically.

    Raises:
        ModelError: When the network is of an unknown kind.
        ResourceError: When the file cannot be written.
    """
    weights = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in checkpoint.network.state_dict().items()
    }
    header = {KEY: json.dumps(_describe(checkpoint) | {"digest": _digest(weights)}, sort_keys=True)}
    try:
        with atomic(path) as part:
            save_file(weights, part, metadata=header)
    except (OSError, SafetensorError) as error:
        raise ResourceError(
            f"{path}: cannot write the model ({error}): choose a writable folder with space"
        ) from error


def _digest(weights: Mapping[str, torch.Tensor]) -> str:
    """Returns the SHA-256 of names and values, as stored: safetensors has no checksum of its own."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode())
        found.update(weights[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _describe(checkpoint: Checkpoint) -> dict[str, Any]:
    kinds = [
        name for name, (config, _) in _NETWORKS.items() if isinstance(checkpoint.config, config)
    ]
    if not kinds:
        raise ModelError(
            f"a network of type {type(checkpoint.network).__name__} cannot be stored: known are {', '.join(_NETWORKS)}"
        )
    return {
        "schema": SCHEMA,
        "network": kinds[0],
        "config": asdict(checkpoint.config),
        "bands": checkpoint.bands,
        "ratio": checkpoint.ratio,
        "normalisation": checkpoint.normalisation,
        "full_scale": checkpoint.full_scale,
        "prior": checkpoint.prior,
        "residual_scale": checkpoint.residual_scale,
        "ms_phase": checkpoint.ms_phase,
        "schedule": asdict(checkpoint.schedule),
        "steps": checkpoint.steps,
        "tile": checkpoint.tile,
        "overlap": checkpoint.overlap,
        "metadata": dict(checkpoint.metadata),
        "version": __version__,
    }


def read_header(path: str | Path) -> dict[str, Any]:
    """Returns the JSON of a checkpoint's header, without its weights.

    Raises:
        ModelError: When the file is missing, corrupt, or no ssdiff checkpoint of a schema this version reads.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            raw = (file.metadata() or {}).get(KEY)
        header = json.loads(raw) if raw else None
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no such model; `ssdiff models` lists the shipped ones"
        ) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path}: not a readable safetensors file ({error}): copy it again, or convert a released one with `ssdiff models import`"
        ) from error
    if not isinstance(header, dict):
        raise ModelError(
            f"{path}: a safetensors file, but not an ssdiff checkpoint (no {KEY!r} entry in its header)"
        )
    if header.get("schema") != SCHEMA:
        raise ModelError(
            f"{path}: checkpoint schema {header.get('schema')!r}, this version reads {SCHEMA}: use the ssdiff that wrote it"
        )
    return header


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Loads a model, strictly: every weight named, none left over.

    Raises:
        ModelError: When the file cannot be used.
    """
    header = read_header(path)
    try:
        config_type, network_type = _NETWORKS[header["network"]]
        config = config_type(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in header["config"].items()
            }
        )
        network = network_type(config)
        network.load_state_dict(_weights(path, header.get("digest")), strict=True)
        return _assemble(network, header)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (
        AttributeError,
        KeyError,
        OSError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ModelError(
            f"{path}: the weights or the header do not fit together ({reason:.200}): get the file again"
        ) from error


def _weights(path: str | Path, digest: str | None) -> dict[str, torch.Tensor]:
    """Reads the tensors; those stored in half precision become float32.

    Raises:
        ModelError: When they are not those that were stored, or one is not a finite number: all that is fused with it would be lost.
    """
    stored = load_file(str(path))
    if digest is not None and digest != _digest(stored):
        raise ModelError(
            "the weights are not those that were stored (their checksum differs): the file is damaged, get it again"
        )
    weights = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in stored.items()
    }
    spoilt = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if spoilt:
        raise ModelError(
            f"the weights {spoilt[0]} are not finite: the file is damaged, get it again"
        )
    return weights


def _assemble(network: Network, header: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(
        network=network.requires_grad_(requires_grad=False).eval(),
        bands=tuple(header["bands"]) if header["bands"] else None,
        ratio=int(header["ratio"]),
        normalisation=header["normalisation"],
        full_scale=header["full_scale"],
        prior=header.get("prior", "lms"),
        residual_scale=float(header["residual_scale"]),
        ms_phase=float(header["ms_phase"]),
        schedule=Schedule(**header["schedule"]),
        steps=int(header["steps"]),
        tile=int(header["tile"]),
        overlap=int(header["overlap"]),
        metadata=header["metadata"],
    )
