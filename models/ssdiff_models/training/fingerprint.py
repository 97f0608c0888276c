"""What training scenes are like, recorded with a model so that a scene far from them is noticed."""

from collections.abc import Sequence
from math import isnan
from statistics import median

import torch
from torch import Tensor

from ssdiff_models.registration.window_shift import LEAST_VALID, shift_windows
from ssdiff_models.scene.windows import Window
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["training_radiometry"]

WINDOWS, SIDE = 3, 48
"""Windows on each axis, and their side in MS pixels, that correlations come from: those of the quick look at a scene."""


def training_radiometry(scenes: Sequence[WaldScene]) -> dict[str, list[float] | list[list[float]]]:
    """Returns what belongs into a model's metadata under ``radiometry``; see `familiarity.unfamiliar`.

    All numbers are ranges over the scenes, ``[lowest, highest]``, in units of the bands' means:
    ``contrast`` (one range a band) and ``pan_contrast`` are standard deviation over mean, ``correlation`` is the multiple
    correlation of the PAN with the MS bands.

    Args:
        scenes: At least one; all with the same bands.
    """
    contrasts = torch.stack([_contrasts(scene) for scene in scenes])
    ranges = [
        [round(float(values.min()), 4), round(float(values.max()), 4)] for values in contrasts.T
    ]
    correlations = [_correlation(scene) for scene in scenes]
    return {
        "contrast": ranges[:-1],
        "pan_contrast": ranges[-1],
        "correlation": [round(min(correlations), 4), round(max(correlations), 4)],
    }


def _contrasts(scene: WaldScene) -> Tensor:
    """``(bands + 1,)``: of each MS band, then of the PAN."""
    return torch.stack(
        [band[scene.valid].double().std(correction=0) for band in (*scene.gt, *scene.pan)]
    )


def _correlation(scene: WaldScene) -> float:
    """The median over windows, as scenes that a model is used on are looked at; of all of it where no window has pixels enough."""
    whole = Window(row=0, col=0, rows=scene.valid.shape[0], cols=scene.valid.shape[1])
    places = [
        window.within(whole) for window in shift_windows(whole, count=WINDOWS, size=SIDE, ratio=1)
    ]
    usable = [place for place in places if float(scene.valid[place].float().mean()) >= LEAST_VALID]
    found = [
        _multiple(scene.gt[:, rows, cols], scene.pan[0, rows, cols], scene.valid[rows, cols])
        for rows, cols in usable
    ]
    known = [value for value in found if not isnan(value)]  # a window without content has none
    return median(known) if known else _multiple(scene.gt, scene.pan[0], scene.valid)


def _multiple(gt: Tensor, detail: Tensor, valid: Tensor) -> float:
    bands, pan = gt[:, valid].double(), detail[valid].double()
    design = torch.cat([bands, torch.ones_like(bands[:1])]).T
    left = pan - design @ torch.linalg.lstsq(design, pan[:, None]).solution[:, 0]
    return float((1 - left.var() / pan.var()).clamp(0, 1).sqrt())
