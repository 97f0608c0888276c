"""Borders against NumPy's padding."""

import numpy as np
import pytest
import torch

from ssdiff_models.resampling.borders import extended, weighted_rows

NUMPY = {"replicate": "edge", "symmetric": "symmetric", "circular": "wrap"}


@pytest.mark.parametrize("border", NUMPY)
@pytest.mark.parametrize("pixels", [0, 2, 11])
def test_images_are_extended_as_numpy_pads(border: str, pixels: int) -> None:
    image = torch.arange(24.0).view(2, 3, 4)
    padding = ((0, 0), (pixels, pixels), (pixels, pixels))
    expected = np.pad(image.numpy(), padding, mode=NUMPY[border])  # type: ignore[call-overload]
    assert np.array_equal(extended(image, pixels, border).numpy(), expected)


def test_weighted_rows_are_a_correlation_of_the_mirrored_image() -> None:
    image = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    found = weighted_rows(image, weights, start=-2, step=2, count=4)
    padded = np.pad(image.numpy(), ((3, 3), (0, 0)), mode="symmetric")
    for i in range(4):
        first = -2 + 2 * i + 3
        assert found[i].numpy() == pytest.approx(weights.numpy() @ padded[first : first + 3])
