"""One safetensors file is one model: weights, and a JSON header that tells how to use them."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ssdiff_models._version import __version__
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.documents import parsed_json
from ssdiff_models.errors import ModelError, ResourceError
from ssdiff_models.files import WEIGHTS, atomic
from ssdiff_models.nets.network import Network, NetworkConfig
from ssdiff_models.nets.registry import find_kind, name_of

__all__ = [
    "Checkpoint",
    "Normalisation",
    "PriorName",
    "load_checkpoint",
    "read_header",
    "save_checkpoint",
]

Normalisation = Literal["scene-mean", "full-scale"]
PriorName = Literal["lms", "bt-h"]

SCHEMA = 1
KEY = "ssdiff"
LARGEST_SIZE = 8192
"""Largest number in the config of a network."""
RANGES = {
    "ratio": (1, 64),
    "ms_phase": (0, 64),
    "residual_scale": (1e-6, 1e6),
    "steps": (1, 1000),
    "tile": (1, 2**16),
    "overlap": (0, 2**16),
}
"""Least and largest numbers of a header."""
_OTHER_VERSION = "the model needs another version of ssdiff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A trained network and how it is used."""

    network: Network
    """In evaluation mode, float32."""
    bands: tuple[str, ...] | None
    """Band names in order, or None where unknown."""
    ratio: int
    """PAN pixels per MS pixel."""
    normalisation: Normalisation = "scene-mean"
    """How DN become the network's range."""
    full_scale: float | None = None
    """The DN that becomes 1 with the ``full-scale`` normalisation."""
    prior: PriorName = "lms"
    """The image whose residual the network predicts, and which it sees instead of the LMS."""
    residual_scale: float = 1.0
    """Factor on the residual in the diffusion state."""
    ms_phase: float = 1.5
    """PAN index of the centre of MS model pixel 0."""
    schedule: Schedule = field(default_factory=Schedule)
    """The noise schedule of training."""
    steps: int = 1
    """Default number of sampling steps."""
    tile: int = 256
    """Default distance between tiles in PAN pixels."""
    overlap: int = 32
    """Default number of pixels that neighbouring tiles share."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Name, sensors, training record, scores, licence note: plain JSON."""

    def __post_init__(self) -> None:
        if self.normalisation not in ("scene-mean", "full-scale"):
            raise ModelError(f"unknown normalisation {self.normalisation!r}: {_OTHER_VERSION}")
        if self.prior not in ("lms", "bt-h"):
            raise ModelError(f"unknown prior {self.prior!r}: {_OTHER_VERSION}")
        if self.normalisation == "full-scale" and not (self.full_scale and self.full_scale > 0):
            raise ModelError(
                f"a full-scale model needs its full-scale value, got {self.full_scale}: "
                "import it again with --full-scale"
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
    state = checkpoint.network.state_dict()
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    header = _header(checkpoint) | {"digest": _digest(weights)}
    try:
        with atomic(path) as part:
            save_file(weights, part, metadata={KEY: json.dumps(header, sort_keys=True)})
    except (OSError, SafetensorError) as error:
        raise ResourceError(
            f"{path}: cannot write the model ({error}): choose a writable folder with space"
        ) from error


def _header(checkpoint: Checkpoint) -> dict[str, Any]:
    names = [one.name for one in fields(checkpoint)]
    stored = {name: getattr(checkpoint, name) for name in names}
    return stored | {
        "schema": SCHEMA,
        "version": __version__,
        "network": name_of(checkpoint.network),
        "config": asdict(checkpoint.config),
        "schedule": asdict(checkpoint.schedule),
        "metadata": dict(checkpoint.metadata),
    }


def _digest(weights: Mapping[str, torch.Tensor]) -> str:
    """Returns the SHA-256 of names and stored values; safetensors has no checksum of its own."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_header(path: str | Path) -> dict[str, Any]:
    """Returns the JSON of a checkpoint's header, without its weights.

    Raises:
        ModelError: When the file is missing, damaged, or no checkpoint of a schema that is read.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = parsed_json((file.metadata() or {}).get(KEY, "null"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no such model; `ssdiff models` lists the shipped ones"
        ) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path}: not a readable safetensors file ({error}): copy it again, "
            "or convert a released one with `ssdiff models import`"
        ) from error
    if not isinstance(header, dict):
        raise ModelError(
            f"{path}: a safetensors file, but not an ssdiff checkpoint "
            f"(no {KEY!r} entry in its header)"
        )
    if header.get("schema") != SCHEMA:
        raise ModelError(
            f"{path}: checkpoint schema {header.get('schema')!r}, this version reads {SCHEMA}: "
            "use the ssdiff that wrote it"
        )
    return header


def load_checkpoint(name: str | Path) -> Checkpoint:
    """Loads a shipped model by its name, or a file; every weight must fit.

    Raises:
        ModelError: When there is no such model, or it cannot be used.
    """
    shipped = WEIGHTS / f"{name}.safetensors"
    path = shipped if shipped.is_file() else Path(name)
    header = read_header(path)
    try:
        build = _network_of(header, path)
        return _assemble(header, build(), _weights(path, header.get("digest")))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except MemoryError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ModelError(
            f"{path}: the weights or the header do not fit together ({reason:.200}): "
            "get the file again"
        ) from error


def _weights(path: Path, digest: str | None) -> dict[str, torch.Tensor]:
    """Reads the tensors; those stored in half precision become float32.

    Raises:
        ModelError: When they are not those that were stored, or one is not finite.
    """
    weights = load_file(str(path))
    if digest is not None and digest != _digest(weights):
        raise ModelError(
            "the weights are not those that were stored (their checksum differs): "
            "the file is damaged, get it again"
        )
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise ModelError(
                f"the weights {name} are not finite: the file is damaged, get it again"
            )
        if tensor.is_floating_point():
            weights[name] = tensor.float()
    return weights


def _network_of(header: Mapping[str, Any], path: Path) -> Callable[[], Network]:
    """Returns what builds the network, whose shapes are those of the file; takes no memory yet."""
    kind = find_kind(header["network"])
    config = dict(header["config"])
    for name, value in config.items():
        config[name] = tuple(value) if isinstance(value, list) else value
        _check_size(name, value, (0, LARGEST_SIZE))
    for name, ends in RANGES.items():
        _check_size(name, header[name], ends)
    _check_size("schedule.steps", header["schedule"]["steps"], (1, LARGEST_SIZE))
    with torch.device("meta"):
        known = kind.build(kind.config(**config)).state_dict()
    wanted = {name: tuple(tensor.shape) for name, tensor in known.items()}
    with safe_open(str(path), framework="pt") as file:
        stored = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    others = sorted(name for name in wanted | stored if wanted.get(name) != stored.get(name))
    if others:
        name = others[0]
        raise ModelError(
            f"the weights and the header do not fit together ({name}: {stored.get(name)} instead "
            f"of {wanted.get(name)}): get the file again"
        )
    return lambda: kind.build(kind.config(**config))


def _check_size(name: str, value: object, ends: tuple[float, float]) -> None:
    """Refuses numbers that no model has: they would take hours or all memory."""
    values = value if isinstance(value, tuple) else (value,)
    for number in values:
        if isinstance(number, int | float) and not ends[0] <= number <= ends[1]:
            raise ModelError(f"its header says {name} = {number:.9g}: get the file again")


def _check_texts(header: Mapping[str, Any], count: int) -> None:
    """Refuses names of bands and sensors, and a radiometry, that are none."""
    bands = header["bands"]
    metadata = header["metadata"]
    sensors = metadata.get("sensors", [])
    names = [*(bands or []), *sensors]
    radiometry = metadata.get("radiometry")
    if bands and len(bands) != count:
        raise ModelError(f"its header names {len(bands)} bands of {count}: get the file again")
    if radiometry:
        limits = [radiometry["pan_contrast"], radiometry["correlation"], *radiometry["contrast"]]
        if not all(math.isfinite(number) for pair in limits for number in pair):
            raise ModelError("its header's radiometry is no numbers: get the file again")
    if not all(isinstance(name, str) for name in names):
        raise ModelError("its header has names that are no texts: get the file again")


def _assemble(
    header: Mapping[str, Any], network: Network, weights: Mapping[str, torch.Tensor]
) -> Checkpoint:
    network.load_state_dict(weights, strict=True)
    _check_texts(header, network.config.bands)
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
        metadata=dict(header["metadata"]),
    )
