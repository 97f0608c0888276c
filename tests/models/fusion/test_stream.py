import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.fusion.blocks import FusedBlock, fuse_blocks
from ssdiff_models.fusion.runners import BatchRunner, ThreadRunner
from ssdiff_models.fusion.stream import fuse_tiles, model_grid
from ssdiff_models.nets.registry import BASELINES
from ssdiff_models.scene.source import FloatArray, Patch
from ssdiff_models.scene.windows import Window
from tests.models.tiny import PartSource, fuser_of, model, randomised, scene_source

# Sums over a whole image and over a tile are taken in another order: float32 rounding, in DN of some 500.
ROUNDING = 0.01
ONE = ThreadRunner(workers=1)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def assembled(blocks: Iterable[FusedBlock], bands: int, area: Window) -> FloatArray:
    """The pixels of an area; NaN where no block came, and no block comes twice."""
    out = np.full((bands, *area.shape), np.nan, np.float32)
    for block in blocks:
        place = (slice(None), *block.window.within(area))
        assert np.isnan(out[place]).all()
        out[place] = block.fused
    return out


SOURCE = scene_source(72, 88)
WHOLE = assembled(fuse_tiles(SOURCE, fuser_of(SOURCE), ONE), 4, SOURCE.area)


def test_every_pixel_comes_once() -> None:
    assert np.isfinite(WHOLE).all()


def test_a_whole_image_run_equals_the_tiled_run_in_the_cores() -> None:
    source = scene_source(264, 264)
    fuser = fuser_of(source, tile=128, overlap=8)
    radius = fuser.checkpoint.network.receptive_radius
    assert radius is not None
    tiled = assembled(fuse_tiles(source, fuser, ONE), 4, source.area)
    whole = assembled(
        fuse_tiles(source, fuser_of(source, tile=264, overlap=0), ONE), 4, source.area
    )
    # Tile (0, 0) covers rows 0..135, of which its lower neighbour blends into the last 8; tile (1, 1) starts at 128.
    core, inner = slice(0, 136 - radius), slice(128 + radius, 256)
    for rows, cols in ((core, core), (core, inner), (inner, inner)):
        assert np.abs(tiled[:, rows, cols] - whole[:, rows, cols]).max() <= ROUNDING
    assert np.abs(tiled - whole).max() > ROUNDING


@pytest.mark.parametrize("name", ["pnn", "pannet", "msdcnn", "dicnn", "fusionnet"])
def test_the_overlap_of_a_local_baseline_leaves_the_rest_of_a_tile_exact(name: str) -> None:
    source = scene_source(160, 176)
    kind = BASELINES[name]
    torch.manual_seed(0)
    net = randomised(kind.build(kind.config(bands=4))).eval()
    _, overlap = net.tiling(32)
    tiled, whole = (
        assembled(
            fuse_tiles(source, fuser_of(source, model(network=net), **tiles), ONE), 4, source.area
        )
        for tiles in ({"tile": 64, "overlap": overlap}, {"tile": 176, "overlap": 0})
    )
    for first in (0, 64):
        own = slice(first + overlap if first else 0, first + 64)
        core = (slice(None), own, own)
        scale = np.abs(whole[core]).max()
        assert np.abs(tiled[core] - whole[core]).max() <= 1e-5 * scale
    assert np.abs(tiled - whole).max() > 0


areas = st.builds(
    lambda row, col, rows, cols: Window(row=row, col=col, rows=min(rows, 72 - row), cols=min(cols, 88 - col)),
    st.integers(0, 71), st.integers(0, 87), st.integers(1, 72), st.integers(1, 88),
)  # fmt: skip


@settings(max_examples=15)
@given(areas)
def test_any_area_has_the_bytes_of_the_whole(area: Window) -> None:
    part = PartSource(whole=SOURCE, area=area)
    result = assembled(fuse_tiles(part, fuser_of(SOURCE), ONE), 4, area)
    assert np.array_equal(result, WHOLE[(slice(None), *area.within(SOURCE.area))])


def test_an_area_reads_only_what_it_needs() -> None:
    part = PartSource(whole=SOURCE, area=Window(row=40, col=40, rows=3, cols=3))
    list(fuse_tiles(part, fuser_of(SOURCE), ONE))
    assert part.reads == [model_grid(SOURCE, fuser_of(SOURCE)).tile(1, 1)]


@pytest.mark.parametrize("cut", [1, 2])
def test_rows_of_blocks_made_apart_are_the_whole(cut: int) -> None:
    fuser = fuser_of(SOURCE)
    parts = [list(fuse_tiles(SOURCE, fuser, ONE, rows)) for rows in (range(cut), range(cut, 3))]
    # In any order, and each by itself.
    assert np.array_equal(assembled([*parts[1], *parts[0]], 4, SOURCE.area), WHOLE)


@pytest.mark.parametrize("rows", [range(4), range(-1, 2), range(1, 1), range(0, 3, 2)])
def test_rows_outside_the_area_are_refused(rows: range) -> None:
    with pytest.raises(UsageError, match="block rows"):
        next(fuse_tiles(SOURCE, fuser_of(SOURCE), ONE, rows))


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_threads_changes_no_byte(workers: int) -> None:
    result = assembled(
        fuse_tiles(SOURCE, fuser_of(SOURCE), ThreadRunner(workers=workers)), 4, SOURCE.area
    )
    assert np.array_equal(result, WHOLE)


@pytest.mark.parametrize("size", [1, 3])
def test_the_batch_size_changes_no_rounded_pixel_by_more_than_one(size: int) -> None:
    # A CPU never runs batches in the command; on one, a batch's sums may round otherwise than a tile's.
    runner = BatchRunner(device=torch.device("cpu"), batch=size)
    result = assembled(fuse_tiles(SOURCE, fuser_of(SOURCE), runner), 4, SOURCE.area)
    assert np.abs(np.rint(result) - np.rint(WHOLE)).max() <= 1


def test_validity_is_the_sources_and_blank_tiles_cost_nothing() -> None:
    hole = Window(row=20, col=0, rows=60, cols=88)
    part = PartSource(whole=SOURCE, area=SOURCE.area, invalid=(hole,))
    valid = np.zeros((72, 88), bool)
    for block in fuse_tiles(part, fuser_of(SOURCE), ONE):
        valid[block.window.within(SOURCE.area)] = block.valid
        if block.window.row >= 48:
            # No valid pixel in the tile, which starts at row 48: nothing was computed. Above, only its weight is left.
            assert not block.fused[:, 8:].any()
    assert valid[:20].all()
    assert not valid[20:].any()


def test_spread_comes_with_several_samples_only() -> None:
    alone = next(fuse_tiles(SOURCE, fuser_of(SOURCE), ONE))
    several = next(fuse_tiles(SOURCE, fuser_of(SOURCE, model(residual_scale=20.0), samples=2), ONE))
    assert alone.spread is None
    assert several.spread is not None
    assert several.spread.shape == several.fused.shape
    assert several.spread.max() > 0


@pytest.mark.parametrize(("bands", "ratio"), [(1, 4), (3, 4), (8, 4), (4, 2)])
def test_other_band_counts_and_ratios(bands: int, ratio: int) -> None:
    source = scene_source(32, 40, bands=bands, ratio=ratio)
    fuser = fuser_of(source, model(4, ratio))
    assert np.isfinite(assembled(fuse_tiles(source, fuser, ONE), bands, source.area)).all()


def test_scenes_that_are_no_multiple_of_anything() -> None:
    source = scene_source(60, 44)
    result = assembled(fuse_tiles(source, fuser_of(source), ONE), 4, source.area)
    assert np.isfinite(result).all()


def test_another_ratio_is_refused() -> None:
    source = scene_source(32, 32, ratio=2)
    with pytest.raises(ModelError, match="ratio 4"):
        next(fuse_tiles(source, fuser_of(source, model(4, 4)), ONE))


def test_an_early_stop_leaves_no_thread() -> None:
    blocks = fuse_tiles(SOURCE, fuser_of(SOURCE), ThreadRunner(workers=2))
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]


class BrokenSource(PartSource):
    """A file that ends too soon."""

    __slots__ = ()

    def read(self, window: Window) -> Patch:
        if window.row > 0:
            raise OSError("truncated")
        return self.whole.read(window)


def test_an_error_of_the_source_arrives_and_leaves_no_thread() -> None:
    broken = BrokenSource(whole=SOURCE, area=SOURCE.area)
    with pytest.raises(OSError, match="truncated"):
        list(fuse_tiles(broken, fuser_of(SOURCE), ThreadRunner(workers=2)))


class Smoother:
    """A local method: the mean of the PAN around a pixel, added to the MS under it."""

    halo = 8

    def __call__(self, patch: Patch, window: Window) -> FloatArray:
        rows, cols = window.shape
        reach = range(-self.halo, self.halo + 1, 4)
        pan = np.zeros((rows, cols), np.float32)
        for down in reach:
            for right in reach:
                pan += patch.pan[self.halo + down :, self.halo + right :][:rows, :cols]
        # The MS carries its own halo beyond the patch's.
        margin = 10 + self.halo // 4
        ms = patch.ms[:, margin : margin + rows // 4, margin : margin + cols // 4]
        return ms.repeat(4, 1).repeat(4, 2) + pan[None]


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "ssdiff-reader"]


class BrokenSmoother(Smoother):
    """A method that fails."""

    def __call__(self, patch: Patch, window: Window) -> FloatArray:
        raise OSError("broken")


def test_an_error_of_the_method_stops_reading_at_once() -> None:
    """Its traceback keeps every frame alive; a thread that reads on would do so from files that are closed by then."""

    fuser = replace(fuser_of(SOURCE), settings=replace(fuser_of(SOURCE).settings, steps=2000))
    with pytest.raises(UsageError, match="2000") as network:
        list(fuse_tiles(SOURCE, fuser, ThreadRunner(workers=1)))
    with pytest.raises(OSError, match="broken") as classical:
        list(fuse_blocks(SOURCE, BrokenSmoother(), block=16, workers=1))
    assert not readers()
    assert [type(found.value) for found in (network, classical)] == [UsageError, OSError]


def local(area: Window, *, block: int, workers: int, rows: range | None = None) -> FloatArray:
    part = PartSource(whole=SOURCE, area=area)
    return assembled(
        fuse_blocks(part, Smoother(), block=block, workers=workers, rows=rows), 4, area
    )


@settings(max_examples=25)
@given(areas, st.sampled_from([4, 12, 32, 100]), st.integers(1, 3))
def test_local_methods_give_any_area_in_any_blocks_the_same_bytes(
    area: Window, block: int, workers: int
) -> None:
    whole = local(SOURCE.area, block=1000, workers=1)
    assert np.array_equal(
        local(area, block=block, workers=workers), whole[(slice(None), *area.within(SOURCE.area))]
    )


def test_local_methods_leave_blank_blocks_out() -> None:
    part = PartSource(
        whole=SOURCE, area=SOURCE.area, invalid=(Window(row=0, col=0, rows=32, cols=32),)
    )
    blocks = list(fuse_blocks(part, Smoother(), block=32, workers=1))
    assert not blocks[0].valid.any()
    assert not blocks[0].fused.any()
    assert blocks[1].valid.all()
    assert blocks[1].fused.all()


def test_local_blocks_are_whole_ms_pixels() -> None:
    with pytest.raises(UsageError, match="multiple of 4"):
        local(SOURCE.area, block=30, workers=1)
