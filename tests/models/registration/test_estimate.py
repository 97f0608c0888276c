import pytest
import torch
from torch import Tensor

from ssdiff_models.registration.estimate import estimate_shift
from ssdiff_models.resampling.degrade import correlate, reduce_ms
from ssdiff_models.resampling.mtf import lowpass_kernel
from ssdiff_models.resampling.upsample import shift_image


def landscape(side: int) -> Tensor:
    """Band-limited noise: everything in it survives a reduction by 4."""
    rough = torch.randn(
        1, side, side, generator=torch.Generator().manual_seed(5), dtype=torch.float64
    )
    return 500 + 400 * correlate(rough, [lowpass_kernel(4)])[0]


def bands_of(pan: Tensor) -> Tensor:
    return torch.stack([0.5 * pan + 20, 0.8 * pan - 10, pan**2 / 1000])


@pytest.mark.parametrize("true", [(0.0, 0.0), (0.6, -1.3), (-2.5, 0.4), (3.0, 3.0)])
def test_the_shift_of_a_reduced_image_is_found(true: tuple[float, float]) -> None:
    pan = landscape(200)
    moved = shift_image(pan, true)
    ms = reduce_ms(bands_of(moved), (0.3, 0.3, 0.3), 4, 1.5)
    shift = estimate_shift(pan, ms, 4, first=(1.5, 1.5))
    assert (shift.rows, shift.cols) == pytest.approx(true, abs=0.05)
    # One band is quadratic, and the two filters are not the same.
    assert shift.correlation > 0.98


def test_the_georeferencing_is_the_starting_point() -> None:
    pan = landscape(160)
    ms = reduce_ms(bands_of(pan), (0.3, 0.3, 0.3), 4, 1.5)
    shift = estimate_shift(pan, ms, 4, first=(0.7, 2.5))
    assert (shift.rows, shift.cols) == pytest.approx((0.8, -1.0), abs=0.05)


def test_images_on_one_grid() -> None:
    pan = landscape(100)
    shift = estimate_shift(pan, bands_of(shift_image(pan, (0.4, -0.2))), 1, first=(0.0, 0.0))
    assert (shift.rows, shift.cols) == pytest.approx((0.4, -0.2), abs=0.02)


def test_invalid_pixels_do_not_count() -> None:
    pan = landscape(200)
    ms = reduce_ms(bands_of(shift_image(pan, (1.0, 0.5))), (0.3, 0.3, 0.3), 4, 1.5)
    valid = torch.ones(50, 50, dtype=torch.bool)
    valid[:20], ms[:, :20] = False, 0
    shift = estimate_shift(pan, ms, 4, first=(1.5, 1.5), valid=valid)
    assert (shift.rows, shift.cols) == pytest.approx((1.0, 0.5), abs=0.05)
