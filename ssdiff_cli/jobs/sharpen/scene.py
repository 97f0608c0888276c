"""A job's pair, opened on its model's grid, registered on request, and checked."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ssdiff_cli.jobs.sharpen.band_names import band_names, warn_of_missing_gains
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.method import SceneMethod
from ssdiff_cli.jobs.sharpen.statistics_file import read_statistics
from ssdiff_cli.jobs.sharpen.warnings import pair_warnings
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.reading.pair_files import PairFiles, open_files
from ssdiff_cli.rasters.reading.pair_geometry import RESAMPLED_RATIO
from ssdiff_models.errors import InputError
from ssdiff_models.registration.scene_shift import NoShift, SceneShift
from ssdiff_models.scene.band_matching import band_order, in_places
from ssdiff_models.scene.familiarity import unfamiliar
from ssdiff_models.scene.model_grid import ModelGrid

if TYPE_CHECKING:
    from ssdiff_models.checkpoint import Checkpoint
    from ssdiff_models.fusion.prior import RatioPrior

__all__ = ["FindModel", "OpenScene", "open_scene"]

FindModel = Callable[[SharpenJob, PairFiles], "Checkpoint | None"]
"""Returns the model of a job for its open files; None for a classical method."""

RATIO_RANGE = (0.75, 1.331)
"""Measured ratio over a model's, where resampling the MS to that ratio is fair.

Simulated QuickBird scenes: beside BT-H at the exact ratio, `bgrn` has 8 % less ERGAS at 3, 38 % at
4, 23 % at 5, 12 % at 6 and 5 % at 7.5, and 3 % more at 2.76.
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenScene:
    """A pair ready to be fused."""

    pair: ScenePair
    checkpoint: "Checkpoint | None"
    """The model; None where the method is classical."""
    prior: "RatioPrior | None"
    """What the model starts from, where it was given; None: it is measured if need be."""
    shift: SceneShift | NoShift
    """The measured shift between PAN and MS, or why it is unknown."""
    registered: bool
    """Whether the pair is moved by `shift`."""

    def bind(self, job: SharpenJob) -> SceneMethod:
        """Binds the job's method to the scene; fuses no pixel yet."""
        if self.checkpoint is None:
            from ssdiff_cli.jobs.sharpen.classical_method import ClassicalMethod

            return ClassicalMethod.bind(job, self.pair)
        from ssdiff_cli.jobs.sharpen.network_method import NetworkMethod

        return NetworkMethod.bind(job, self.pair, self.checkpoint, self.prior)


@contextmanager
def open_scene(
    job: SharpenJob, find_model: FindModel, *, needs_mtf: bool = False
) -> Iterator[OpenScene]:
    """Opens a job's pair and its model; logs what a user should know.

    Args:
        job: What is made of the pair.
        find_model: Finds its model.
        needs_mtf: Whether the MTF is wanted even if the job's method has no use for it.

    Raises:
        SsdiffError: When the pair, the model or the statistics cannot be used.
    """
    with open_files(job.pan, job.ms, options=job.pair) as files:
        # Files that cannot be used are refused before the slow import of torch.
        from ssdiff_cli.jobs.sharpen.shift import measure_shift, register, warn_of_shift
        from ssdiff_models.classical.registry import NEED_GAINS

        checkpoint = find_model(job, files)
        pair = _pair(files, checkpoint)
        registered = job.register != "no"
        shift: SceneShift | NoShift
        if registered:
            pair, shift = register(pair, local=job.register == "local")
        for note in pair.notes:
            _log.info(note)
        prior: RatioPrior | None = None
        if job.statistics is not None:
            statistics, prior, mtf = read_statistics(job.statistics, pair.bands)
            pair = replace(pair.with_statistics(statistics), mtf=None if job.sensor else mtf)
        for warning in pair_warnings(pair, job.method, job.sink.dtype):
            _log.warning(warning)
        if not registered:
            shift = measure_shift(pair)
            warn_of_shift(pair, shift)
        warn_of_missing_gains(job.sensor, pair)
        needed = job.consistency or job.method in NEED_GAINS
        if job.sensor is None and (needed or needs_mtf):
            pair = _with_mtf(pair, None if registered else shift)
            assert pair.mtf is not None
            level = logging.WARNING if needed and pair.mtf.reason else logging.INFO
            _log.log(level, "%s: MTF gains against the PAN: %s", pair.ms.path, pair.mtf)
        if checkpoint is not None:
            _check_content(pair)
            _warn_of_ratio(pair, checkpoint)
            correlation = shift.correlation if isinstance(shift, SceneShift) else None
            _warn_of_unfamiliar(pair, checkpoint, correlation)
        yield OpenScene(
            pair=pair, checkpoint=checkpoint, prior=prior, shift=shift, registered=registered
        )


def _with_mtf(pair: ScenePair, shift: SceneShift | NoShift | None) -> ScenePair:
    """Returns the scene with its MTF, which is estimated unless the statistics hold it."""
    from ssdiff_cli.jobs.sharpen.mtf import with_estimated_mtf

    return pair if pair.mtf is not None else with_estimated_mtf(pair, shift)


def _pair(files: PairFiles, checkpoint: "Checkpoint | None") -> ScenePair:
    if checkpoint is not None:
        files = files.for_model(ModelGrid(ratio=checkpoint.ratio, phase=checkpoint.ms_phase))
    return ScenePair.of(files)


def _warn_of_ratio(pair: ScenePair, model: "Checkpoint") -> None:
    """Warns of MS pixels of another size than those that the model was trained on."""
    low, high = (limit * model.ratio for limit in RATIO_RANGE)
    height, width = pair.measured_ratio
    resampled = max(height, width) <= RESAMPLED_RATIO
    if resampled or (low <= min(height, width) and max(height, width) <= high):
        return
    _log.warning(
        "%s: its pixels are %.3g x %.3g PAN pixels, model %s is for %d x %d (%.3g to %.3g): fused "
        "on that grid, where the model's figures do not hold; --method bt-h takes the exact ratio",
        *(pair.ms.path, height, width, model.name, model.ratio, model.ratio, low, high),
    )


def _check_content(pair: ScenePair) -> None:
    """Refuses a band that is constant, and so cannot be normalised; names its file and number."""
    statistics = pair.statistics()
    for raster, found in ((pair.pan, (statistics.pan,)), (pair.ms, statistics.ms)):
        for index, band in zip(raster.indexes, found, strict=True):
            try:
                _ = band.scale
            except InputError as error:
                raise InputError(f"{raster.path}: band {index}: {error}") from error


def _warn_of_unfamiliar(pair: ScenePair, model: "Checkpoint", correlation: float | None) -> None:
    """Warns of a scene far from what the model was trained on."""
    full_scale = model.full_scale if model.normalisation == "full-scale" else None
    order = band_order(band_names(pair), model.bands or ())
    same_count = order and len(model.bands or ()) == pair.bands
    sentences = unfamiliar(
        pair.statistics(),
        correlation,
        model.metadata,
        full_scale=full_scale,
        places=in_places(order, model.bands or ()) if same_count else (),
    )
    for sentence in sentences:
        what = f"{pair.ms.path} is unlike what model {model.name} was trained on"
        _log.warning("%s: %s", what, sentence)
