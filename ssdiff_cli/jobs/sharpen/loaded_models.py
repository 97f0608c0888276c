"""Which model a job uses: the named one, or the shipped one for its scene; each is loaded once."""

from pathlib import Path

from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.reading.pair_files import PairFiles
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint

__all__ = ["LoadedModels"]


class LoadedModels:
    """Loaded models by file, for the jobs of one run."""

    def __init__(self) -> None:
        self._by_path: dict[Path, Checkpoint] = {}

    def checkpoint(self, job: SharpenJob, files: PairFiles) -> Checkpoint | None:
        """Returns the model of a job; None where its method is classical.

        Raises:
            ModelError: When there is none, or it cannot be used.
            InputError: When the pair cannot be used.
        """
        if job.method != NETWORK:
            return None
        if job.model is not None:
            return self.load(zoo.locate(job.model))
        pair = ScenePair.of(files)
        shipped = zoo.find_model(bands=pair.bands, ratio=pair.ratio, sensor=job.sensor)
        return self.load(shipped.path)

    def load(self, path: Path) -> Checkpoint:
        """Returns the model of a file.

        Raises:
            ModelError: When it cannot be used.
        """
        if path not in self._by_path:
            self._by_path[path] = load_checkpoint(path)
        return self._by_path[path]
