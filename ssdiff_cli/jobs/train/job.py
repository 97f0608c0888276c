"""How a training begins: what it is to do, and the trainer with the weights it starts from."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from ssdiff_cli.jobs.train.record import changed_settings
from ssdiff_cli.jobs.train.settings import TrainSettings
from ssdiff_models import zoo
from ssdiff_models.checkpoint import load_checkpoint
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.nets.ablated import build
from ssdiff_models.nets.transplant import transplant
from ssdiff_models.scene.band_matching import closest_bands
from ssdiff_models.training.execution import ALONE, Execution
from ssdiff_models.training.loop import Trainer

__all__ = ["TrainingJob", "begin"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """How to train, and where the results go."""

    output: Path
    """The checkpoint of the best moving average so far; everything else lies beside it under the same name."""
    settings: TrainSettings
    """With the bands and the ratio of the data."""
    init: Path | None = None
    """A model whose weights the training starts from."""
    device: str = "cpu"
    """Where the network trains."""
    execution: Execution = ALONE
    """Arithmetic, and the part of this process."""
    compile: bool = False
    """Whether the network is compiled."""
    note: Mapping[str, str] = field(default_factory=dict)
    """More entries of the training record: hardware, say."""

    @property
    def state(self) -> Path:
        """The file a run resumes from."""
        return self.output.with_suffix(".state")

    @property
    def last(self) -> Path:
        """The checkpoint of the last validation."""
        return self.output.with_suffix(".last.safetensors")

    @property
    def log(self) -> Path:
        """The table of all steps."""
        return self.output.with_suffix(".csv")

    @property
    def curves(self) -> Path:
        """The picture of the log."""
        return self.output.with_suffix(".png")

    @property
    def record(self) -> Path:
        """The settings."""
        return self.output.with_suffix(".toml")


def begin(job: TrainingJob) -> Trainer:
    """Returns the trainer of a run: anew, from another model's weights, or where an earlier run stopped.

    Raises:
        ModelError: When the state or the model to start from is of another network.
        UsageError: When the run has gone further than it should.
    """
    config = job.settings.training
    torch.manual_seed(config.seed)
    network = build(job.settings.network_config())
    if job.init is not None and not job.state.exists():
        _start_from(job, network)
    trainer = Trainer(network.to(job.device), config, execution=job.execution)
    if job.state.exists():
        _resume(job, trainer)
    if trainer.step > config.total:
        raise UsageError(
            f"{job.state}: has {trainer.step} steps already, more than {config.total}: raise --steps"
        )
    if job.compile:
        trainer.network.compile()
    return trainer


def _resume(job: TrainingJob, trainer: Trainer) -> None:
    try:
        trainer.resume(job.state)
    except ModelError as error:
        changes = "; ".join(changed_settings(job.record, job.settings))
        raise ModelError(f"{error} ({changes})" if changes else str(error)) from error
    _log.info("%s: continues at step %d", job.state, trainer.step)


def _start_from(job: TrainingJob, network: nn.Module) -> None:
    """Takes the weights of a model file; layers that depend on the bands are re-created where they differ."""
    found = load_checkpoint(zoo.locate(str(job.init)))
    data = job.settings.data
    if (found.bands, found.ratio) != (data.bands, data.ratio):
        known = found.bands or (None,) * found.band_count
        _log.warning(
            "%s: has other bands or another ratio: its first and last layers begin anew", job.init
        )
        found = replace(
            found, network=transplant(found.network, closest_bands(data.bands, known), data.ratio)
        )
    if found.prior != data.prior:
        _log.warning(
            "%s: was trained with prior %s, training goes on with %s",
            job.init,
            found.prior,
            data.prior,
        )
    wanted = asdict(job.settings.network_config())
    others = [
        f"{name} is {value}, not {wanted[name]}"
        for name, value in asdict(found.config).items()
        if value != wanted[name]
    ]
    if others:
        raise ModelError(
            f"{job.init}: not the network to be trained ({'; '.join(others)}): leave out --init, or --dim and the like"
        )
    network.load_state_dict(found.network.state_dict())
