"""Every metric against a naive second implementation from the formulas."""

import itertools

import numpy as np
import pytest
import torch

from ssdiff_models import metrics
from ssdiff_models.metrics.block_index import BlockIndex
from ssdiff_models.resampling import degrade, upsample
from tests.models.metrics import naive

RELATIVE = 1e-10
"""Both are double precision; only the order of sums differs."""


def test_sam_ergas_psnr_are_their_formulas() -> None:
    fused, reference = naive.pair()
    assert metrics.sam(fused, reference) == pytest.approx(naive.sam(fused, reference), rel=RELATIVE)
    assert metrics.ergas(fused, reference, ratio=4) == pytest.approx(
        naive.ergas(fused, reference, 4), rel=RELATIVE
    )
    assert metrics.psnr(fused, reference, peak=2047) == pytest.approx(
        naive.psnr(fused, reference, 2047), rel=RELATIVE
    )
    assert metrics.psnr(fused, reference) == pytest.approx(
        naive.psnr(fused, reference, reference.max()), rel=RELATIVE
    )


@pytest.mark.parametrize("block", [8, 7])
def test_uqi_is_its_formula(block: int) -> None:
    fused, reference = naive.pair(rows=17, cols=15)
    assert metrics.uqi(fused, reference, block=block) == pytest.approx(
        naive.uqi(fused, reference, block), rel=RELATIVE
    )


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5, 8, 13, 16])
def test_q2n_is_the_hypercomplex_product_of_pixels(bands: int) -> None:
    fused, reference = naive.pair(bands=bands, rows=21, cols=16, seed=bands)
    assert metrics.q2n(fused, reference, block=8) == pytest.approx(
        naive.q2n(fused, reference, 8), rel=RELATIVE
    )


def test_q2n_mirrors_any_remainder_and_saturates_at_sixteen_bits() -> None:
    for rows, cols in itertools.product((8, 9, 13, 15), repeat=2):
        fused, reference = naive.pair(bands=2, rows=rows, cols=cols)
        fused = (fused - 500) * 300
        assert metrics.q2n(fused, reference, block=8) == pytest.approx(
            naive.q2n(fused, reference, 8), rel=RELATIVE
        )


def test_q2n_follows_the_reference_in_black_and_constant_bands() -> None:
    fused, reference = naive.pair(bands=3, rows=16, cols=16)
    reference[1] = 0
    assert metrics.q2n(fused, reference, block=8) == pytest.approx(
        naive.q2n(fused, reference, 8), rel=RELATIVE
    )
    reference[1] = 77
    # Noise over a constant band counts as infinitely wrong there: eps stands for its deviation.
    assert metrics.q2n(fused, reference, block=8) < 1e-9


def test_scc_is_its_formula() -> None:
    fused, reference = naive.pair(rows=12, cols=9)
    assert metrics.scc(fused, reference) == pytest.approx(naive.scc(fused, reference), rel=RELATIVE)


def test_ssim_is_its_formula() -> None:
    fused, reference = naive.pair(bands=2, rows=16, cols=14)
    assert metrics.ssim(fused, reference, peak=2047) == pytest.approx(
        naive.ssim(fused, reference, 2047), rel=RELATIVE
    )
    peak = float(reference.max())
    assert metrics.ssim(fused, reference) == pytest.approx(
        naive.ssim(fused, reference, peak), rel=RELATIVE
    )


def test_spectral_distortions_are_their_formulas() -> None:
    fused, lms = naive.pair(bands=3, rows=64, cols=48)
    pairs = [
        abs(naive.block_uqi(fused[i], fused[j], 16) - naive.block_uqi(lms[i], lms[j], 16))
        for i, j in itertools.permutations(range(3), 2)
    ]
    assert metrics.d_lambda(fused, lms, block=16) == pytest.approx(
        sum(pairs) / len(pairs), rel=1e-8
    )
    filtered = degrade.mtf_filter(torch.from_numpy(fused), (0.3,) * 3, 4).numpy()
    khan = metrics.d_lambda_khan(fused, lms, sensor="generic", ratio=4, block=16)
    assert khan == pytest.approx(1 - naive.q2n(filtered, lms, 16), rel=1e-8)


def test_spatial_distortion_is_its_formula() -> None:
    fused, lms = naive.pair(bands=2, rows=64, cols=48)
    pan = fused.mean(axis=0)
    small = degrade.imresize_bicubic(torch.from_numpy(pan), 4)[None]
    low = upsample.interp23(small, 4)[0].numpy()
    want = np.mean(
        [
            abs(naive.block_uqi(f, pan, 16) - naive.block_uqi(m, low, 16))
            for f, m in zip(fused, lms, strict=True)
        ]
    )
    d_s = metrics.d_s(fused, lms, pan, ratio=4, block=16)
    assert d_s == pytest.approx(float(want), rel=1e-8)
    assert metrics.d_s(fused, lms, pan[None], ratio=4, block=16) == d_s
    khan = metrics.d_lambda_khan(fused, lms, sensor="generic", ratio=4, block=16)
    assert metrics.hqnr(fused, lms, pan, sensor="generic", ratio=4, block=16) == pytest.approx(
        (1 - khan) * (1 - d_s)
    )
    spectral = metrics.d_lambda(fused, lms, block=16)
    assert metrics.qnr(fused, lms, pan, ratio=4, block=16) == pytest.approx(
        (1 - spectral) * (1 - d_s)
    )


def test_tensors_and_integers_score_like_float64_arrays() -> None:
    fused, reference = (np.rint(image) for image in naive.pair(rows=32, cols=32))
    for name in ("sam", "q2n", "uqi", "scc", "psnr", "ssim"):
        metric = getattr(metrics, name)
        want = metric(fused, reference)
        assert metric(fused.astype(np.uint16), reference.astype(np.int32)) == want
        assert metric(torch.from_numpy(fused).float(), torch.from_numpy(reference)) == want


def test_full_resolution_metrics_do_not_see_the_strips_they_work_in() -> None:
    fused, lms = naive.pair(bands=2, rows=320, cols=32)
    filtered = degrade.mtf_filter(torch.from_numpy(fused), (0.3,) * 2, 4)
    khan = metrics.d_lambda_khan(fused, lms, sensor="generic", ratio=4)
    assert khan == pytest.approx(1 - metrics.q2n(filtered, lms), rel=1e-10)
    index = BlockIndex().update(fused, np.ones((320, 32), dtype=np.bool_)).result()
    assert index[0, 1] == pytest.approx(naive.block_uqi(fused[0], fused[1], 32), rel=1e-10)
