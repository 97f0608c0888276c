import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.windows import TileGrid, Window, sample_windows

windows = st.builds(
    Window,
    row=st.integers(-50, 50),
    col=st.integers(-50, 50),
    rows=st.integers(1, 60),
    cols=st.integers(1, 60),
)


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    multiple = draw(st.sampled_from([1, 2, 4, 8]))
    step = multiple * draw(st.integers(1, 6))
    overlap = multiple * draw(st.integers(0, step // multiple))
    rows, cols = draw(st.integers(1, 5 * step)), draw(st.integers(1, 5 * step))
    return TileGrid(rows=rows, cols=cols, step=step, overlap=overlap, multiple=multiple)


@st.composite
def grids_and_areas(draw: st.DrawFn) -> tuple[TileGrid, Window]:
    grid = draw(grids())
    row, col = draw(st.integers(0, grid.rows - 1)), draw(st.integers(0, grid.cols - 1))
    rows, cols = draw(st.integers(1, grid.rows - row)), draw(st.integers(1, grid.cols - col))
    return grid, Window(row=row, col=col, rows=rows, cols=cols)


@given(grids())
def test_blocks_partition_the_scene(grid: TileGrid) -> None:
    counts = np.zeros((grid.rows, grid.cols), int)
    whole = Window(row=0, col=0, rows=grid.rows, cols=grid.cols)
    for i, j in grid.blocks(whole):
        counts[grid.block(i, j).within(whole)] += 1
    assert (counts == 1).all()


@given(grids_and_areas())
def test_an_area_gets_exactly_the_blocks_it_touches(case: tuple[TileGrid, Window]) -> None:
    grid, area = case
    whole = Window(row=0, col=0, rows=grid.rows, cols=grid.cols)
    touching = [place for place in grid.blocks(whole) if grid.block(*place).intersection(area)]
    assert list(grid.blocks(area)) == touching


@given(grids())
def test_tiles_are_whole_windows_and_hold_their_blocks(grid: TileGrid) -> None:
    whole = Window(row=0, col=0, rows=grid.rows, cols=grid.cols)
    for i, j in grid.blocks(whole):
        tile, block = grid.tile(i, j), grid.block(i, j)
        assert tile.rows % grid.multiple == tile.cols % grid.multiple == 0
        assert tile.row % grid.multiple == tile.col % grid.multiple == 0
        assert tile.intersection(block) == block
        assert tile.row_stop - grid.rows < grid.multiple
        assert tile.col_stop - grid.cols < grid.multiple


@given(windows, windows)
def test_intersection_is_what_both_hold(one: Window, other: Window) -> None:
    def pixels(window: Window) -> set[tuple[int, int]]:
        return {
            (r, c)
            for r in range(window.row, window.row_stop)
            for c in range(window.col, window.col_stop)
        }

    common = one.intersection(other)
    assert common == other.intersection(one)
    assert (pixels(common) if common else set()) == pixels(one) & pixels(other)


@given(windows, st.integers(0, 20))
def test_within_finds_a_window_in_the_array_of_a_larger_one(window: Window, margin: int) -> None:
    outer = window.expand(margin)
    assert outer.shape == (window.rows + 2 * margin, window.cols + 2 * margin)
    rows = np.arange(outer.row, outer.row_stop)[window.within(outer)[0]]
    assert (rows[0], rows[-1]) == (window.row, window.row_stop - 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 12}, "12"),
        ({"step": 0}, "--tile"),
        ({"overlap": 4}, "4"),
        ({"overlap": 24}, "--overlap"),
        ({"overlap": -8}, "-8"),
        ({"rows": 0}, "0 x 20"),
    ],
)
def test_impossible_lattices_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TileGrid(**({"rows": 20, "cols": 20, "step": 16, "overlap": 8, "multiple": 8} | change))


def test_empty_windows_are_refused() -> None:
    with pytest.raises(UsageError, match="0 x 3"):
        Window(row=0, col=0, rows=0, cols=3)


@given(windows, st.integers(1, 9))
def test_grown_and_shrunk_windows_are_the_nearest_ones_on_multiples(
    window: Window, multiple: int
) -> None:
    grown, shrunk = window.grown_to(multiple), window.shrunk_to(multiple)
    assert grown.intersection(window) == window
    assert grown.rows < window.rows + 2 * multiple
    assert grown.grown_to(multiple) == grown == grown.shrunk_to(multiple)
    if shrunk is None:
        assert min(window.shape) < 2 * multiple
    else:
        assert shrunk.intersection(window) == shrunk
        assert shrunk.rows > window.rows - 2 * multiple
        assert shrunk.grown_to(multiple) == shrunk


@given(windows, st.integers(2, 6))
def test_a_coarser_window_holds_each_pixel_that_is_touched(window: Window, ratio: int) -> None:
    coarse = window.coarser(ratio)
    touched = {row // ratio for row in range(window.row, window.row_stop)}
    assert touched == set(range(coarse.row, coarse.row_stop))


@given(
    st.integers(1, 3000), st.integers(1, 3000), st.integers(0, 50), st.sampled_from([1, 2, 3, 4])
)
def test_sampled_windows_lie_on_multiples_in_their_region(
    rows: int, cols: int, start: int, multiple: int
) -> None:
    region = Window(row=start * multiple, col=0, rows=rows, cols=cols)
    around = region.grown_to(multiple)
    sampled = list(sample_windows(region, count=8, side=64, multiple=multiple))
    for window in sampled:
        assert window.intersection(around) == window
        assert window.grown_to(multiple) == window
    if max(rows, cols) <= 8 * 64:
        assert sampled == [around]
    elif min(rows, cols) > 8 * 64:
        assert len(sampled) == 64
