"""The model that adapting begins with, and the windows of the scene that it adapts to, at full and reduced resolution."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from ssdiff_cli.jobs.sharpen.band_names import band_names
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.reading.pair import ScenePair, open_pair
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint
from ssdiff_models.errors import InputError, ModelError
from ssdiff_models.nets.released import ReleasedSSDiff
from ssdiff_models.nets.transplant import transplant
from ssdiff_models.resampling.upsample import MS_HALO
from ssdiff_models.scene.band_matching import closest_bands
from ssdiff_models.scene.dtypes import default_limits
from ssdiff_models.scene.source import BoolArray, FloatArray, Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window
from ssdiff_models.scene.zero_signal import AboveZero, zero_levels
from ssdiff_models.training.consistency_term import FullScene
from ssdiff_models.training.wald_scene import Degradation, WaldScene, from_pair

__all__ = ["AdaptSample", "base_model", "samples"]

WHOLE = 2048
"""Side in PAN pixels up to which a scene is used whole."""
SIDE = 1024
"""Side of the windows that a larger one is sampled by."""
LATTICE = 2
"""Windows on each axis."""
LEAST_VALID = 0.2
"""Part of a window's pixels that must be valid."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptSample:
    """One window of the scene, in DN above black and degraded."""

    pan: FloatArray
    """``(rows, cols)``, DN."""
    ms: FloatArray
    """``(bands, rows/ratio, cols/ratio)``, DN."""
    valid: BoolArray
    """``(rows, cols)``."""
    statistics: SceneStatistics
    """Of the whole scene."""
    limits: tuple[float, float] | None
    """Least and greatest value of the MS's data type; None: floats, or values that have a black of their own."""
    wald: WaldScene
    full: FullScene


def base_model(job: SharpenJob) -> Checkpoint:
    """Returns the model to begin with, fitted to the scene's bands and ratio.

    Raises:
        ModelError: When it is none of ours, or there is none.
    """
    with raster_env(), open_pair(job.pan, job.ms, options=job.pair) as pair:
        bands, ratio, names = pair.bands, pair.ratio, band_names(pair)
    checkpoint = load_checkpoint(
        zoo.locate(job.model)
        if job.model
        else zoo.nearest(bands=bands, ratio=ratio, sensor=job.sensor).path
    )
    if isinstance(checkpoint.network, ReleasedSSDiff):
        raise ModelError(
            f"model {checkpoint.name}: weights of the authors' release cannot be adapted: choose another --model"
        )
    if (checkpoint.band_count, checkpoint.ratio) == (bands, ratio):
        return checkpoint
    _log.warning(
        "model %s has %d bands at ratio %d, the scene %d at ratio %d: its first and last layers begin anew",
        checkpoint.name, checkpoint.band_count, checkpoint.ratio, bands, ratio,
    )  # fmt: skip
    network = transplant(checkpoint.network, closest_bands(names, _known(checkpoint)), ratio)
    phase = (ratio - 1) / 2
    known = tuple(name or f"band {number}" for number, name in enumerate(names, start=1))
    return replace(checkpoint, network=network.eval(), bands=known, ratio=ratio, ms_phase=phase)


def _known(checkpoint: Checkpoint) -> tuple[str | None, ...]:
    return checkpoint.bands or (None,) * checkpoint.band_count


def samples(pair: ScenePair, gains: tuple[float, ...], base: Checkpoint) -> Iterator[AdaptSample]:
    """Yields the scene in one piece, or those windows of a large one that have valid pixels enough.

    Raises:
        InputError: When none has, or a band has no content.
    """
    found = False
    # Whatever counts as zero, the degraded scene is in units of what is above it, as the network will see it.
    whole = AboveZero(source=pair, zeros=zero_levels(pair.statistics()))
    for window in _windows(pair):
        patch = whole.read(window)
        if float(patch.valid.mean()) >= LEAST_VALID:
            found = True
            yield _sample(pair, whole, patch, gains, base)
    if not found:
        raise InputError(
            f"{pair.ms.path}: less than {LEAST_VALID:.0%} of the pixels that it would be adapted to are valid: use the model as it is"
        )


def _windows(pair: ScenePair) -> Iterator[Window]:
    if max(pair.rows, pair.cols) <= WHOLE:
        yield _aligned(Window(row=0, col=0, rows=pair.rows, cols=pair.cols), pair.ratio)
        return
    side = SIDE // pair.ratio * pair.ratio
    for i in range(LATTICE):
        for j in range(LATTICE):
            row, col = (
                max((2 * k + 1) * size // (2 * LATTICE) - side // 2, 0) // pair.ratio * pair.ratio
                for k, size in ((i, pair.rows), (j, pair.cols))
            )
            yield _aligned(
                Window(
                    row=row,
                    col=col,
                    rows=min(side, pair.rows - row),
                    cols=min(side, pair.cols - col),
                ),
                pair.ratio,
            )


def _aligned(window: Window, ratio: int) -> Window:
    """Cuts a window down to whole MS pixels."""
    return replace(window, rows=window.rows // ratio * ratio, cols=window.cols // ratio * ratio)


def _sample(
    pair: ScenePair, whole: AboveZero, patch: Patch, gains: tuple[float, ...], base: Checkpoint
) -> AdaptSample:
    ratio, phase = base.ratio, base.ms_phase
    rows, cols = (size // ratio for size in patch.valid.shape)
    ms = patch.ms[:, MS_HALO:-MS_HALO, MS_HALO:-MS_HALO]
    valid = patch.valid.reshape(rows, ratio, cols, ratio).all((1, 3))
    pan, bands, known = (
        torch.from_numpy(patch.pan),
        torch.from_numpy(ms.copy()),
        torch.from_numpy(valid),
    )
    degradation = Degradation(gains=gains, ratio=ratio, prior=base.prior)
    wald = from_pair(
        pair.ms.path, degradation, pan=pan, ms=bands, first=(phase, phase), valid=known
    )
    full = FullScene.normalised(
        pan, bands, wald.means, valid=patch.valid, degradation=degradation, phase=phase
    )
    return AdaptSample(
        pan=patch.pan,
        ms=ms,
        valid=patch.valid,
        statistics=whole.statistics(),
        limits=None if any(whole.zeros) else default_limits(pair.ms.dtype),
        wald=wald,
        full=full,
    )
