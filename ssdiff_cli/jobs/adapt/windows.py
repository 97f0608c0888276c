"""The model to adapt, and the windows of the scene that it is adapted to."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from ssdiff_cli.jobs.sharpen.band_names import band_names
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.reading.pair_files import PairFiles
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint
from ssdiff_models.errors import InputError, ModelError
from ssdiff_models.nets.released import ReleasedSSDiff
from ssdiff_models.nets.transplant import transplant
from ssdiff_models.resampling.degrade import reduce_pan
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.band_matching import closest_bands
from ssdiff_models.scene.dtypes import default_limits
from ssdiff_models.scene.source import BoolArray, FloatArray, Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window
from ssdiff_models.scene.zero_signal import AboveZero, zero_levels
from ssdiff_models.training.consistency_term import FullScene
from ssdiff_models.training.wald_scene import Degradation, WaldScene, from_reference

__all__ = ["AdaptSample", "base_model", "samples"]

WHOLE = 2048
"""Side in PAN pixels up to which a scene is one window."""
SIDE = 1024
"""Side in PAN pixels of the windows of a larger scene."""
LATTICE = 2
"""Windows on each axis of a larger scene."""
LEAST_VALID = 0.2
"""Share of a window's pixels that must be valid."""

NETWORK_RATIOS = {2, 4}
"""Ratios that the network can be built for."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptSample:
    """One window of the scene, in DN above zero signal, and its degraded versions."""

    pan: FloatArray
    """``(rows, cols)``, DN."""
    ms: FloatArray
    """``(bands, rows/ratio, cols/ratio)``, DN."""
    valid: BoolArray
    """``(rows, cols)``."""
    statistics: SceneStatistics
    """Of the whole scene."""
    limits: tuple[float, float] | None
    """Range of the MS's data type in DN; None: floats, or zero signal that is not DN 0."""
    wald: WaldScene
    full: FullScene


def base_model(job: SharpenJob, files: PairFiles) -> Checkpoint:
    """Returns the model to begin with; its first and last layers fit the scene's bands and ratio.

    Raises:
        ModelError: When it is the authors' release, or there is none.
    """
    pair = ScenePair.of(files)
    names = band_names(pair)
    path = (
        zoo.locate(job.model)
        if job.model
        else zoo.nearest(bands=pair.bands, ratio=pair.pitch or pair.ratio, sensor=job.sensor).path
    )
    checkpoint = load_checkpoint(path)
    if isinstance(checkpoint.network, ReleasedSSDiff):
        raise ModelError(
            f"model {checkpoint.name}: weights of the authors' release cannot be adapted: "
            "choose another --model"
        )
    # On a scene of another ratio, the model is adapted on the grid that it has.
    whole = pair.ratio in NETWORK_RATIOS and pair.pitch is None
    ratio = pair.ratio if whole else checkpoint.ratio
    if (checkpoint.band_count, checkpoint.ratio) == (pair.bands, ratio):
        return checkpoint
    _log.warning(
        "model %s has %d bands at ratio %d, the scene %d at ratio %d: "
        "its first and last layers begin anew",
        *(checkpoint.name, checkpoint.band_count, checkpoint.ratio, pair.bands, ratio),
    )
    own_names = checkpoint.bands or (None,) * checkpoint.band_count
    network = transplant(checkpoint.network, closest_bands(names, own_names), ratio)
    return replace(
        checkpoint,
        network=network.eval(),
        bands=tuple(name or f"band {number}" for number, name in enumerate(names, start=1)),
        ratio=ratio,
        ms_phase=(ratio - 1) / 2,
    )


def samples(pair: ScenePair, gains: tuple[float, ...], base: Checkpoint) -> Iterator[AdaptSample]:
    """Yields the windows with enough valid pixels; `gains` are the MTF's of the MS bands.

    Raises:
        InputError: When no window has enough, or a band is constant.
    """
    empty = True
    # Networks see pixels in units of what lies above zero signal, also where they are degraded.
    source = AboveZero(source=pair, zeros=zero_levels(pair.statistics()))
    limits = None if any(source.zeros) else default_limits(pair.ms.dtype)
    for window in _windows(pair):
        patch = source.read(window)
        if float(patch.valid.mean()) < LEAST_VALID:
            continue
        empty = False
        wald, full = _degraded(pair.ms.path, patch, gains, base)
        yield AdaptSample(
            pan=patch.pan,
            ms=_inner_ms(patch),
            valid=patch.valid,
            statistics=source.statistics(),
            limits=limits,
            wald=wald,
            full=full,
        )
    if empty:
        raise InputError(
            f"{pair.ms.path}: less than {LEAST_VALID:.0%} of the pixels that it would be adapted "
            "to are valid: use the model as it is"
        )


def _windows(pair: ScenePair) -> Iterator[Window]:
    """Yields whole MS pixels: the scene, or a lattice of windows of a large one."""
    scene = Window(row=0, col=0, rows=pair.rows, cols=pair.cols)
    windows = [scene]
    if max(pair.rows, pair.cols) > WHOLE:
        side = SIDE // pair.ratio * pair.ratio
        starts = [
            [_start(size, side, k, pair.ratio) for k in range(LATTICE)] for size in scene.shape
        ]
        windows = [
            Window(row=row, col=col, rows=side, cols=side) for row in starts[0] for col in starts[1]
        ]
    for window in windows:
        inside = window.intersection(scene)
        part = inside and inside.shrunk_to(pair.ratio)
        if part:
            yield part


def _start(size: int, side: int, index: int, ratio: int) -> int:
    centre = (2 * index + 1) * size // (2 * LATTICE)
    return max(centre - side // 2, 0) // ratio * ratio


def _inner_ms(patch: Patch) -> FloatArray:
    return patch.ms[:, MS_HALO:-MS_HALO, MS_HALO:-MS_HALO]


def _degraded(
    name: str, patch: Patch, gains: tuple[float, ...], base: Checkpoint
) -> tuple[WaldScene, FullScene]:
    """Returns a patch at reduced resolution, and normalised alike at full resolution."""
    ratio = base.ratio
    phase = base.ms_phase
    pan = torch.from_numpy(patch.pan)
    ms = torch.from_numpy(_inner_ms(patch).copy())
    rows, cols = ms.shape[1:]
    valid = patch.valid.reshape(rows, ratio, cols, ratio).all((1, 3))
    # At full resolution, where the model is for, the truth is as crisp as the PAN.
    degradation = Degradation(gains=gains, ratio=ratio, prior=base.prior, match_pan=True)
    reduced = reduce_pan(pan, ratio, first=(phase, phase), shape=(rows, cols))
    wald = from_reference(name, degradation, pan=reduced, gt=ms, valid=torch.from_numpy(valid))
    full = FullScene.normalised(
        pan, ms, wald.means, valid=patch.valid, degradation=degradation, phase=phase
    )
    return wald, full
