import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ssdiff_models.scene.sampling import LATTICE, PATCH, band_statistics, statistics_windows
from ssdiff_models.scene.windows import Window


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 100))
def test_the_sample_is_bounded_inside_and_without_repeats(rows: int, cols: int, start: int) -> None:
    region = Window(row=start, col=2 * start, rows=rows, cols=cols)
    windows = list(statistics_windows(region))
    assert all(window.intersection(region) == window for window in windows)
    assert sum(window.rows * window.cols for window in windows) <= (LATTICE * PATCH) ** 2
    spans = sorted({(window.row, window.row_stop) for window in windows})
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_a_small_scene_is_sampled_whole() -> None:
    region = Window(row=3, col=4, rows=LATTICE * PATCH, cols=7)
    assert list(statistics_windows(region)) == [region]


def test_description_is_that_of_the_pixels_however_cut() -> None:
    pixels = np.random.default_rng(0).normal(500, 100, (3, 1000)).astype(np.float32)
    whole, cut = (
        band_statistics([pixels]),
        band_statistics([pixels[:, :10], pixels[:, 10:10], pixels[:, 10:]]),
    )
    assert whole == cut
    for band, values in zip(whole, pixels.astype(np.float64), strict=True):
        assert np.allclose((band.mean, band.std), (values.mean(), values.std()), rtol=1e-12)
        assert (band.minimum, band.maximum) == (values.min(), values.max())
