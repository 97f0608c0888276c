import dataclasses

import pytest
import torch

from ssdiff_models.errors import InputError
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.config import TrainingConfig
from tests.models.training.pieces import sampler, wald_scene

ROUNDING = 1e-5


def test_a_step_draws_the_same_patches_every_time() -> None:
    one, again, next_step = sampler().draw(5), sampler().draw(5), sampler().draw(6)
    assert torch.equal(one.gt, again.gt)
    assert torch.equal(one.ms, again.ms)
    assert not torch.equal(one.gt, next_step.gt)
    assert not torch.equal(one.gt, sampler(seed=2).draw(5).gt)


def test_patches_have_their_shapes() -> None:
    batch = sampler(batch=5).draw(0)
    assert batch.gt.shape == batch.lms.shape == (5, 4, 16, 16)
    assert batch.pan.shape == (5, 1, 16, 16)
    assert batch.ms.shape == (5, 4, 4, 4)


def test_flips_and_turns_keep_a_patch_together() -> None:
    source = sampler(batch=1, gain_jitter=0.0, band_jitter=0.0)
    seen = set()
    for step in range(40):
        batch = source.draw(step)
        gt, pan, lms, ms = (image[0] for image in (batch.gt, batch.pan, batch.lms, batch.ms))
        matches = [
            (number, turns, flip)
            for number, scene in enumerate(source.scenes)
            for turns in range(4)
            for flip in (False, True)
            if contains(scene.gt, undone(gt, turns, flip=flip))
        ]
        assert len(matches) == 1
        number, turns, flip = matches[0]
        seen.add((turns, flip))
        scene = source.scenes[number]
        assert contains(scene.pan, undone(pan, turns, flip=flip))
        assert contains(scene.lms, undone(lms, turns, flip=flip))
        row, col = place(scene.gt, undone(gt, turns, flip=flip))
        assert torch.allclose(
            scene.ms[:, row // 4 : row // 4 + 4, col // 4 : col // 4 + 4],
            undone(ms, turns, flip=flip),
            atol=ROUNDING,
        )
        assert row % 4 == col % 4 == 0
    assert len(seen) == 8


def undone(image: torch.Tensor, turns: int, *, flip: bool) -> torch.Tensor:
    return (image.flip(2) if flip else image).rot90(-turns, (1, 2))


def place(whole: torch.Tensor, part: torch.Tensor) -> tuple[int, int]:
    """Where `part` lies in `whole`, or (-1, -1)."""
    corners = ((whole[:, :-15, :-15] - part[:, :1, :1]).abs().amax(0) < ROUNDING).nonzero().tolist()
    for row, col in corners:
        if torch.allclose(whole[:, row : row + 16, col : col + 16], part, rtol=0, atol=ROUNDING):
            return row, col
    return -1, -1


def contains(whole: torch.Tensor, part: torch.Tensor) -> bool:
    return place(whole, part)[0] >= 0


def test_gains_keep_a_patch_consistent() -> None:
    batch = sampler(batch=32, gain_jitter=0.5, band_jitter=0.3).draw(3)
    plain = sampler(batch=32, gain_jitter=0.0, band_jitter=0.0).draw(3)
    gains = (batch.gt + 1) / (plain.gt + 1)
    # One gain a band and patch, the same for reference, LMS and MS.
    assert (gains.amax((2, 3)) - gains.amin((2, 3))).max() < 1e-4
    for changed, image in ((batch.lms, plain.lms), (batch.ms, plain.ms)):
        assert torch.allclose(changed + 1, (image + 1) * gains[:, :, :1, :1], atol=1e-4)
    of_pan = ((batch.pan + 1) / (plain.pan + 1))[:, 0, 0, 0]
    common = gains[:, :, 0, 0].log().mean(1)
    assert gains[:, :, 0, 0].std() > 0.05
    # A gain that PAN and MS share, besides their own.
    assert torch.corrcoef(torch.stack([common, of_pan.log()]))[0, 1] > 0.5


def test_patches_hold_valid_pixels_only() -> None:
    scene = wald_scene()
    valid = scene.valid.clone()
    valid[:, 32:] = False
    gt = torch.where(valid, scene.gt, 99.0)
    holed = dataclasses.replace(scene, gt=gt, valid=valid)
    source = sampler(holed, gain_jitter=0.0, band_jitter=0.0)
    for step in range(10):
        assert source.draw(step).gt.max() < 90


def test_scenes_without_a_patch_are_left_out_and_refused_where_there_are_no_others() -> None:
    scene = wald_scene("tiny one", 48)
    assert [scene.name for scene in sampler(size=52).scenes] == ["scene"]
    with pytest.raises(InputError, match="room for a patch of 68 pixels; the largest has 64 x 64"):
        sampler(size=68)
    with pytest.raises(InputError, match="no training scene"):
        BatchSampler((), TrainingConfig(steps=1))
    holed = dataclasses.replace(scene, valid=torch.zeros_like(scene.valid))
    with pytest.raises(InputError, match="the largest has 48 x 48"):
        sampler(holed)


def test_the_lms_is_the_interpolated_ms() -> None:
    scene = wald_scene()
    assert torch.allclose(scene.lms, upsample_image(scene.ms, 4, 1.5), atol=ROUNDING)


def test_no_sensor_drowns_the_others() -> None:
    large = [dataclasses.replace(wald_scene(f"large {k}"), sensor="one") for k in range(8)]
    small = dataclasses.replace(wald_scene("small"), sensor="two")
    marked = dataclasses.replace(small, gt=small.gt + 50)
    source = sampler(*large, marked, gain_jitter=0.0, band_jitter=0.0, batch=64)
    share = float((source.draw(0).gt.amax((1, 2, 3)) > 25).float().mean())
    # By area it would be 1/9; by the square root of it 1 / (1 + sqrt(8)).
    assert 0.15 < share < 0.4


def test_batches_are_those_of_their_steps() -> None:
    source = sampler()
    batches = list(source.batches(3, 5))
    assert len(batches) == 2
    assert torch.equal(batches[0].gt, source.draw(3).gt)
    assert torch.equal(batches[1].ms, source.draw(4).ms)
