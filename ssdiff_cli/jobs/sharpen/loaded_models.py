"""Which model a job uses: the named one, or the shipped one for its scene; each is loaded once."""

from pathlib import Path

from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint

__all__ = ["LoadedModels"]


class LoadedModels:
    """Loaded models by file, for the jobs of one run."""

    def __init__(self) -> None:
        self._by_path: dict[Path, Checkpoint] = {}

    def checkpoint(self, job: SharpenJob) -> Checkpoint | None:
        """Returns the model of a job; None where its method is classical.

        Raises:
            ModelError: When there is none, or it cannot be used.
            InputError: When the scene cannot be used.
        """
        if job.method != NETWORK:
            return None
        path = _shipped(job) if job.model is None else zoo.locate(job.model)
        if path not in self._by_path:
            self._by_path[path] = load_checkpoint(path)
        return self._by_path[path]


def _shipped(job: SharpenJob) -> Path:
    """Returns the shipped model for the scene of a job."""
    with open_pair(job.pan, job.ms, options=job.pair) as pair:
        return zoo.find_model(bands=pair.bands, ratio=pair.ratio, sensor=job.sensor).path
