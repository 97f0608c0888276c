"""The parts of a scene: they lie apart, where pixels are valid, and are like each other."""

import dataclasses

import pytest
import torch

from ssdiff_models.errors import InputError
from ssdiff_models.training.scene_parts import APART, split_scene
from tests.models.training.pieces import wald_scene


def test_the_parts_lie_apart() -> None:
    parts = split_scene(wald_scene(side=128))
    train, validation, test = (part.valid for part in (parts.train, parts.validation, parts.test))
    assert float(test.float().mean()) == pytest.approx(0.25, abs=0.01)
    assert 0.04 < float(validation.float().mean()) < 0.1
    assert float(train.float().mean()) > 0.3
    near = (
        torch.nn.functional.max_pool2d(
            test.float()[None], 2 * APART - 1, stride=1, padding=APART - 1
        )[0]
        > 0
    )
    assert not bool((near & (train | validation)).any())
    assert not bool((train & validation).any())
    # The validation-out blocks are spread over the other quarters.
    quarters = [
        validation[rows : rows + 64, cols : cols + 64] for rows in (0, 64) for cols in (0, 64)
    ]
    assert sum(bool(quarter.any()) for quarter in quarters) >= 2


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_parts_lie_where_pixels_are_valid(corner: tuple[int, int]) -> None:
    scene = wald_scene(side=128)
    valid = torch.ones_like(scene.valid)
    rows, cols = (slice(64 * part, 64 * part + 60) for part in corner)
    valid[rows, cols] = False
    parts = split_scene(dataclasses.replace(scene, valid=valid))
    assert (
        min(
            float(part.valid.float().mean()) for part in (parts.train, parts.validation, parts.test)
        )
        > 0.015
    )


def test_scenes_without_pixels_are_refused() -> None:
    scene = wald_scene(side=128)
    with pytest.raises(InputError, match="too few valid pixels"):
        split_scene(dataclasses.replace(scene, valid=torch.zeros_like(scene.valid)))


def test_what_decides_is_like_the_rest() -> None:
    scene = wald_scene(side=128)
    # The prior image is nearly right in two quarters and in half of the last one, which alone is like the rest, then.
    calm = torch.zeros_like(scene.valid)
    calm[:64, 64:], calm[64:, :64], calm[64:, 96:] = True, True, True
    gt = torch.where(calm, scene.prior + 0.01 * (scene.gt - scene.prior), scene.gt)
    parts = split_scene(dataclasses.replace(scene, gt=gt))
    errors = [
        float((gt - scene.prior)[:, part.valid].square().mean())
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert bool(parts.test.valid[127, 127])
    assert max(errors) < 2.5 * min(errors)


def test_small_scenes_are_split_too() -> None:
    parts = split_scene(wald_scene(side=32))
    assert all(int(part.valid.sum()) >= 16 for part in (parts.train, parts.validation, parts.test))
