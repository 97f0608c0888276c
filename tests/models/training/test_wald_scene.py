import numpy as np
import pytest
import torch
from torch import Tensor

from ssdiff_models.errors import InputError
from ssdiff_models.resampling.degrade import reduce_ms, reduce_pan
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.training.wald_scene import WaldScene, from_reference
from tests.models.training.pieces import DEGRADATION, landscape, wald_scene

GAINS = (0.3,) * 4


def pair_scene(pan: Tensor, ms: Tensor, first: tuple[float, float]) -> WaldScene:
    reduced = reduce_pan(pan, 4, first=first, shape=(ms.shape[1], ms.shape[2]))
    return from_reference("pair", DEGRADATION, pan=reduced, gt=ms)


def correlation(one: Tensor, other: Tensor) -> float:
    inner = slice(6, -6)
    return float(np.corrcoef(one[inner, inner].flatten(), other[inner, inner].flatten())[0, 1])


@pytest.mark.parametrize("first", [(1.5, 1.5), (3.1, 0.2), (-0.8, 2.6)])
def test_a_pair_off_by_parts_of_a_pixel_trains_registered_data(first: tuple[float, float]) -> None:
    pan, image = landscape(256)
    # An MS whose pixel (0, 0) is centred at `first` on the PAN grid.
    moved = torch.stack(
        [shift_image(band, (first[0] - 1.5, first[1] - 1.5)) for band in image.double()]
    )
    ms = reduce_ms(moved, GAINS, 4, 1.5).float()
    scene = pair_scene(pan, ms, first)
    reduced, truth = scene.pan[0], scene.gt.mean(0)
    at = {shift: correlation(shift_image(reduced, shift), truth) for shift in SHIFTS}
    assert max(at, key=lambda shift: at[shift]) == (0.0, 0.0)
    # Ignoring the offset, as a tool that goes by array shape does, is worse where there is one.
    if first != (1.5, 1.5):
        ignored = pair_scene(pan, ms, (1.5, 1.5))
        assert correlation(ignored.pan[0], ignored.gt.mean(0)) < at[0.0, 0.0]


SHIFTS = [(down, right) for down in (-0.25, 0.0, 0.25) for right in (-0.25, 0.0, 0.25)]


def test_a_scene_is_in_units_of_its_means() -> None:
    scene = wald_scene()
    pan, gt = landscape(64)
    assert scene.gt.mean((1, 2)).abs().max() < 1e-5
    assert scene.pan.mean().abs() < 1e-5
    assert torch.allclose(scene.denormalise(scene.gt), gt, rtol=1e-5)
    assert scene.means == pytest.approx([*gt.mean((1, 2)).tolist(), float(pan.mean())])


def test_the_ms_is_the_degraded_reference() -> None:
    scene = wald_scene()
    assert torch.allclose(scene.ms, reduce_ms(scene.gt, GAINS, 4, 1.5), atol=1e-5)
    assert scene.ms.shape == (4, 16, 16)
    # Interpolation is in place: it correlates best with the reference unshifted.
    lms, truth = scene.lms.mean(0), scene.gt.mean(0)
    at = {shift: correlation(shift_image(lms, shift), truth) for shift in SHIFTS}
    assert max(at, key=lambda shift: at[shift]) == (0.0, 0.0)


def test_a_remainder_of_pixels_is_cut_off() -> None:
    pan, gt = landscape(67)
    scene = from_reference("odd", DEGRADATION, pan=pan, gt=gt)
    assert scene.gt.shape[1:] == scene.pan.shape[1:] == scene.lms.shape[1:] == (64, 64)


def holed() -> tuple[Tensor, WaldScene]:
    pan, gt = landscape(64)
    valid = torch.ones(64, 64, dtype=torch.bool)
    valid[:8, :8] = False
    gt[:, :8, :8] = 60_000
    return valid, from_reference("holed", DEGRADATION, pan=pan, gt=gt, valid=valid)


def test_holes_count_neither_for_the_means_nor_their_surroundings_for_training() -> None:
    valid, scene = holed()
    assert max(scene.means) < 2000
    assert scene.gt[:, ~valid].abs().max() == 0
    assert not scene.valid[:24, :24].any()
    assert scene.valid[24:, :].all()
    assert scene.valid[:, 24:].all()


def test_scenes_that_cannot_serve_are_refused() -> None:
    pan, gt = landscape(64)
    invalid = torch.zeros(64, 64, dtype=torch.bool)
    with pytest.raises(InputError, match="blank: no valid pixel"):
        from_reference("blank", DEGRADATION, pan=pan, gt=gt, valid=invalid)
    with pytest.raises(InputError, match="dark: a band's mean is 0"):
        from_reference("dark", DEGRADATION, pan=pan, gt=gt * 0)
