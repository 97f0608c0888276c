"""Which model a job uses: the named one, or the shipped one for its scene."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.reading.pair_files import PairFiles

if TYPE_CHECKING:
    from ssdiff_models.checkpoint import Checkpoint

__all__ = ["LoadModel", "find_model"]

LoadModel = Callable[[Path], "Checkpoint"]
"""Loads a model's file; a cached one serves many jobs."""


def find_model(
    job: SharpenJob, files: PairFiles, load: LoadModel | None = None
) -> "Checkpoint | None":
    """Returns the model of a job for its open files; None for a classical method."""
    if job.method != NETWORK:
        return None
    # A classical method needs nothing of this.
    from ssdiff_models import zoo
    from ssdiff_models.checkpoint import load_checkpoint

    load = load or load_checkpoint
    if job.model is not None:
        return load(zoo.locate(job.model))
    pair = ScenePair.of(files)
    find = zoo.nearest if job.pair.ratio is None else zoo.find_model
    return load(find(bands=pair.bands, ratio=pair.pitch or pair.ratio, sensor=job.sensor).path)
