"""The prior image: BT-H from a scene's own numbers, whatever the tiles."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ssdiff_models.arrays import sharpen
from ssdiff_models.checkpoint import Checkpoint, PriorName
from ssdiff_models.classical import stream
from ssdiff_models.classical.haze_ratio import BroveyHazeRule
from ssdiff_models.errors import ModelError
from ssdiff_models.fusion.blocks import fuse_blocks
from ssdiff_models.fusion.prior import measure_images, measure_prior
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.windows import Window
from ssdiff_models.training.wald_scene import from_reference
from tests.models.tiny import PartSource, fuser_of, model, scene_source
from tests.models.training.pieces import DEGRADATION, RATIO_PRIOR, landscape

GRID = ModelGrid.aligned(4)


def colourful(side: int) -> ArraySource:
    """Bands that no other three add up to, so that the regression has one answer."""
    plain = scene_source(side, side)
    own = np.random.default_rng(3).normal(0, 60, plain.ms.shape).astype(np.float32)
    return ArraySource(
        pan=plain.pan + own.mean(0).repeat(4, 0).repeat(4, 1), ms=plain.ms + own, ratio=4
    )


def bt_h(source: ArraySource) -> np.ndarray:
    output = np.empty((source.bands, source.rows, source.cols), np.float32)
    for block in fuse_blocks(source, stream("bt-h", source, "generic"), block=64, workers=1):
        output[(slice(None), *block.window.within(source.area))] = block.fused
    return output


def nearest(source: ArraySource) -> np.ndarray:
    return source.ms.repeat(4, axis=1).repeat(4, axis=2)


def untrained() -> Checkpoint:
    """A network whose last layer is zero: it leaves the prior image as it is."""
    return model(
        network=SSDiff(SSDiffConfig(bands=4, dim=16, window=8, time_width=32)).eval(), prior="bt-h"
    )


def test_an_untrained_network_gives_bt_h() -> None:
    source = scene_source(72, 88)
    checkpoint = untrained()
    settings = FusionSettings.of(checkpoint, consistency=0)
    fused = sharpen(source.pan, source.ms, checkpoint, settings=settings, workers=1)
    np.testing.assert_allclose(fused, bt_h(source), rtol=1e-4)


@pytest.mark.parametrize("unit", [1e-9, 1e9])
@pytest.mark.parametrize("prior", ["lms", "bt-h"])
def test_the_unit_of_the_values_does_not_matter(unit: float, prior: PriorName) -> None:
    source = scene_source(48, 48)
    other = ArraySource(pan=source.pan * np.float32(unit), ms=source.ms * np.float32(unit), ratio=4)
    checkpoint = model(prior=prior)
    first, second = (sharpen(one.pan, one.ms, checkpoint, workers=1) for one in (source, other))
    np.testing.assert_allclose(second / unit, first, rtol=1e-3, atol=1e-3 * first.mean())


def test_black_below_zero_moves_everything_alike() -> None:
    source = colourful(64)
    lower = ArraySource(pan=source.pan - 700, ms=source.ms - 900, ratio=4)
    shift = replace(
        lower.statistics(),
        ms=tuple(replace(band, minimum=-1.0, mean=0.0) for band in lower.statistics().ms),
    )
    prior = measure_prior(lower, shift, GRID)
    assert all(black < 0 for black in prior.zeros[:-1])
    lms, pan = torch.from_numpy(nearest(lower)), torch.from_numpy(lower.pan)[None]
    above = replace(prior, zeros=(0.0,) * 5)
    black = torch.tensor(prior.zeros[:-1])[:, None, None]
    torch.testing.assert_close(
        prior.image(lms, pan),
        above.image(lms - black, pan - prior.zeros[-1]) + black,
        atol=0.01,
        rtol=0,
    )


def test_large_scenes_are_sampled_and_areas_do_not_count() -> None:
    signed = colourful(1600)
    # Where values are below 0, the prior has a black that the classical method does not know of.
    whole = ArraySource(pan=signed.pan.clip(min=1), ms=signed.ms.clip(min=1), ratio=4)
    part = PartSource(whole=whole, area=Window(row=0, col=0, rows=64, cols=64))
    prior = measure_prior(part, part.statistics(), GRID)
    assert prior == measure_prior(whole, whole.statistics(), GRID)
    assert sum(window.rows * window.cols for window in part.reads) < 1600 * 1600
    corner = np.s_[:, :64, :64]
    lms, pan = torch.from_numpy(nearest(whole)[corner]), torch.from_numpy(whole.pan[None][corner])
    rule = stream("bt-h", whole, "generic").rule
    assert isinstance(rule, BroveyHazeRule)
    exact = replace(prior, rule=rule)
    torch.testing.assert_close(prior.image(lms, pan), exact.image(lms, pan), rtol=0.02, atol=2)


def test_invalid_pixels_do_not_count() -> None:
    source = scene_source(128, 128)
    hole = Window(row=64, col=0, rows=64, cols=128)
    spoiled = ArraySource(pan=source.pan.copy(), ms=source.ms.copy(), ratio=4)
    # The low-pass reaches 24 pixels, and its border may differ.
    spoiled.pan[96:], spoiled.ms[:, 24:] = 60000, 3
    found = measure_prior(
        PartSource(whole=source, area=source.area, invalid=(hole,)), source.statistics(), GRID
    )
    other = measure_prior(
        PartSource(whole=spoiled, area=source.area, invalid=(hole,)), source.statistics(), GRID
    )
    np.testing.assert_allclose(found.rule.intensity, other.rule.intensity, rtol=1e-9)


def test_images_and_sources_agree() -> None:
    source = colourful(96)
    valid = np.ones((96, 96), bool)
    images = measure_images(
        [(torch.from_numpy(source.pan), torch.from_numpy(source.ms), valid)], GRID
    )
    scene = measure_prior(source, source.statistics(), GRID)
    lms, pan = torch.from_numpy(nearest(source)), torch.from_numpy(source.pan)[None]
    torch.testing.assert_close(images.image(lms, pan), scene.image(lms, pan), rtol=0.02, atol=2)


def test_training_scenes_carry_the_prior_in_units_of_their_means() -> None:
    pan, gt = landscape(96)
    scene = from_reference("s", RATIO_PRIOR, pan=pan, gt=gt)
    plain = from_reference("s", DEGRADATION, pan=pan, gt=gt)
    assert torch.equal(plain.prior, plain.lms)
    brighter = from_reference("s", RATIO_PRIOR, pan=pan * 3, gt=gt * 7)
    torch.testing.assert_close(scene.prior, brighter.prior, atol=1e-4, rtol=1e-4)
    errors = [
        float((image - scene.gt).square()[:, scene.valid].mean())
        for image in (scene.prior, scene.lms)
    ]
    assert errors[0] < errors[1] / 2


def test_a_model_that_needs_a_prior_is_not_run_without() -> None:
    checkpoint, source = untrained(), scene_source(64, 64)
    with pytest.raises(ModelError, match="for_scene"):
        replace(fuser_of(source, checkpoint), prior=None)
