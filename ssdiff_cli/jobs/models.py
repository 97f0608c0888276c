"""The shipped models, what a model is, and the import of models of the released code."""

import hashlib
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssdiff_cli.rasters.writing.output_path import claimed_outputs
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint, read_header, save_checkpoint
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.nets.released import RATIO, ReleasedSSDiff, config_from_state_dict
from ssdiff_models.scene.sensors import Sensor

__all__ = ["ModelSummary", "describe", "import_released", "list_shipped"]

# The released code divides DN by 2047, takes its MS from pixels 4i + 2, samples 64-pixel patches.
RELEASED_FULL_SCALE = 2047.0
RELEASED_PHASE = 2.0
RELEASED_PATCH = 64
LICENCE = "The weights are those of the imported file: its licence applies."
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """What a list of models says of one."""

    name: str
    bands: int
    band_names: tuple[str, ...] | None
    """In order; None where unknown."""
    ratio: int
    """PAN pixels per MS pixel."""
    sensors: tuple[str, ...]
    """The sensors it was trained on; empty where unknown."""
    parameters: int
    """Number of trained values."""
    size_bytes: int
    path: Path

    @classmethod
    def of(cls, path: Path) -> "ModelSummary":
        """Loads a model and describes it.

        Raises:
            ModelError: When the file cannot be used.
        """
        checkpoint = load_checkpoint(path)
        parameters = sum(parameter.numel() for parameter in checkpoint.network.parameters())
        return cls(
            name=str(checkpoint.metadata.get("name", path.stem)),
            bands=checkpoint.band_count,
            band_names=checkpoint.bands,
            ratio=checkpoint.ratio,
            sensors=tuple(checkpoint.metadata.get("sensors", ())),
            parameters=parameters,
            size_bytes=path.stat().st_size,
            path=path,
        )


def list_shipped() -> tuple[ModelSummary, ...]:
    """Returns the models that come with ssdiff."""
    return tuple(ModelSummary.of(entry.path) for entry in zoo.shipped())


def describe(model: str) -> tuple[ModelSummary, dict[str, Any]]:
    """Returns the summary and the header of a shipped model or a file.

    Raises:
        ModelError: When there is no such model, or its file cannot be used.
    """
    path = zoo.locate(model)
    return ModelSummary.of(path), read_header(path)


def import_released(
    source: Path,
    output: Path,
    *,
    sensor: Sensor | None = None,
    full_scale: float | None = None,
    overwrite: bool = False,
) -> ModelSummary:
    """Turns a state dict of the released code into a checkpoint; only tensors are unpickled.

    The training's sensor names the bands. `full_scale` is what its DN were divided by; None is the
    sensor's full scale, or 2047.

    Raises:
        UsageError: When the output exists, or full scale or sensor cannot be.
        ModelError: When the file holds no state dict of the released network.
        ResourceError: When the output cannot be written.
    """
    if full_scale is None:
        full_scale = RELEASED_FULL_SCALE if sensor is None else float(sensor.full_scale)
    if not full_scale > 0:
        raise UsageError(
            f"the full scale must be positive, got {full_scale:g}: give --full-scale the largest DN"
        )
    with claimed_outputs([output], [source], overwrite=overwrite):
        save_checkpoint(output, _released(source, output.stem, sensor, full_scale))
    _log.info("%s: imported from %s", output, source)
    return ModelSummary.of(output)


def _released(source: Path, name: str, sensor: Sensor | None, full_scale: float) -> Checkpoint:
    network = _load_network(source)
    count = network.config.bands
    if sensor is not None and len(sensor.bands) != count:
        raise UsageError(
            f"{source}: its network has {count} bands, {sensor.title} has {len(sensor.bands)}: "
            "choose another --sensor"
        )
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return Checkpoint(
        network=network,
        bands=None if sensor is None else sensor.bands,
        ratio=RATIO,
        normalisation="full-scale",
        full_scale=full_scale,
        residual_scale=1.0,
        ms_phase=RELEASED_PHASE,
        tile=RELEASED_PATCH // 2,
        overlap=RELEASED_PATCH // 2,
        metadata={
            "name": name,
            "sensors": [] if sensor is None else [sensor.name],
            "training": {"imported_from": source.name, "sha256": digest},
            "licence": LICENCE,
        },
    )


def _load_network(source: Path) -> ReleasedSSDiff:
    state = _load_state(source)
    try:
        network = ReleasedSSDiff(config_from_state_dict(state))
    except ModelError as error:
        raise ModelError(
            f"{source}: {error}: give a file that SSDiff's released code saved"
        ) from error
    broken = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    if broken:
        raise ModelError(
            f"{source}: weights that are no numbers in {broken[0]}: give a checkpoint from before "
            "its training diverged"
        )
    network.load_state_dict(state, strict=True)
    return network.eval()


def _load_state(source: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # They are about torch's own file formats.
            state = torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(
            f"{source}: cannot be read ({error.strerror or error}): check the path"
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ModelError(
            f"{source}: not a file of plain PyTorch weights ({reason}): nothing else is unpickled"
        ) from error
    if not isinstance(state, dict):
        raise ModelError(
            f"{source}: holds a {type(state).__name__}, not a state dict: give the file with the "
            "network's weights"
        )
    return state
