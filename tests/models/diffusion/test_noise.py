import hashlib
import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ssdiff_models.diffusion.noise import _quantiles, gaussian_batch, philox
from ssdiff_models.errors import UsageError
from ssdiff_models.scene.windows import Window

ALL_ONES = 0xFFFFFFFF
# Statistics of independent draws stay within 5 of their own standard errors; the fields are fixed, so there is no flakiness.
STANDARD_ERRORS = 5.0

FIELD = Window(row=-100, col=-60, rows=256, cols=320)


@lru_cache
def whole_field() -> Tensor:
    return gaussian(FIELD, bands=9, seed=7, sample=3)


def gaussian(window: Window, **options: Any) -> Tensor:
    return gaussian_batch([window], **options)[0]


def philox_numbers(counter: tuple[int, ...], key: tuple[int, int]) -> list[int]:
    c0, c1, c2, c3 = (torch.tensor(word) for word in counter)
    return [int(word) for word in philox((c0, c1, c2, c3), key)]


def assert_uncorrelated(a: Tensor, b: Tensor) -> None:
    correlation = float((a.double() * b.double()).mean())
    assert abs(correlation) < STANDARD_ERRORS / math.sqrt(a.numel())


# The known-answer vectors published with Random123 (kat_vectors, philox4x32 10).
@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ((ALL_ONES,) * 4, (ALL_ONES, ALL_ONES), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, int], answer: list[int]
) -> None:
    assert philox_numbers(counter, key) == answer


@given(st.tuples(*[st.integers(0, ALL_ONES)] * 4), st.tuples(*[st.integers(0, ALL_ONES)] * 2))
def test_philox_equals_arithmetic_on_integers_without_bounds(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> None:
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0, product1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (product1 >> 32) ^ c1 ^ k0,
            product1 & ALL_ONES,
            (product0 >> 32) ^ c3 ^ k1,
            product0 & ALL_ONES,
        )
        k0, k1 = (k0 + 0x9E3779B9) & ALL_ONES, (k1 + 0xBB67AE85) & ALL_ONES
    assert philox_numbers(counter, key) == [c0, c1, c2, c3]


def test_inputs_of_philox_stay_as_they_were() -> None:
    c0, c1, c2, c3 = (torch.arange(4) + k for k in range(4))
    philox((c0, c1, c2, c3), (1, 2))
    assert torch.equal(
        torch.stack([c0, c1, c2, c3]), torch.arange(4)[None] + torch.arange(4)[:, None]
    )


def test_the_table_is_the_same_on_every_machine() -> None:
    """No float64 value is so near a float32 tie that another machine's last bits could round it to the other side."""
    classes = (np.arange(2**15) + 2**15 + 0.5) / 2**16
    exact = scipy.stats.norm.ppf(classes)
    exact /= math.sqrt(np.mean(exact**2))
    rounded = exact.astype(np.float32)
    table = _quantiles(torch.device("cpu")).numpy()
    np.testing.assert_array_equal(table, np.concatenate([-rounded[::-1], rounded]))
    below, above = np.nextafter(rounded, np.float32(-9)), np.nextafter(rounded, np.float32(9))
    ties = np.stack(
        [(rounded.astype(np.float64) + below) / 2, (rounded.astype(np.float64) + above) / 2]
    )
    assert float(np.min(np.abs(exact - ties) / exact)) > 100 * np.finfo(np.float64).eps
    assert hashlib.sha256(table.astype("<f4").tobytes()).hexdigest()[:16] == "8babbcaf96568f10"


@given(
    row=st.integers(-100, 140),
    col=st.integers(-60, 240),
    rows=st.integers(1, 16),
    cols=st.integers(1, 20),
    bands=st.integers(1, 9),
)
def test_a_tile_cut_from_anywhere_sees_the_same_field(
    row: int, col: int, rows: int, cols: int, bands: int
) -> None:
    tile = Window(row=row, col=col, rows=rows, cols=cols)
    expected = whole_field()[(slice(0, bands), *tile.within(FIELD))]
    assert torch.equal(gaussian(tile, bands=bands, seed=7, sample=3), expected)


def test_the_field_goes_on_beyond_any_scene() -> None:
    edge = 2**31
    window = Window(row=edge - 2, col=-edge - 2, rows=4, cols=4)
    whole = gaussian(window, bands=1, seed=0)
    corner = gaussian(Window(row=edge, col=-edge, rows=2, cols=2), bands=1, seed=0)
    assert torch.equal(corner, whole[:, 2:, 2:])


def test_a_batch_is_its_windows_one_by_one() -> None:
    windows = [
        Window(row=row, col=col, rows=5, cols=6) for row, col in [(0, 0), (3, -4), (1000, 7)]
    ]
    batch = gaussian_batch(windows, bands=5, seed=11, sample=2)
    assert batch.shape == (3, 5, 5, 6)
    for window, noise in zip(windows, batch, strict=True):
        assert torch.equal(noise, gaussian(window, bands=5, seed=11, sample=2))


def test_it_works_and_is_the_same_under_inference_mode() -> None:
    _quantiles.cache_clear()
    with torch.inference_mode():
        inside = gaussian(FIELD, bands=1, seed=1).clone()
    assert torch.equal(inside, gaussian(FIELD, bands=1, seed=1))
    assert not _quantiles(torch.device("cpu")).is_inference()


def test_moments_are_those_of_a_standard_normal() -> None:
    noise = gaussian(FIELD, bands=8, seed=20).double()
    error = 1 / math.sqrt(noise.numel())
    assert noise.dtype == torch.float64
    assert abs(float(noise.mean())) < STANDARD_ERRORS * error
    assert abs(float(noise.square().mean()) - 1) < STANDARD_ERRORS * math.sqrt(2) * error
    assert abs(float(noise.pow(3).mean())) < STANDARD_ERRORS * math.sqrt(15) * error
    assert abs(float(noise.pow(4).mean()) - 3) < STANDARD_ERRORS * math.sqrt(96) * error


def test_the_distribution_is_normal_out_to_the_tails() -> None:
    noise = gaussian(FIELD, bands=8, seed=21).flatten().numpy()
    assert scipy.stats.kstest(noise, "norm").pvalue > 1e-3
    for sigma in (3.0, 4.0):
        expected = noise.size * 2 * scipy.stats.norm.sf(sigma)
        assert abs(int((np.abs(noise) > sigma).sum()) - expected) < STANDARD_ERRORS * math.sqrt(
            expected
        )
    largest = 2 * float(_quantiles(torch.device("cpu"))[-1]) * math.sqrt(0.5)
    assert 6 < largest < 6.5


@pytest.mark.parametrize(
    "offset", [(0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (0, 64), (64, 0)]
)
def test_neighbours_are_uncorrelated(offset: tuple[int, int]) -> None:
    rows, cols = offset
    here = gaussian(FIELD, bands=4, seed=22)
    there = gaussian(
        Window(row=FIELD.row + rows, col=FIELD.col + cols, rows=FIELD.rows, cols=FIELD.cols),
        bands=4,
        seed=22,
    )
    assert_uncorrelated(here, there)
    # Squares: a dependence that keeps signs fair would show here. Their variance is 2, hence the scale.
    assert_uncorrelated((here.square() - 1) / math.sqrt(2), (there.square() - 1) / math.sqrt(2))


def test_bands_are_independent() -> None:
    noise = gaussian(FIELD, bands=9, seed=23)
    for a in range(9):
        for b in range(a):
            assert_uncorrelated(noise[a], noise[b])


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"seed": 2**32}, {"seed": 2**64 - 1}, {"sample": 1}, {"sample": 2**32 - 1}],
)
def test_seeds_and_samples_are_independent(other: dict[str, int]) -> None:
    first = gaussian(FIELD, bands=4, seed=0)
    second = gaussian(FIELD, bands=4, seed=other.get("seed", 0), sample=other.get("sample", 0))
    assert_uncorrelated(first, second)


@pytest.mark.parametrize(("seed", "sample"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**32)])
def test_keys_that_would_wrap_are_refused(seed: int, sample: int) -> None:
    with pytest.raises(UsageError, match=f"{seed} and {sample}"):
        gaussian(FIELD, bands=1, seed=seed, sample=sample)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_draws_the_same_bits_as_the_cpu() -> None:
    on_cpu = gaussian(FIELD, bands=9, seed=2**40 + 5, sample=1)
    on_cuda = gaussian(FIELD, bands=9, seed=2**40 + 5, sample=1, device="cuda")
    assert on_cuda.device.type == "cuda"
    assert torch.equal(on_cpu, on_cuda.cpu())
