"""A job's pair, opened as its model wants it: registered, with given statistics, and with warnings about what looks wrong."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ssdiff_cli.jobs.sharpen import shift as shifts
from ssdiff_cli.jobs.sharpen.classical_method import ClassicalMethod
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.method import SceneMethod
from ssdiff_cli.jobs.sharpen.network_method import NetworkMethod
from ssdiff_cli.jobs.sharpen.statistics_file import read_statistics
from ssdiff_cli.jobs.sharpen.warnings import pair_warnings
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.reading.pair_files import PairFiles, open_files
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.errors import InputError
from ssdiff_models.registration.scene_shift import NoShift, SceneShift
from ssdiff_models.scene.familiarity import unfamiliar
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["OpenScene", "open_scene"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenScene:
    """A pair ready to be fused."""

    pair: ScenePair
    checkpoint: Checkpoint | None
    """The model; None where the method is classical."""
    shift: SceneShift | None
    """What PAN and MS are (or, where the job registers them, were) apart; None where they do not tell."""
    no_shift: NoShift | None
    """Why they do not."""
    registered: bool
    """Whether `shift` has been corrected."""

    def bind(self, job: SharpenJob) -> SceneMethod:
        """Binds the job's method to the scene; fuses no pixel yet.

        Raises:
            SsdiffError: When the method or the model cannot fuse the scene.
        """
        if self.checkpoint is None:
            return ClassicalMethod.bind(job, self.pair)
        return NetworkMethod.bind(job, self.pair, self.checkpoint)


@contextmanager
def open_scene(job: SharpenJob, checkpoint: Checkpoint | None) -> Iterator[OpenScene]:
    """Opens a job's pair for a model, or None for a classical method; logs what a user should know.

    Raises:
        SsdiffError: When the pair, the model or the statistics cannot be used.
    """
    with open_files(job.pan, job.ms, options=job.pair) as files:
        pair = _pair(files, checkpoint)
        measured: SceneShift | None = None
        if job.register != "no":
            pair, measured = shifts.register(pair, local=job.register == "local")
        for note in pair.notes:
            _log.info(note)
        if job.statistics is not None:
            pair = pair.with_statistics(read_statistics(job.statistics, pair.bands))
        for doubt in pair_warnings(pair, job.sink.dtype):
            _log.warning(doubt)
        found = measured or shifts.measure_shift(pair)
        if measured is None:
            shifts.warn_of_shift(pair, found)
        shift, no_shift = (found, None) if isinstance(found, SceneShift) else (None, found)
        if checkpoint is not None:
            _check_content(pair)
            _compare(pair, checkpoint, shift)
        yield OpenScene(
            pair=pair,
            checkpoint=checkpoint,
            shift=shift,
            no_shift=no_shift,
            registered=measured is not None,
        )


def _pair(files: PairFiles, checkpoint: Checkpoint | None) -> ScenePair:
    if checkpoint is not None:
        files = files.for_model(ModelGrid(ratio=checkpoint.ratio, phase=checkpoint.ms_phase))
    return ScenePair.of(files)


def _check_content(pair: ScenePair) -> None:
    """Makes sure that each band can be normalised.

    Raises:
        InputError: When one is constant; with its file and number.
    """
    statistics = pair.statistics()
    bands = [(pair.pan, pair.pan.indexes[0], statistics.pan)]
    bands += [
        (pair.ms, index, band) for index, band in zip(pair.ms.indexes, statistics.ms, strict=True)
    ]
    for raster, index, band in bands:
        try:
            _ = band.scale
        except InputError as error:
            raise InputError(f"{raster.path}: band {index}: {error}") from error


def _compare(pair: ScenePair, checkpoint: Checkpoint, shift: SceneShift | None) -> None:
    """Warns about a scene far from what the model was trained on."""
    full_scale = checkpoint.full_scale if checkpoint.normalisation == "full-scale" else None
    correlation = shift.correlation if shift else None
    for sentence in unfamiliar(
        pair.statistics(), correlation, checkpoint.metadata, full_scale=full_scale
    ):
        _log.warning(
            "%s is unlike what model %s was trained on: %s", pair.ms.path, checkpoint.name, sentence
        )
