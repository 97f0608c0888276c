"""The factor on the PAN's detail, with networks whose detail is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.crispness import as_crisp_as_asked
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.runners import ThreadRunner
from ssdiff_models.fusion.stream import fuse_tiles
from ssdiff_models.metrics import detail
from ssdiff_models.resampling.detail import fine_detail
from ssdiff_models.scene.array_source import ArraySource
from tests.models.tiny import Slots, fuser_of, model

SIDE = 256


class Injection(Slots):
    """Adds a part of the PAN's detail to each band."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        return (self.share * fine_detail(pan[:, 0])[:, None]).expand_as(lms)


def scene() -> ArraySource:
    rough = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    pan = (500 + 400 * gaussian_filter(rough, 8) + 60 * gaussian_filter(rough, 0.7)).astype("f4")
    small = gaussian_filter(pan, 2)[1::4, 1::4]
    ms = np.stack([small * share for share in (1.0, 0.8, 1.2, 0.9)])
    return ArraySource(pan=pan, ms=ms, ratio=4)


def fuser(share: float, source: ArraySource, **changes: float) -> ModelFuser:
    checkpoint: Checkpoint = replace(model(), network=Injection(share), prior="lms")
    return fuser_of(source, checkpoint, **changes)


def slope(fuser: ModelFuser, source: ArraySource) -> float:
    image = np.zeros((4, SIDE, SIDE), np.float32)
    for block in fuse_tiles(source, fuser, ThreadRunner(workers=1)):
        image[:, *block.window.within(source.area)] = block.fused
    return detail(image, source.pan)["slope"]


@pytest.mark.parametrize("share", [1.05, 1.15, 1.4])
def test_an_image_becomes_as_crisp_as_the_pan(share: float) -> None:
    source = scene()
    plain = fuser(share, source)
    crisp = as_crisp_as_asked(plain, source, ThreadRunner(workers=1))
    before, after = slope(plain, source), slope(crisp, source)
    assert abs(after - 1) < 0.04
    assert abs(after - 1) < abs(before - 1) / 2 + 0.01
    soft = fuser(share, source, sharpness=0.7)
    softer = as_crisp_as_asked(soft, source, ThreadRunner(workers=1))
    assert slope(softer, source) == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize(("share", "factor"), [(0.2, 1 + 0.25 / 0.8), (3.0, 1 - 0.2 / 0.8)])
def test_a_network_that_is_far_off_is_helped_a_little(share: float, factor: float) -> None:
    source = scene()
    crisp = as_crisp_as_asked(fuser(share, source), source, ThreadRunner(workers=1))
    assert crisp.pan_detail == pytest.approx(factor, abs=0.02)


def test_threads_and_the_area_do_not_count() -> None:
    source = scene()
    plain = fuser(0.9, source)
    one = as_crisp_as_asked(plain, source, ThreadRunner(workers=1))
    assert as_crisp_as_asked(plain, source, ThreadRunner(workers=3)) == one
    assert one.pan_detail != 1


def test_a_flat_scene_is_left_alone() -> None:
    source = scene()
    flat = replace(source, pan=np.full_like(source.pan, 500))
    checkpoint = replace(model(), network=Injection(0.9), prior="lms")
    plain = replace(fuser_of(source, checkpoint), checkpoint=checkpoint)
    assert as_crisp_as_asked(plain, flat, ThreadRunner(workers=1)).pan_detail == 1
    assert torch.is_tensor(plain.pan_range.centre)
