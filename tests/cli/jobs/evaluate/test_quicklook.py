"""Pictures: stretch, place, size, letters."""

import numpy as np
import pytest

from ssdiff_cli.jobs.evaluate.report.quicklook import (
    Stretch,
    busiest,
    colour_bands,
    fit,
    label,
    sheet,
    stretch_of,
)


def test_stretching_maps_black_and_white_and_clips() -> None:
    stretch = Stretch(low=(100, 0, 0), high=(200, 10, 1))
    image = np.array([[[100, 200, 50, 300]], [[0, 10, -1, 5]], [[0, 1, np.nan, 1]]], np.float32)
    picture = stretch.picture(image)
    assert picture[0, 0].tolist() == [0, 255, 0, 255]
    assert picture[1, 0].tolist() == [0, 255, 0, 152]
    assert picture[2, 0].tolist() == [0, 255, 0, 255]


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


def test_the_busiest_place_is_found() -> None:
    picture = np.zeros((3, 60, 80), np.uint8)
    picture[:, 30:42:2, 50:62:2] = 200
    row, col = busiest(picture, 20)
    assert row <= 30
    assert row + 20 >= 41
    assert col <= 50
    assert col + 20 >= 61


def test_a_picture_smaller_than_the_window_begins_at_its_corner() -> None:
    assert busiest(np.random.default_rng(0).integers(0, 255, (3, 10, 12), dtype=np.uint8), 50) == (
        0,
        0,
    )


def test_fitting_repeats_or_averages() -> None:
    small = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    assert np.array_equal(fit(small, 6), small.repeat(3, 1).repeat(3, 2))
    large = np.random.default_rng(0).integers(0, 255, (3, 64, 64), dtype=np.uint8)
    blocks = large.reshape(3, 16, 4, 16, 4).mean((2, 4))
    assert np.abs(fit(large, 16) - blocks).max() <= 1
    odd = fit(np.full((3, 50, 50), 93, np.uint8), 16)
    assert (odd == 93).all()


def test_a_label_changes_its_corner_only() -> None:
    grey = np.full((3, 100, 100), 77, np.uint8)
    labelled = label(grey, "PAN", scale=2)
    corner = labelled[:, : 7 * 2 + 8, : 17 * 2 + 8]
    assert set(np.unique(corner)) == {0, 255}
    assert (labelled[:, 22:] == 77).all()
    assert (labelled[:, :, 42:] == 77).all()
    # The letter P: a full left stem.
    assert (labelled[0, 4:18, 4:6] == 255).all()
    assert (grey == 77).all()


def test_a_sheet_has_white_gaps() -> None:
    tile = np.zeros((3, 10, 10), np.uint8)
    page = sheet([[tile, tile, tile], [tile, tile, tile]])
    assert page.shape == (3, 26, 42)
    assert (page[:, :, 10:16] == 255).all()
    assert (page[:, 10:16] == 255).all()
    assert not page[:, :10, :10].any()
