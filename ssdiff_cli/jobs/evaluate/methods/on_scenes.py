"""Fusers of the windows of a scene: they give the pixels that ``ssdiff sharpen`` writes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from ssdiff_cli.jobs.evaluate.method_names import MODEL_METHODS, method_settings
from ssdiff_cli.jobs.evaluate.methods.model import Model
from ssdiff_cli.jobs.evaluate.samples.sample import Fuser, Sample
from ssdiff_cli.jobs.sharpen.classical_method import ClassicalMethod
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.fusion.stream import FusedBlock, fuse_tiles
from ssdiff_models.scene.dtypes import cast
from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.zero_signal import black_levels, per_band

__all__ = ["scene_fusers"]


Blocks = Callable[[ScenePair], Iterable[FusedBlock]]
"""Fuses a part of a scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """From the DN of a product to those that are scored, and back."""

    dtype: np.dtype[np.generic]
    """Data type of the product."""
    black: FloatArray
    """``(bands, 1, 1)``."""
    factor: np.float32
    """From values above black to scored ones."""

    def scored(self, fused: FloatArray) -> FloatArray:
        """Rounds an image as its product does, and returns it above black."""
        written = cast(fused, self.dtype).astype(np.float32)
        return (written - self.black) * self.factor

    def rounded(self, scored: FloatArray) -> FloatArray:
        """Rounds an image that is above black as its product does."""
        return self.scored(scored / self.factor + self.black)


def scene_fusers(
    methods: Iterable[str], pair: ScenePair, job: SharpenJob, *, model: Model | None, scale: float
) -> dict[str, Fuser]:
    """Returns a fuser for each method; the first use of a classical one takes its statistics.

    Args:
        methods: Their names.
        pair: The scene.
        job: The sharpening that makes such images, whatever its method.
        model: For the methods that need one.
        scale: Factor from values above black to scored ones.
    """
    black = per_band(black_levels(pair.statistics()))
    product = _Scale(dtype=pair.ms.dtype, black=black, factor=np.float32(scale))
    networks = {} if model is None else _model_blocks(pair, model)
    fusers: dict[str, Fuser] = {}
    for name in methods:
        if name == "exp":
            fusers[name] = partial(_exp, product)
        else:
            blocks = networks.get(name) or _classical_blocks(name, pair, job)
            fusers[name] = partial(_fuse, pair, product, blocks)
    return fusers


def _exp(product: _Scale, sample: Sample) -> FloatArray:
    return product.rounded(sample.lms)


def _model_blocks(pair: ScenePair, model: Model) -> dict[str, Blocks]:
    fuser = model.fuser(pair.without_region())
    runner = model.device.runner()

    def blocks(method: str) -> Blocks:
        own = replace(fuser, settings=method_settings(method, fuser.settings))
        return lambda part: fuse_tiles(part, own, runner)

    return {method: blocks(method) for method in MODEL_METHODS}


def _classical_blocks(method: str, pair: ScenePair, job: SharpenJob) -> Blocks:
    @cache
    def bound() -> ClassicalMethod:
        return ClassicalMethod.bind(replace(job, method=method), pair)

    return lambda part: bound().fuse(part)


def _fuse(pair: ScenePair, product: _Scale, blocks: Blocks, sample: Sample) -> FloatArray:
    assert sample.window is not None
    part = replace(pair, area=sample.window, imposed_statistics=pair.statistics())
    output = np.empty(sample.lms.shape, np.float32)
    for block in blocks(part):
        rows, cols = block.window.within(part.area)
        output[:, rows, cols] = product.scored(block.fused)
    return output
