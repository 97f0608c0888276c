"""What adapting is worth: at reduced resolution where nothing was decided, beside the classical methods, and HQNR at full resolution."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch

from ssdiff_cli.jobs.adapt.windows import SIDE, AdaptSample
from ssdiff_models import classical
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.model_fuser import FusionSettings, ModelFuser
from ssdiff_models.fusion.runners import ThreadRunner
from ssdiff_models.fusion.stream import fuse_tiles
from ssdiff_models.metrics import hqnr
from ssdiff_models.nets.network import Network
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.sensors import Sensor, get
from ssdiff_models.scene.source import BoolArray, Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window
from ssdiff_models.training.adapt import mixed
from ssdiff_models.training.scene_parts import SceneParts
from ssdiff_models.training.validation import errors, fuse_scene
from ssdiff_models.training.wald_scene import WaldScene

__all__ = [
    "CLASSICAL",
    "SHARES",
    "FullResolutionJudge",
    "MaskedSource",
    "furthest",
    "unseen_scores",
]

CLASSICAL = ("gsa", "bt-h", "bdsd-pc", "mtf-glp-fs", "mtf-glp-hpm")
SHARES = (1.0, 0.5, 0.25)
"""Parts of the way from the first weights to the trained ones that are tried, until HQNR does not fall."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FullResolutionJudge:
    """The upper left of a scene at full resolution, fused and judged as ``ssdiff sharpen`` would be."""

    sample: AdaptSample
    sensor: Sensor
    """With the gains of the very bands."""

    @classmethod
    def of(cls, sample: AdaptSample, name: str | None, gains: tuple[float, ...]) -> Self:
        """Takes the sensor by the name that the user gave, or none."""
        sensor = replace(get(name or "generic"), bands=("",) * len(gains), ms_gains=gains)
        return cls(sample=sample, sensor=sensor)

    def hqnr(self, model: Checkpoint) -> float:
        """Returns HQNR, 0..1, of what the model makes of the valid pixels."""
        sample, ratio = self.sample, model.ratio
        part = slice(SIDE // ratio * ratio), slice(SIDE // ratio * ratio)
        small = (slice(None), slice(SIDE // ratio), slice(SIDE // ratio))
        source = MaskedSource(
            pan=sample.pan[part],
            ms=sample.ms[small],
            ratio=ratio,
            mask=sample.valid[part],
            scene=sample.statistics,
        )
        settings = FusionSettings.of(model, gains=self.sensor.ms_gains, limits=sample.limits)
        fuser = ModelFuser.for_scene(model, source, settings)
        fused = np.zeros((source.bands, source.rows, source.cols), np.float32)
        for block in fuse_tiles(source, fuser, ThreadRunner(workers=torch.get_num_threads())):
            fused[(slice(None), *block.window.within(source.area))] = block.fused
        lms = upsample_image(torch.from_numpy(source.ms.copy()), ratio, model.ms_phase).numpy()
        return hqnr(fused, lms, source.pan, sensor=self.sensor, ratio=ratio, valid=source.mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedSource(ArraySource):
    """Arrays with holes, filled as a raster's are, out of a scene whose radiometry is known."""

    mask: BoolArray
    """``(rows, cols)``: which pixels are valid."""
    scene: SceneStatistics

    def statistics(self) -> SceneStatistics:
        """Returns the whole scene's radiometry."""
        return self.scene

    def read(self, window: Window) -> Patch:
        """Reads one window; it may overhang the arrays."""
        patch = ArraySource.read(self, window)
        whole = self.area
        part = window.intersection(whole)
        valid = np.zeros_like(patch.valid)
        if part is not None:
            valid[part.within(window)] = self.mask[part.within(whole)]
        return replace(patch, valid=valid)


def furthest(
    base: Checkpoint, trained: Network, full: FullResolutionJudge, fall: float
) -> tuple[Checkpoint, float, dict[str, float]]:
    """Returns the model on the way from the first weights to the trained ones, as far as HQNR allows, its share of it, and HQNR."""
    before = full.hqnr(base)
    for share in SHARES:
        adapted = replace(base, network=mixed(base.network, trained, share).channels_last())
        after = full.hqnr(adapted)
        if after >= before - fall:
            return adapted, share, {"before": before, "after": after}
        _log.info(
            "HQNR falls from %.4f to %.4f with %.0f %% of the way", before, after, 100 * share
        )
    _log.warning(
        "whatever adapting gained at reduced resolution costs HQNR at full resolution: the weights are those it began with"
    )
    return base, 0.0, {"before": before, "after": before}


def unseen_scores(
    models: Mapping[str, Checkpoint], parts: list[SceneParts], sensor: Sensor
) -> dict[str, dict[str, float]]:
    """Returns SAM and ERGAS of models and classical methods on the quarters that nothing was decided on."""
    scenes = [part.test for part in parts]
    found = {
        name: [errors(scene, fuse_scene(model, scene)) for scene in scenes]
        for name, model in models.items()
    }
    ratio = next(iter(models.values())).ratio
    for method in CLASSICAL:
        found[method] = [_classical(method, scene, sensor, ratio) for scene in scenes]
    return {
        name: {
            "sam": _mean(angle for angle, _ in scores),
            "ergas": _mean(error for _, error in scores),
        }
        for name, scores in found.items()
    }


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


def _classical(method: str, scene: WaldScene, sensor: Sensor, ratio: int) -> tuple[float, float]:
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
