"""Which model a job uses: the named one, or the shipped one for its scene; each file is loaded once."""

from pathlib import Path

from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint

__all__ = ["ModelShelf"]


class ModelShelf:
    """Loaded models by file, for the jobs of one run."""

    def __init__(self) -> None:
        self._loaded: dict[Path, Checkpoint] = {}

    def checkpoint(self, job: SharpenJob) -> Checkpoint | None:
        """Returns the model that the job names, or the one for its scene; None where its method is classical.

        Raises:
            ModelError: When there is none, or it cannot be used.
            InputError: When the scene cannot be used.
        """
        if job.method != NETWORK:
            return None
        return self._load(zoo.locate(job.model) if job.model is not None else self._fitting(job))

    def _fitting(self, job: SharpenJob) -> Path:
        with open_pair(job.pan, job.ms, options=job.pair) as pair:
            return zoo.find_model(bands=pair.bands, ratio=pair.ratio, sensor=job.sensor).path

    def _load(self, path: Path) -> Checkpoint:
        if path not in self._loaded:
            self._loaded[path] = load_checkpoint(path)
        return self._loaded[path]
