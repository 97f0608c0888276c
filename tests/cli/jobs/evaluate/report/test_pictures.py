"""Pictures: stretch, colours, places."""

import numpy as np
import pytest

from ssdiff_cli.jobs.evaluate.report.pictures import (
    Stretch,
    brightened,
    busiest_window,
    colour_bands,
    heat,
    round_up,
    signed,
    stretch_of,
)


def test_stretching_maps_black_and_white_and_clips() -> None:
    stretch = Stretch(low=(100, 0, 0), high=(200, 10, 1))
    image = np.array([[[100, 200, 50, 300]], [[0, 10, -1, 5]], [[0, 1, np.nan, 1]]], np.float32)
    picture = stretch.picture(image)
    assert picture[0, 0].tolist() == [0, 255, 0, 255]
    assert picture[1, 0].tolist() == [0, 255, 0, 152]
    assert picture[2, 0].tolist() == [0, 255, 0, 255]


def test_a_dark_place_is_brightened_without_another_hue() -> None:
    stretch = Stretch(low=(100, 50, 0), high=(900, 450, 400))
    dark = np.array([100, 50, 0])[:, None, None] + np.full((3, 20, 20), [[[80]], [[40]], [[20]]])
    darker = dark - 10.0
    own = brightened(stretch, [dark.astype(np.float32), darker.astype(np.float32)])
    assert own.low == stretch.low
    # Red and green are a tenth of white, blue half of that.
    assert own.high == pytest.approx((180, 90, 40))
    assert len(set(own.picture(dark.astype(np.float32))[:, 0, 0].tolist())) == 2


def test_one_band_is_shown_grey() -> None:
    picture = stretch_of(np.arange(100, dtype=np.float32).reshape(1, 10, 10)).picture(
        np.full((1, 4, 4), 50, np.float32)
    )
    assert picture.shape == (3, 4, 4)
    assert (picture == picture[0]).all()


def test_a_constant_image_has_a_picture() -> None:
    image = np.full((3, 5, 5), 7, np.float32)
    assert not stretch_of(image).picture(image).any()


@pytest.mark.parametrize(
    ("names", "count", "bands"),
    [
        (("blue", "green", "red", "nir"), 4, (2, 1, 0)),
        (("Red", "Green", "Blue"), 3, (0, 1, 2)),
        ((None,) * 4, 4, (2, 1, 0)),
        ((None,) * 8, 8, (4, 2, 1)),
        ((None, None), 2, (0,)),
    ],
)
def test_colours_are_found_by_name_or_order(
    names: tuple[str | None, ...], count: int, bands: tuple[int, ...]
) -> None:
    assert colour_bands(names, count) == bands


def test_the_busiest_window_has_the_largest_sum() -> None:
    values = np.zeros((60, 80), np.float32)
    values[30:42:2, 50:62:2] = 200
    rows, cols = busiest_window(values, 20)
    assert (rows.stop - rows.start, cols.stop - cols.start) == (20, 20)
    assert values[rows, cols].sum() == values.sum()


def test_a_small_image_is_its_own_busiest_window() -> None:
    values = np.random.default_rng(0).random((10, 12), np.float32)
    assert busiest_window(values, 50) == (slice(0, 10), slice(0, 12))


def test_signed_images_are_grey_at_zero() -> None:
    ramp = np.linspace(-1, 1, 9, dtype=np.float32).reshape(1, 1, 9)
    levels = signed(np.broadcast_to(ramp, (3, 1, 9)), 1)[0, 0].tolist()
    assert levels == [0, 32, 64, 96, 128, 159, 191, 223, 255]


def test_heat_grows_lighter_up_to_the_largest_error() -> None:
    errors = np.array([[0.0, 5.0, 10.0, 99.0]], np.float32)
    lightness = heat(errors, 10).astype(int).sum(axis=0)[0]
    assert lightness[0] < lightness[1] < lightness[2] == lightness[3]


def test_scales_end_at_round_numbers() -> None:
    ends = [round_up(value) for value in (0, 0.13, 1, 3, 7.1, 20, 52)]
    assert ends == pytest.approx([1, 0.15, 1, 3, 8, 20, 60])
