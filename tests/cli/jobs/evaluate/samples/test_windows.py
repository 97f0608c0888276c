"""Where an image is scored: windows, pieces, blocks, borders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssdiff_cli.jobs.evaluate.samples.windows import (
    LARGE,
    PIECE,
    WINDOWS,
    aligned,
    crop_slices,
    has_block,
    pieces,
    random_windows,
    window_count,
)
from ssdiff_models.errors import InputError
from ssdiff_models.scene.windows import Window

sides = st.integers(64, 3000)


@given(
    row=st.integers(0, 50),
    col=st.integers(0, 50),
    rows=sides,
    cols=sides,
    ratio=st.sampled_from([2, 3, 4]),
    asked=st.integers(1, 30),
)
def test_windows_are_disjoint_aligned_and_inside(
    row: int, col: int, rows: int, cols: int, ratio: int, asked: int
) -> None:
    area = aligned(Window(row=row, col=col, rows=rows, cols=cols), ratio, ratio * ratio)
    assert (area.row % ratio, area.col % ratio, area.rows % ratio**2, area.cols % ratio**2) == (
        0,
        0,
        0,
        0,
    )
    windows = list(random_windows(area, ratio * ratio, asked))
    assert windows
    assert len({(w.row, w.col) for w in windows}) == len(windows)
    for window in windows:
        assert window.intersection(area) == window
        assert (window.row % ratio, window.rows % ratio**2, window.shape) == (
            0,
            0,
            windows[0].shape,
        )
        assert (window.row - windows[0].row) % window.rows == 0, "a lattice"
    assert windows == list(random_windows(area, ratio * ratio, asked))


@given(
    ratio=st.integers(2, 6), row=st.integers(0, 9), long=st.integers(1, 5000), down=st.booleans()
)
def test_pieces_cover_a_scene_once(ratio: int, row: int, long: int, down: bool) -> None:
    rows, cols = (long, 40) if down else (40, long)
    area = Window(row=row, col=3, rows=rows, cols=cols)
    seen = np.zeros(area.shape, dtype=np.int64)
    for piece in pieces(area, ratio):
        assert (piece.row - area.row) % (32 * ratio) == 0, "blocks of 32 do not straddle pieces"
        assert (piece.col - area.col) % (32 * ratio) == 0
        assert max(piece.shape) >= min(long, PIECE - 32 * ratio)
        seen[piece.within(area)] += 1
    assert (seen == 1).all()


def test_a_scene_without_one_whole_model_pixel_is_too_small() -> None:
    with pytest.raises(InputError, match="too small"):
        aligned(Window(row=1, col=0, rows=16, cols=64), 4, 16)


def test_large_scenes_are_sampled() -> None:
    small, large = (
        Window(row=0, col=0, rows=8000, cols=8000),
        Window(row=0, col=0, rows=8001, cols=8000),
    )
    assert small.rows * small.cols == LARGE
    assert (window_count(small, None), window_count(large, None), window_count(small, 5)) == (
        None,
        WINDOWS,
        5,
    )


def test_blocks_are_anchored_at_the_first_pixel() -> None:
    valid = np.zeros((70, 70), dtype=np.bool_)
    valid[32:64, 32:64] = True
    assert has_block(valid)
    assert not has_block(valid[1:])
    assert not has_block(valid[:20])


def test_a_border_cut_is_the_toolboxs() -> None:
    assert crop_slices("ms.tif", 256, 256, 21) == (slice(20, 235), slice(20, 235))
    assert crop_slices("ms.tif", 40, 256, 0) == (slice(0, 40), slice(0, 256))
    with pytest.raises(InputError, match="--crop"):
        crop_slices("ms.tif", 72, 256, 21)
