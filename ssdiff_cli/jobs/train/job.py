"""A training and its files, and the trainer that it begins or continues with."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from ssdiff_cli.jobs.train.record import changed_settings
from ssdiff_cli.jobs.train.settings import TrainSettings
from ssdiff_models import zoo
from ssdiff_models.checkpoint import load_checkpoint
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.nets.network import Network
from ssdiff_models.nets.registry import name_of
from ssdiff_models.nets.transplant import transplant
from ssdiff_models.scene.band_matching import closest_bands
from ssdiff_models.training.loop import ALONE, Execution, Trainer

__all__ = ["TrainingJob", "begin"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """How to train, and where the results go."""

    output: Path
    """The best checkpoint so far; all other files lie beside it under the same name."""
    settings: TrainSettings
    """With the bands and the ratio of the data."""
    init: Path | None = None
    """A model whose weights the training starts from."""
    device: str = "cpu"
    """Where the network trains."""
    execution: Execution = ALONE
    compile: bool = False
    """Whether the network is compiled."""
    note: Mapping[str, str] = field(default_factory=dict)
    """More entries of the training record, such as the hardware."""

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
    """Returns a new trainer, with another model's weights, or one that continues an earlier run.

    Raises:
        ModelError: When the state or the model to start from is of another network.
        UsageError: When the run has more steps than it should.
    """
    config = job.settings.training
    torch.manual_seed(config.seed)
    network = job.settings.kind.build(job.settings.network_config())
    if job.init is not None and not job.state.exists():
        _start_from(job.init, job, network)
    trainer = Trainer(network.to(job.device), config, execution=job.execution)
    if job.state.exists():
        _resume(job, trainer)
    if trainer.step > config.total:
        raise UsageError(
            f"{job.state}: has {trainer.step} steps already, more than {config.total}: "
            "raise --steps"
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


def _start_from(init: Path, job: TrainingJob, network: Network) -> None:
    """Takes the weights of a model; layers that depend on the bands begin anew for other bands."""
    model = load_checkpoint(zoo.locate(str(init)))
    wanted = job.settings.name
    kind = name_of(model.network)
    if kind != wanted:
        raise ModelError(
            f"{init}: not the network to be trained (it is a {kind}, not a {wanted}): "
            f"leave out --init, or set network.name={kind}"
        )
    data = job.settings.data
    if (model.bands, model.ratio) != (data.bands, data.ratio):
        _log.warning("%s: has other bands or ratio: its first and last layers begin anew", init)
        old_bands = model.bands or (None,) * model.band_count
        closest = closest_bands(data.bands, old_bands)
        model = replace(model, network=transplant(model.network, closest, data.ratio))
    if model.prior != data.prior:
        message = "%s: was trained with prior %s, training goes on with %s"
        _log.warning(message, init, model.prior, data.prior)
    config = asdict(job.settings.network_config())
    others = [
        f"{name} is {value}, not {config[name]}"
        for name, value in asdict(model.config).items()
        if value != config[name]
    ]
    if others:
        raise ModelError(
            f"{init}: not the network to be trained ({'; '.join(others)}): "
            "leave out --init, or --dim and the like"
        )
    network.load_state_dict(model.network.state_dict())
