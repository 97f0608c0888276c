"""Resampling by matrix products: the definition, and the same bits for any window."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssdiff_models.resampling.separable import Filter, resample


def kernel(samples: int, length: int, step: int, seed: int) -> Filter:
    return Filter.of(np.random.default_rng(seed).normal(size=(samples, length)), step)


def directly(image: np.ndarray, rows: Filter, cols: Filter) -> np.ndarray:
    for axis, used in ((1, rows), (2, cols)):
        moved = np.moveaxis(image, axis, -1)
        groups = (moved.shape[-1] - used.length) // used.step + 1
        pieces = [
            moved[..., i * used.step : i * used.step + used.length] @ np.array(used.taps).T
            for i in range(groups)
        ]
        image = np.moveaxis(np.concatenate(pieces, -1), -1, axis)
    return image


@settings(max_examples=30)
@given(
    samples=st.integers(1, 5),
    length=st.integers(1, 20),
    step=st.integers(1, 5),
    size=st.tuples(st.integers(20, 70), st.integers(20, 70)),
)
def test_it_is_the_sum_over_the_taps(
    samples: int, length: int, step: int, size: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).normal(size=(2, *size))
    rows, cols = kernel(samples, length, step, 1), kernel(samples, length, step, 2)
    found = resample(torch.from_numpy(image), rows, cols)
    assert found.numpy() == pytest.approx(directly(image, rows, cols), abs=1e-9)


@pytest.mark.parametrize(
    ("samples", "length", "step"), [(4, 14, 1), (4, 19, 1), (1, 18, 4), (1, 43, 4), (1, 17, 1)]
)
def test_a_window_of_single_precision_has_the_bits_of_the_whole(
    samples: int, length: int, step: int
) -> None:
    rng = np.random.default_rng(3)
    image = torch.from_numpy(rng.normal(800, 200, (2, 300, 280)).astype(np.float32))
    used = kernel(samples, length, step, 4)
    whole = resample(image, used, used)
    for _ in range(25):
        first = rng.integers(0, [whole.shape[1] // samples - 1, whole.shape[2] // samples - 1])
        count = [int(rng.integers(1, whole.shape[1 + k] // samples - first[k] + 1)) for k in (0, 1)]
        row, col = (int(start) * step for start in first)
        part = resample(
            image[:, row : row + used.span(count[0]), col : col + used.span(count[1])], used, used
        )
        row, col = (int(start) * samples for start in first)
        assert torch.equal(
            part, whole[:, row : row + count[0] * samples, col : col + count[1] * samples]
        )
