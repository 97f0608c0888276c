import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssdiff_models.fusion.blending import Blender, needed_tiles, ramp, row_major, weights
from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.windows import TileGrid, Window
from tests.models.scene.test_windows import grids, grids_and_areas

# Two float32 weights and their sum.
ROUNDING = 1e-6


@pytest.mark.parametrize("overlap", [1, 2, 8, 32, 255])
def test_ramp_is_positive_and_one_with_its_mirror(overlap: int) -> None:
    rising = ramp(overlap)
    assert rising.min() > 0
    assert np.abs(rising + rising[::-1] - 1).max() <= ROUNDING
    assert (np.diff(rising) > 0).all()


def summed(grid: TileGrid) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The weights of all tiles at each pixel of the scene."""
    total = np.zeros((grid.rows, grid.cols))
    whole = Window(row=0, col=0, rows=grid.rows, cols=grid.cols)
    for i, j in grid.blocks(whole):
        tile = grid.tile(i, j)
        rows = weights(i, grid.tile_rows, span=tile.rows, step=grid.step, overlap=grid.overlap)
        cols = weights(j, grid.tile_cols, span=tile.cols, step=grid.step, overlap=grid.overlap)
        assert rows.min() > 0
        assert cols.min() > 0
        inside = tile.intersection(whole)
        assert inside is not None
        total[inside.within(whole)] += np.outer(rows, cols)[inside.within(tile)]
    return total


@given(grids())
def test_weights_sum_to_one_everywhere(grid: TileGrid) -> None:
    assert np.abs(summed(grid) - 1).max() <= 2 * ROUNDING


def blend(grid: TileGrid, area: Window, value: float | None = None) -> FloatArray:
    """Blends tiles of noise of their own, or of one value; returns the area's pixels."""
    rows, cols = needed_tiles(grid, area)
    blender = Blender(grid)
    out = np.full((2, grid.rows, grid.cols), np.nan, np.float32)
    whole = Window(row=0, col=0, rows=grid.rows, cols=grid.cols)
    for i, j in row_major(rows, cols):
        if j == cols.start:
            blender.start_row()
        shape = (2, *grid.tile(i, j).shape)
        rng = np.random.default_rng(1000 * i + j)
        tile = (
            rng.normal(size=shape).astype(np.float32)
            if value is None
            else np.full(shape, value, np.float32)
        )
        block, pixels = blender.add(i, j, tile)
        assert block == grid.block(i, j)
        out[(slice(None), *block.within(whole))] = pixels
    return out[(slice(None), *area.within(whole))]


@given(grids(), st.sampled_from([1.0, 1234.5, -3e4]))
def test_constant_tiles_blend_to_the_constant(grid: TileGrid, value: float) -> None:
    whole = Window(row=0, col=0, rows=grid.rows, cols=grid.cols)
    assert np.abs(blend(grid, whole, value) / value - 1).max() <= 2 * ROUNDING


@given(grids_and_areas())
def test_a_part_has_the_bytes_of_the_whole(case: tuple[TileGrid, Window]) -> None:
    grid, area = case
    whole = Window(row=0, col=0, rows=grid.rows, cols=grid.cols)
    assert np.array_equal(blend(grid, area), blend(grid, whole)[(slice(None), *area.within(whole))])


def test_blending_is_the_weighted_mean_of_the_tiles() -> None:
    grid = TileGrid(rows=40, cols=24, step=16, overlap=8, multiple=8)
    whole = Window(row=0, col=0, rows=40, cols=24)
    expected = np.zeros((2, 48, 32))
    for i, j in grid.blocks(whole):
        tile = grid.tile(i, j)
        rows = weights(i, grid.tile_rows, span=tile.rows, step=16, overlap=8)
        cols = weights(j, grid.tile_cols, span=tile.cols, step=16, overlap=8)
        pixels = (
            np.random.default_rng(1000 * i + j).normal(size=(2, *tile.shape)).astype(np.float32)
        )
        expected[:, tile.row : tile.row_stop, tile.col : tile.col_stop] += pixels * np.outer(
            rows, cols
        )
    assert np.abs(blend(grid, whole) - expected[:, :40, :24]).max() <= 4 * ROUNDING


def test_only_the_tiles_an_area_depends_on_are_needed_tiles() -> None:
    grid = TileGrid(rows=100, cols=100, step=16, overlap=8, multiple=8)
    # Rows 32..39 of block row 2 blend with tile row 1; rows from 40 on do not.
    assert needed_tiles(grid, Window(row=39, col=40, rows=1, cols=1)) == (range(1, 3), range(2, 3))
    assert needed_tiles(grid, Window(row=40, col=39, rows=1, cols=1)) == (range(2, 3), range(1, 3))
    assert needed_tiles(grid, Window(row=0, col=0, rows=1, cols=17)) == (range(1), range(2))
