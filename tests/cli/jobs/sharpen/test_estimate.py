"""What a run will take, from the cost of one block."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import torch

from ssdiff_cli.device import DeviceChoice
from ssdiff_cli.jobs.sharpen.estimate import PROCESS_BYTES, estimate
from ssdiff_cli.jobs.sharpen.method import Cost, SceneMethod
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.reading.pair import ScenePair, open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.fusion.blocks import FusedBlock
from ssdiff_models.scene.windows import TileGrid
from tests.scenes import SceneFactory

COST = Cost(memory=3e9, seconds_per_pixel=1e-3, workers=2)
CPU = DeviceChoice(device=torch.device("cpu"), precision="fp32", batch=1, threads=2, compile=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle(SceneMethod):
    """Fuses nothing, at a known cost."""

    price: Cost

    def blocks(self, rows: range) -> Iterator[FusedBlock]:
        del rows
        yield from ()

    def cost(self) -> Cost:
        return self.price


@pytest.fixture
def pair(scene_factory: SceneFactory) -> Iterator[ScenePair]:
    scene = scene_factory(size=128, margin=0, offset=(0.0, 0.0))
    with (
        raster_env(),
        open_pair(str(scene.pan), str(scene.ms), options=PairOptions()) as opened,
    ):
        yield opened


def idle(pair: ScenePair, price: Cost, *, step: int, overlap: int) -> Idle:
    grid = TileGrid(rows=128, cols=128, step=step, overlap=overlap, multiple=16)
    return Idle(name="idle", pair=pair, device=CPU, grid=grid, price=price)


def test_the_pixels_of_overlaps_count_and_are_shared_by_the_workers(pair: ScenePair) -> None:
    # Two tiles on each axis: the first one reaches 32 pixels into the second.
    needs = estimate(idle(pair, COST, step=64, overlap=32), "uint16")
    assert needs.seconds == pytest.approx((96 + 64) ** 2 * 1e-3 / 2, abs=0.05)


def test_no_more_workers_than_blocks(pair: ScenePair) -> None:
    needs = estimate(idle(pair, COST, step=128, overlap=0), "uint16")
    assert needs.seconds == pytest.approx(128**2 * 1e-3, abs=0.05)


def test_disk_is_the_output_and_memory_holds_what_the_method_takes(pair: ScenePair) -> None:
    method = idle(pair, COST, step=64, overlap=0)
    needs = estimate(method, "float32")
    assert needs.disk_bytes == 128 * 128 * pair.bands * 4
    assert needs.memory_bytes > COST.memory + PROCESS_BYTES
    assert needs.device_memory_bytes is None
    on_device = replace(method, price=replace(COST, device_memory=5e9))
    assert estimate(on_device, "float32").device_memory_bytes == 5_000_000_000


def test_a_method_of_no_settings_has_none_in_its_tags_and_key(pair: ScenePair) -> None:
    method = idle(pair, COST, step=64, overlap=0)
    assert (method.tags(), method.resume_key(), list(method.warnings())) == ({}, {}, [])
    assert method.count == 4
    assert method.summary().model is None
    assert method.report().name is None


def test_a_probe_lies_on_the_ratios_grid(pair: ScenePair) -> None:
    window = idle(pair, COST, step=64, overlap=0).probe_window(48)
    assert (window.row % 48, window.col % 48, window.rows, window.cols) == (0, 0, 48, 48)
    assert window.row_stop <= 128
