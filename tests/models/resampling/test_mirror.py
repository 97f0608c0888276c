"""Indices beyond an image's borders."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssdiff_models.resampling.mirror import mirrored


@given(st.integers(1, 9), st.integers(0, 40))
def test_mirrored_indices_are_those_of_numpy_and_torch_alike(size: int, pixels: int) -> None:
    index = np.arange(-pixels, size + pixels)
    expected = np.pad(np.arange(size), pixels, mode="symmetric")
    assert np.array_equal(mirrored(index, size), expected)
    assert np.array_equal(mirrored(torch.from_numpy(index), size).numpy(), expected)
