"""Fusers of a scene's own windows: they give the very pixels that ``ssdiff sharpen`` writes, with the whole scene's statistics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from ssdiff_cli.jobs.evaluate.method_names import MODEL_METHODS, row_settings
from ssdiff_cli.jobs.evaluate.methods.on_arrays import Model
from ssdiff_cli.jobs.evaluate.samples.sample import Fuser, Sample
from ssdiff_cli.jobs.sharpen.classical_method import ClassicalMethod
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.fusion.stream import FusedBlock, fuse_tiles
from ssdiff_models.scene.dtypes import cast
from ssdiff_models.scene.source import FloatArray, Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window
from ssdiff_models.scene.zero_signal import black_levels, per_band

__all__ = ["scene_fusers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A window of a pair as a `Source`."""

    pair: ScenePair
    area: Window

    @property
    def rows(self) -> int:
        """Height of the PAN grid in pixels."""
        return self.pair.rows

    @property
    def cols(self) -> int:
        """Width of the PAN grid in pixels."""
        return self.pair.cols

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        return self.pair.bands

    @property
    def ratio(self) -> int:
        """PAN pixels per MS pixel."""
        return self.pair.ratio

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of the whole scene."""
        return self.pair.statistics()

    def read(self, window: Window) -> Patch:
        """Reads one window."""
        return self.pair.read(window)


Blocks = Callable[[_Part], Iterable[FusedBlock]]


def scene_fusers(
    methods: Iterable[str], pair: ScenePair, job: SharpenJob, *, model: Model | None, scale: float
) -> dict[str, Fuser]:
    """Returns a fuser for each method; statistics of the scene are gathered when a method is first used.

    Args:
        methods: Names.
        pair: The scene.
        job: The sharpening that makes such rows, whatever its method.
        model: The model, where one of its methods is asked for.
        scale: What fused values, above black, are multiplied with to become DN.
    """
    networks = {} if model is None else _model_blocks(pair, model)
    blocks = {
        name: networks[name] if name in networks else _classical_blocks(name, pair, job)
        for name in methods
    }
    fusers: dict[str, Fuser] = {
        name: partial(_fuse, pair, scale, make) for name, make in blocks.items()
    }
    return fusers | ({"exp": partial(_exp, pair, scale)} if "exp" in fusers else {})


def _exp(pair: ScenePair, scale: float, sample: Sample) -> FloatArray:
    # The samples carry EXP for the metrics, above black; only the product's rounding is missing.
    black = per_band(black_levels(pair.statistics()))
    return (
        cast(sample.lms / np.float32(scale) + black, pair.ms.dtype).astype(np.float32) - black
    ) * np.float32(scale)


def _model_blocks(pair: ScenePair, model: Model) -> dict[str, Blocks]:
    fuser, runner = model.fuser(pair.without_region()), model.device.runner()

    def row(method: str) -> Blocks:
        own = replace(fuser, settings=row_settings(method, fuser.settings))
        return lambda part: fuse_tiles(part, own, runner)

    return {method: row(method) for method in MODEL_METHODS}


def _classical_blocks(method: str, pair: ScenePair, job: SharpenJob) -> Blocks:
    @cache
    def bound() -> ClassicalMethod:
        return ClassicalMethod.bind(replace(job, method=method), pair)

    return lambda part: bound().fuse(part)


def _fuse(pair: ScenePair, scale: float, blocks: Blocks, sample: Sample) -> FloatArray:
    assert sample.window is not None
    output, black = (
        np.empty(sample.lms.shape, np.float32),
        per_band(black_levels(pair.statistics())),
    )
    for block in blocks(_Part(pair=pair, area=sample.window)):
        written = cast(block.fused, pair.ms.dtype).astype(np.float32)
        output[(slice(None), *block.window.within(sample.window))] = (written - black) * np.float32(
            scale
        )
    return output
