"""The field's self-tests, bad input, and laws that hold for any images."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssdiff_models import metrics
from ssdiff_models.errors import InputError, UsageError
from tests.models.metrics import naive

BEST = {"sam": 0.0, "ergas": 0.0, "q2n": 1.0, "uqi": 1.0, "scc": 1.0, "psnr": math.inf, "ssim": 1.0}
STREAMED: dict[str, Callable[[], metrics.Accumulator]] = {
    "sam": metrics.SamAccumulator,
    "ergas": lambda: metrics.ErgasAccumulator(ratio=4),
    "q2n": lambda: metrics.Q2nAccumulator(block=8),
    "uqi": lambda: metrics.UqiAccumulator(block=8),
    "scc": metrics.SccAccumulator,
    "psnr": metrics.PsnrAccumulator,
    "ssim": lambda: metrics.SsimAccumulator(peak=2047),
}


def score(name: str, fused: naive.Image, reference: naive.Image, valid: object = None) -> float:
    metric = getattr(metrics, name)
    extra = {
        "ergas": {"ratio": 4},
        "q2n": {"block": 8},
        "uqi": {"block": 8},
        "ssim": {"peak": 2047},
    }.get(name, {})
    return float(metric(fused, reference, valid=valid, **extra))


@pytest.mark.parametrize("name", BEST)
def test_equal_images_score_best(name: str) -> None:
    _, reference = naive.pair()
    assert score(name, reference, reference) == pytest.approx(BEST[name], abs=1e-12)


@pytest.mark.parametrize("name", BEST)
def test_equal_constant_images_score_best(name: str) -> None:
    flat = np.full((4, 24, 20), 333.3)
    assert score(name, flat, flat) == pytest.approx(BEST[name], abs=1e-12)


def test_black_images_have_no_spectrum_and_no_gradient() -> None:
    black = np.zeros((4, 24, 20))
    assert math.isnan(score("sam", black, black))
    assert math.isnan(score("scc", black, black))
    assert [score(name, black, black) for name in ("ergas", "q2n", "uqi", "ssim")] == [0, 1, 1, 1]


def test_constant_images_are_compared_by_their_means() -> None:
    fused, reference = np.full((1, 16, 16), 100.0), np.full((1, 16, 16), 300.0)
    assert score("uqi", fused, reference) == pytest.approx(2 * 100 * 300 / (100**2 + 300**2))
    assert score("sam", fused, reference) == pytest.approx(0, abs=1e-7)
    assert score("ergas", fused, reference) == pytest.approx(25 * 2 / 3)


def test_zero_pixels_are_left_out_of_the_angle() -> None:
    fused, reference = naive.pair()
    whole = metrics.sam(fused[:, 1:], reference[:, 1:])
    fused[:, 0] = 0
    assert metrics.sam(fused, reference) == pytest.approx(whole, rel=1e-12)


def test_full_resolution_of_the_interpolated_ms_has_no_band_to_band_distortion() -> None:
    fused, _ = naive.pair(rows=64, cols=64)
    assert metrics.d_lambda(fused, fused) == 0
    assert math.isnan(metrics.d_lambda(fused[:1], fused[:1]))


@pytest.mark.parametrize("name", BEST)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_non_finite_values_are_refused(name: str, bad: float) -> None:
    fused, reference = naive.pair()
    fused[2, 5, 5] = bad
    with pytest.raises(InputError, match="fused image has non-finite values"):
        score(name, fused, reference)


@pytest.mark.parametrize("name", BEST)
def test_shapes_that_differ_are_refused(name: str) -> None:
    fused, reference = naive.pair()
    for other in (reference[:3], reference[:, 1:], reference[:, :, :-1], reference[0]):
        with pytest.raises(InputError, match="they must have the same grid and bands"):
            score(name, fused, other)
    with pytest.raises(InputError, match=r"needs \(bands, rows, cols\)"):
        score(name, fused[0], reference[0])
    with pytest.raises(InputError, match="mask has shape"):
        score(name, fused, reference, np.ones((3, 3), dtype=np.bool_))
    with pytest.raises(InputError, match="real numbers"):
        score(name, fused.astype(np.complex128), reference)


@pytest.mark.parametrize(("name", "side"), [("q2n", 8), ("uqi", 8), ("ssim", 11), ("scc", 3)])
def test_images_smaller_than_a_block_are_refused(name: str, side: int) -> None:
    for rows, cols in ((side - 1, 20), (20, side - 1)):
        fused, reference = naive.pair(rows=rows, cols=cols)
        with pytest.raises(InputError, match=r"smaller|wide|valid|rows or more"):
            score(name, fused, reference)


def test_bad_settings_are_refused() -> None:
    fused, reference = naive.pair(rows=32, cols=32)
    with pytest.raises(UsageError, match="unknown sensor 'wv9': known are qb"):
        metrics.d_lambda_khan(fused, reference, sensor="wv9", ratio=4)
    with pytest.raises(UsageError, match="ratio"):
        metrics.ergas(fused, reference, ratio=0)
    for name in ("psnr", "ssim"):
        with pytest.raises(UsageError, match="peak"):
            getattr(metrics, name)(fused, reference, peak=0)
    for name in ("q2n", "uqi", "d_lambda"):
        with pytest.raises(UsageError, match=r"blocks|windows"):
            getattr(metrics, name)(fused, reference, block=1)
    with pytest.raises(InputError, match="PAN has shape"):
        metrics.d_s(fused, reference, reference[:2], ratio=4)
    with pytest.raises(InputError, match="multiples of the ratio"):
        metrics.d_s(fused[:, 1:], reference[:, 1:], reference[0, 1:], ratio=4, block=8)
    with pytest.raises(InputError, match="no block of 64"):
        metrics.d_s(fused, reference, reference[0], ratio=4, block=64)


@pytest.mark.parametrize("name", BEST)
def test_masked_pixels_do_not_matter(name: str) -> None:
    fused, reference = naive.pair(rows=40, cols=40)
    valid = np.ones((40, 40), dtype=np.bool_)
    valid[3:9, 30:] = False
    want = score(name, fused, reference, valid)
    assert want != score(name, fused, reference)
    fused[:, ~valid], reference[:, ~valid] = math.nan, -1e9
    assert score(name, fused, reference, valid) == want


def test_a_mask_cuts_windows_like_a_smaller_image() -> None:
    fused, reference = naive.pair(rows=40, cols=40)
    valid = np.ones((40, 40), dtype=np.bool_)
    valid[24:] = False
    for name in ("sam", "ergas", "q2n", "uqi", "ssim"):
        assert score(name, fused, reference, valid) == pytest.approx(
            score(name, fused[:, :24], reference[:, :24]), rel=1e-12
        )


@pytest.mark.parametrize("name", ["q2n", "uqi", "ssim"])
def test_no_valid_block_is_refused(name: str) -> None:
    fused, reference = naive.pair(rows=40, cols=40)
    with pytest.raises(InputError, match="valid"):
        score(name, fused, reference, np.zeros((40, 40), dtype=np.bool_))


@settings(max_examples=25)
@given(
    cuts=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    cols=st.integers(12, 21),
    seed=st.integers(0, 9),
)
def test_strips_of_any_height_give_the_same(cuts: list[int], cols: int, seed: int) -> None:
    rows = sum(cuts) + 12
    fused, reference = naive.pair(bands=3, rows=rows, cols=cols, seed=seed)
    valid = np.random.default_rng(seed).random((rows, cols)) > 0.001
    starts = np.cumsum([0, 12, *cuts])
    for name, make in STREAMED.items():
        metric = make()
        for start, stop in itertools.pairwise(starts):
            metric.update(fused[:, start:stop], reference[:, start:stop], valid[start:stop])
        try:
            want = score(name, fused, reference, valid)
        except InputError as error:
            with pytest.raises(InputError, match=str(error)[:20]):
                metric.result()
            continue
        assert metric.result() == pytest.approx(want, rel=1e-9)
        assert metric.result() == metric.result()


@settings(max_examples=25)
@given(seed=st.integers(0, 99), bands=st.integers(1, 9))
def test_scores_stay_in_their_ranges_and_order(seed: int, bands: int) -> None:
    fused, reference = naive.pair(bands=bands, rows=24, cols=24, seed=seed)
    nearer = (fused + reference) / 2
    for name, best in BEST.items():
        distance = [
            abs(min(best, 1e3) - score(name, image, reference)) for image in (nearer, fused)
        ]
        assert distance[0] <= distance[1] + 1e-9
    assert 0 <= score("q2n", fused, reference) <= 1
    assert -1 <= score("uqi", fused, reference) <= 1
    assert 0 <= score("sam", fused, reference) <= 180


@settings(max_examples=25)
@given(gain=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_the_angle_ignores_brightness_and_ergas_ignores_units(gain: float, seed: int) -> None:
    fused, reference = naive.pair(seed=seed)
    assert metrics.sam(gain * fused, reference) == pytest.approx(
        metrics.sam(fused, reference), rel=1e-9
    )
    want = metrics.ergas(fused, reference, ratio=4)
    assert metrics.ergas(gain * fused, gain * reference, ratio=4) == pytest.approx(want, rel=1e-9)


def test_strips_of_one_image_have_one_width() -> None:
    fused, reference = naive.pair()
    metric = metrics.Q2nAccumulator().update(fused, reference)
    with pytest.raises(InputError, match="strips of one image differ"):
        metric.update(fused[:, :, :9], reference[:, :, :9])
