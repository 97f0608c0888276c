"""What adapting is worth: errors on an unseen quarter of the scene, HQNR at full resolution."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ssdiff_cli.jobs.adapt.windows import SIDE, AdaptSample
from ssdiff_models import classical
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.runners import ThreadRunner
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.fusion.stream import fuse_tiles
from ssdiff_models.metrics import hqnr
from ssdiff_models.nets.network import Network
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import BoolArray, Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window
from ssdiff_models.training.adapt import mixed
from ssdiff_models.training.validation import errors, fuse_scene
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["MaskedSource", "full_resolution_hqnr", "furthest", "unseen_scores"]

CLASSICAL = ("gsa", "bt-h", "bdsd-pc", "mtf-glp-fs", "mtf-glp-hpm")
SHARES = (1.0, 0.5, 0.25)
"""Parts of the way from the first weights to the trained ones, tried until HQNR does not fall."""

_log = logging.getLogger(__name__)


def full_resolution_hqnr(model: Checkpoint, sample: AdaptSample, sensor: Sensor) -> float:
    """Returns HQNR, 0..1, of the upper left of a sample, fused as ``ssdiff sharpen`` fuses it."""
    ratio = model.ratio
    ms_side = SIDE // ratio
    side = ms_side * ratio
    source = MaskedSource(
        pan=sample.pan[:side, :side],
        ms=sample.ms[:, :ms_side, :ms_side],
        ratio=ratio,
        mask=sample.valid[:side, :side],
        scene=sample.statistics,
    )
    settings = FusionSettings.of(model, gains=sensor.ms_gains, limits=sample.limits)
    fuser = ModelFuser.for_scene(model, source, settings)
    runner = ThreadRunner(workers=torch.get_num_threads())
    fused = np.zeros((source.bands, source.rows, source.cols), np.float32)
    for block in fuse_tiles(source, fuser, runner):
        rows, cols = block.window.within(source.area)
        fused[:, rows, cols] = block.fused
    lms = upsample_image(torch.from_numpy(source.ms.copy()), ratio, model.ms_phase).numpy()
    return hqnr(fused, lms, source.pan, sensor=sensor, ratio=ratio, valid=source.mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedSource(ArraySource):
    """A part of a scene whose holes are filled, and the statistics of the whole scene."""

    mask: BoolArray
    """``(rows, cols)``: which pixels are valid."""
    scene: SceneStatistics

    def statistics(self) -> SceneStatistics:
        """Returns the statistics of the whole scene."""
        return self.scene

    def read(self, window: Window) -> Patch:
        """Reads one window; it may overhang the arrays."""
        patch = ArraySource.read(self, window)
        valid = np.zeros_like(patch.valid)
        part = window.intersection(self.area)
        if part is not None:
            valid[part.within(window)] = self.mask[part.within(self.area)]
        return replace(patch, valid=valid)


def furthest(
    base: Checkpoint, trained: Network, measure: Callable[[Checkpoint], float], fall: float
) -> tuple[Checkpoint, float, dict[str, float]]:
    """Mixes the first weights with the trained ones, as far as HQNR falls by at most `fall`.

    Returns:
        The model, its share of the way to the trained weights, and HQNR before and after.
    """
    before = measure(base)
    for share in SHARES:
        adapted = replace(base, network=mixed(base.network, trained, share).channels_last())
        after = measure(adapted)
        if after >= before - fall:
            return adapted, share, {"before": before, "after": after}
        _log.info(
            "HQNR falls from %.4f to %.4f with %.0f %% of the way", before, after, 100 * share
        )
    _log.warning(
        "whatever adapting gained at reduced resolution costs HQNR at full resolution: "
        "the weights are those it began with"
    )
    return base, 0.0, {"before": before, "after": before}


def unseen_scores(
    models: Mapping[str, Checkpoint], scenes: Sequence[WaldScene], sensor: Sensor
) -> dict[str, dict[str, float]]:
    """Returns mean SAM (degrees) and ERGAS of models and classical methods on scenes."""
    scores = {
        name: [errors(scene, fuse_scene(model, scene)) for scene in scenes]
        for name, model in models.items()
    }
    ratio = next(iter(models.values())).ratio
    for method in CLASSICAL:
        scores[method] = [_classical_errors(method, scene, sensor, ratio) for scene in scenes]
    return {name: _means(pairs) for name, pairs in scores.items()}


def _means(scores: Sequence[tuple[float, float]]) -> dict[str, float]:
    sam, ergas = np.mean(scores, axis=0)
    return {"sam": float(sam), "ergas": float(ergas)}


def _classical_errors(
    method: str, scene: WaldScene, sensor: Sensor, ratio: int
) -> tuple[float, float]:
    fused = classical.fuse(
        method,
        pan=((scene.pan[0] + 1) * scene.means[-1]).numpy(),
        ms=scene.denormalise(scene.ms).numpy(),
        lms=scene.denormalise(scene.lms).numpy(),
        sensor=sensor,
        ratio=ratio,
        phase=(ratio - 1) / 2,
    )
    means = torch.tensor(scene.means[:-1])[:, None, None]
    return errors(scene, torch.from_numpy(fused).float() / means - 1)
