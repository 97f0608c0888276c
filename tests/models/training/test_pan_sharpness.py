"""A reduced PAN is blurred or sharpened until its detail is what the reference shares with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ssdiff_models.training.pan_sharpness import match_sharpness
from ssdiff_models.training.wald_scene import from_reference
from tests.models.training.pieces import DEGRADATION, landscape

EVERYWHERE = torch.ones(128, 128, dtype=torch.bool)


def blurred(images: Tensor, sigma: float) -> Tensor:
    planes = [gaussian_filter(band, sigma, mode="nearest", truncate=6) for band in images.numpy()]
    return torch.from_numpy(np.stack(planes))


def detail(image: Tensor) -> Tensor:
    return image - blurred(image[None], 1.0)[0]


@pytest.fixture(scope="module")
def truth() -> Tensor:
    """Bands ``(4, 128, 128)`` as crisp as the PAN that is their mean."""
    return landscape(128)[1].double()


@pytest.mark.parametrize("sigma", [0.5, 0.7, 1.0])
def test_the_detail_is_what_the_reference_shares(truth: Tensor, sigma: float) -> None:
    pan = truth.mean(0)
    reference = blurred(truth, sigma)
    own, wanted = detail(pan), detail(reference.mean(0))
    shared = float((own * wanted).mean() / own.std())
    matched = match_sharpness(pan, reference, EVERYWHERE)
    assert float(detail(matched).std()) == pytest.approx(shared, rel=0.05)
    assert shared < 0.9 * float(own.std())


def test_a_soft_pan_is_sharpened(truth: Tensor) -> None:
    pan = blurred(truth, 0.6).mean(0)
    own, wanted = detail(pan), detail(truth.mean(0))
    shared = float((own * wanted).mean() / own.std())
    matched = match_sharpness(pan, truth, EVERYWHERE)
    assert float(detail(matched).std()) == pytest.approx(shared, rel=0.05)
    assert shared > 1.1 * float(own.std())


def test_a_reference_that_shares_nothing_changes_nothing(truth: Tensor) -> None:
    pan = truth.mean(0)
    assert torch.equal(match_sharpness(pan, blurred(truth, 4.0) - 0.5 * truth, EVERYWHERE), pan)


def test_only_detail_that_both_share_counts(truth: Tensor) -> None:
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0)).double()
    noisy = blurred(truth, 0.7) + 0.1 * float(detail(truth.mean(0)).std()) * noise
    clean = match_sharpness(truth.mean(0), blurred(truth, 0.7), EVERYWHERE)
    matched = match_sharpness(truth.mean(0), noisy, EVERYWHERE)
    assert float(detail(matched).std()) == pytest.approx(float(detail(clean).std()), rel=0.1)


def test_invalid_pixels_have_no_say(truth: Tensor) -> None:
    reference = blurred(truth, 0.7)
    valid = EVERYWHERE.clone()
    valid[:, 96:] = False
    spoilt = reference.clone()
    spoilt[:, :, 120:] = 0
    matched = match_sharpness(truth.mean(0), spoilt, valid)
    clean = match_sharpness(truth.mean(0), reference, valid)
    inside = (slice(None), slice(0, 96))
    assert float(detail(matched)[inside].std()) == pytest.approx(
        float(detail(clean)[inside].std()), rel=0.05
    )


@pytest.mark.parametrize("nodata", [0.0, float("nan"), -9999.0])
def test_a_hole_does_not_change_what_lies_far_from_it(truth: Tensor, nodata: float) -> None:
    pan = truth.mean(0)
    reference = blurred(truth, 0.7)
    valid = EVERYWHERE.clone()
    valid[48:64, 100:] = False
    degradation = replace(DEGRADATION, match_pan=True)
    whole = from_reference("whole", degradation, pan=pan, gt=reference)
    holed = from_reference(
        "holed",
        degradation,
        pan=torch.where(valid, pan, nodata),
        gt=torch.where(valid, reference, nodata),
        valid=valid,
    )
    plain = from_reference("plain", DEGRADATION, pan=pan, gt=reference)
    spreads = [
        float(detail(scene.pan[0].double())[holed.valid].std()) * scene.means[-1]
        for scene in (whole, holed, plain)
    ]
    assert spreads[1] == pytest.approx(spreads[0], rel=0.05)
    assert spreads[0] < 0.9 * spreads[2]
