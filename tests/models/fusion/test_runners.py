import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from ssdiff_models.consistency.target import target_of
from ssdiff_models.errors import ResourceError
from ssdiff_models.fusion.inputs import InputBatch, InputTile
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.runners import BatchRunner, Runner, ThreadRunner
from ssdiff_models.fusion.stream import model_grid
from ssdiff_models.scene.source import ScatteredMs
from tests.models.tiny import ArraySource, fuser_of, scene_source

# One device's arithmetic in another order of sums: batches of another size, on a CPU, in DN.
BATCH_ROUNDING = 0.01


class CountingFuser:
    """Gives the PAN back, four times; has no memory for more than `room` tiles."""

    layers = 4

    def __init__(self, room: int) -> None:
        self.room = room
        self.batches: list[int] = []

    def fuse(self, batch: InputBatch, stop: Event | None = None) -> Tensor:
        self.batches.append(len(batch.windows))
        if len(batch.windows) > self.room:
            raise torch.OutOfMemoryError("no room")
        return batch.pan.expand(-1, 4, -1, -1) + batch.ms[:, :, :1, :1] * 0

    @property
    def as_fuser(self) -> ModelFuser:
        return cast("ModelFuser", self)


def tiles(source: ArraySource, count: int, *, blank: Sequence[int] = ()) -> Iterator[InputTile]:
    """The first tiles of a scene, the last of each row narrower; some of them without a valid pixel."""
    grid = model_grid(source, fuser_of(source))
    places = list(grid.blocks(source.area))[:count]
    for number, place in enumerate(places):
        window = grid.tile(*place)
        patch = source.read(window)
        patch.valid[:] = number not in blank
        yield InputTile.of(patch, window)


def batches(size: int) -> BatchRunner:
    return BatchRunner(device=torch.device("cpu"), batch=size)


RUNNERS = [ThreadRunner(workers=1), ThreadRunner(workers=3), batches(1), batches(4)]


@pytest.mark.parametrize("runner", RUNNERS, ids=str)
def test_every_tile_comes_back_once_in_order_with_its_pixels(runner: Runner) -> None:
    source = scene_source(64, 64)
    expected = list(tiles(source, 9))
    done = list(runner.run(CountingFuser(room=99).as_fuser, iter(expected)))
    assert [tile for tile, _ in done] == expected
    for tile, pixels in done:
        assert np.array_equal(pixels, tile.pan.expand(4, -1, -1).numpy())


@pytest.mark.parametrize("runner", RUNNERS, ids=str)
def test_blank_tiles_never_reach_the_network(runner: Runner) -> None:
    fuser, source = CountingFuser(room=99), scene_source(64, 64)
    done = list(runner.run(fuser.as_fuser, tiles(source, 9, blank=(0, 3, 4, 8))))
    assert sum(fuser.batches) == 5
    for number, (tile, pixels) in enumerate(done):
        assert pixels.shape == (4, *tile.window.shape)
        assert pixels.any() == (number not in (0, 3, 4, 8))


def test_batches_hold_tiles_of_one_shape() -> None:
    fuser = CountingFuser(room=99)
    list(batches(2).run(fuser.as_fuser, tiles(scene_source(64, 64), 9)))
    # Rows of two tiles of 32 columns and one of 16.
    assert fuser.batches == [2, 1, 2, 1, 2, 1]


def test_batches_are_halved_until_they_fit() -> None:
    fuser, runner, source = CountingFuser(room=2), batches(6), scene_source(24, 24 * 7)
    expected = list(tiles(source, 6))
    done = list(runner.run(fuser.as_fuser, iter(expected)))
    assert [tile for tile, _ in done] == expected
    assert runner.batch <= 2
    assert fuser.batches[:2] == [6, 3]
    # Later batches start at what fitted.
    fuser.batches.clear()
    list(runner.run(fuser.as_fuser, iter(expected)))
    assert max(fuser.batches) <= 2


def test_a_tile_that_does_not_fit_alone_is_told() -> None:
    with pytest.raises(ResourceError, match=r"one tile of 32 x 32 pixels.*--tile"):
        list(batches(4).run(CountingFuser(room=0).as_fuser, tiles(scene_source(64, 64), 4)))


class CrowdedFuser(CountingFuser):
    """Has no memory for more than `room` tiles at a time, be it in one batch or on several threads; the allocator says so itself."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.busy = 0
        self.lock = threading.Lock()

    def fuse(self, batch: InputBatch, stop: Event | None = None) -> Tensor:
        with self.lock:
            self.busy += len(batch.windows)
            self.batches.append(self.busy)
            crowded = self.busy > self.room
        try:
            time.sleep(0.05)
            if crowded:
                torch.empty(1 << 50)
            return batch.pan.expand(-1, 4, -1, -1) + batch.ms[:, :, :1, :1] * 0
        finally:
            with self.lock:
                self.busy -= len(batch.windows)


@pytest.mark.parametrize("kind", [ThreadRunner, BatchRunner])
@pytest.mark.parametrize("room", [1, 2])
def test_a_full_memory_means_fewer_tiles_at_a_time(
    kind: type[Runner], room: int, caplog: pytest.LogCaptureFixture
) -> None:
    runner: Runner = ThreadRunner(workers=4) if kind is ThreadRunner else batches(4)
    fuser = CrowdedFuser(room=room)
    expected = list(tiles(scene_source(24, 24 * 13), 12))
    done = list(runner.run(fuser.as_fuser, iter(expected)))
    assert [tile for tile, _ in done] == expected
    for tile, pixels in done:
        assert np.array_equal(pixels, tile.pan.expand(4, -1, -1).numpy())
    assert max(fuser.batches) > room
    assert max(fuser.batches[-6:]) <= room
    assert "too little memory for 4 tiles at a time: 2 from now on" in caplog.text


@pytest.mark.parametrize("runner", [ThreadRunner(workers=4), batches(4)], ids=str)
def test_a_memory_too_small_for_one_tile_is_told(runner: Runner) -> None:
    with pytest.raises(
        ResourceError, match=r"cpu: no memory for one tile of 32 x 32 pixels.*--tile"
    ):
        list(runner.run(CrowdedFuser(room=0).as_fuser, tiles(scene_source(64, 64), 4)))


@pytest.mark.parametrize("runner", [ThreadRunner(workers=2), batches(2)], ids=str)
def test_other_errors_of_the_network_are_not_taken_for_a_full_memory(runner: Runner) -> None:
    class Broken(CountingFuser):
        def fuse(self, *arguments: object, **options: object) -> Tensor:
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        list(runner.run(Broken(room=9).as_fuser, tiles(scene_source(64, 64), 4)))


def fuse_all(runner: Runner) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    source = scene_source(64, 80)
    return [pixels for _, pixels in runner.run(fuser_of(source, steps=2), tiles(source, 12))]


def test_the_number_of_threads_changes_no_byte() -> None:
    one = fuse_all(ThreadRunner(workers=1))
    for workers in (2, 3):
        assert all(
            np.array_equal(a, b)
            for a, b in zip(one, fuse_all(ThreadRunner(workers=workers)), strict=True)
        )


def test_the_threads_of_operators_change_no_byte() -> None:
    one = fuse_all(ThreadRunner(workers=1))
    torch.set_num_threads(2)
    try:
        two = fuse_all(ThreadRunner(workers=1))
    finally:
        torch.set_num_threads(1)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("size", [1, 3])
def test_batches_give_the_pixels_of_single_tiles(size: int) -> None:
    # On a CPU the command runs single tiles; batches there differ by rounding.
    for a, b in zip(fuse_all(ThreadRunner(workers=1)), fuse_all(batches(size)), strict=True):
        assert np.abs(a - b).max() <= BATCH_ROUNDING


def turned(tile: InputTile, degrees: float) -> InputTile:
    """The tile with MS pixels that are turned against its own."""
    y, x = np.mgrid[: tile.window.rows, : tile.window.cols].astype(float)
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    rows, cols = (y * cosine - x * sine) / 4, (y * sine + x * cosine) / 4
    rows, cols = rows - rows.min() + 6, cols - cols.min() + 6
    pixels = np.full((4, int(rows.max()) + 8, int(cols.max()) + 8), 700, np.float32)
    return replace(
        tile, native_ms=target_of(ScatteredMs(pixels=pixels, rows=rows, cols=cols, pitch=4.0))
    )


def test_batches_of_ms_windows_that_differ_in_size_change_no_more_than_others() -> None:
    source = scene_source(64, 80)
    each = [turned(tile, 5.0 * number) for number, tile in enumerate(tiles(source, 12))]
    shapes = {tile.native_ms.pixels.shape for tile in each if tile.native_ms is not None}
    assert len(shapes) > 4
    fuser = fuser_of(source, steps=2, consistency=10)
    alone, batched = (
        [pixels for _, pixels in runner.run(fuser, each)]
        for runner in (ThreadRunner(workers=1), batches(4))
    )
    assert all(np.abs(a - b).max() < BATCH_ROUNDING for a, b in zip(alone, batched, strict=True))
    assert all(abs(float(pixels.mean()) - 700) < 30 for pixels in alone)
