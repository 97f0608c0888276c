"""The radiometry of training scenes: a model's fingerprint, which unfamiliar scenes lie outside."""

from collections.abc import Sequence
from math import isnan
from statistics import median

import torch
from torch import Tensor

from ssdiff_models.registration.window_shift import LEAST_VALID, shift_windows
from ssdiff_models.scene.windows import Window
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["scene_fingerprint"]

WINDOWS = 3
"""Windows on each axis that the correlation is measured in, as on a scene to be fused."""
SIDE = 48
"""Their side in MS pixels."""


def scene_fingerprint(scenes: Sequence[WaldScene]) -> dict[str, list[float] | list[list[float]]]:
    """Returns the entry ``radiometry`` of a model's metadata; see `familiarity.unfamiliar`.

    All numbers are ranges over the scenes, ``[lowest, highest]``, in units of the bands' means:
    ``contrast`` (one range a band) and ``pan_contrast`` are standard deviation over mean,
    ``correlation`` is the multiple correlation of the PAN with the MS bands. There is at least one
    scene; all have the same bands.
    """
    of_scenes = torch.stack([_contrasts(scene) for scene in scenes])
    *of_bands, of_pan = [_range(values) for values in of_scenes.T.tolist()]
    correlations = [_correlation(scene) for scene in scenes]
    return {
        "contrast": of_bands,
        "pan_contrast": of_pan,
        "correlation": _range(correlations),
    }


def _range(values: Sequence[float]) -> list[float]:
    low = round(min(values), 4)
    high = round(max(values), 4)
    return [low, high]


def _contrasts(scene: WaldScene) -> Tensor:
    """``(bands + 1,)``: of each MS band, then of the PAN."""
    bands = torch.cat([scene.gt, scene.pan])
    spreads = [band[scene.valid].double().std(correction=0) for band in bands]
    return torch.stack(spreads)


def _correlation(scene: WaldScene) -> float:
    """Returns the median over windows, or that of the whole scene where they are too invalid."""
    rows, cols = scene.valid.shape
    area = Window(row=0, col=0, rows=rows, cols=cols)
    (pan,) = scene.pan
    known = []
    for window in shift_windows(area, count=WINDOWS, size=SIDE, ratio=1):
        down, across = window.within(area)
        valid = scene.valid[down, across]
        if float(valid.float().mean()) >= LEAST_VALID:
            value = _multiple(scene.gt[:, down, across], pan[down, across], valid)
            if not isnan(value):
                known.append(value)
    return median(known) if known else _multiple(scene.gt, pan, scene.valid)


def _multiple(gt: Tensor, pan: Tensor, valid: Tensor) -> float:
    """Returns the multiple correlation; NaN where the PAN has no content."""
    bands = gt[:, valid].double()
    target = pan[valid].double()
    constant = torch.ones_like(bands[:1])
    design = torch.cat([bands, constant]).T
    solution = torch.linalg.lstsq(design, target[:, None]).solution[:, 0]
    residual = target - design @ solution
    explained = 1 - residual.var() / target.var()
    return float(explained.clamp(0, 1).sqrt())
