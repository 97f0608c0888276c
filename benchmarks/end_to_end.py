"""The command's speed against its bare network calls, on tensors in memory, with the same number of threads."""

import tempfile
import time
from pathlib import Path

import torch

from benchmarks.scenes import fresh_model, write_model, write_pair
from ssdiff_cli.device import DeviceOptions
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.run import sharpen
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing.sink import SinkOptions
from ssdiff_models.checkpoint import load_checkpoint
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.fusion.stream import model_grid
from ssdiff_models.parallel.threads import ordered_map, single_threaded

__all__ = ["run"]

TARGET, ROUNDS = 0.85, 2
Call = dict[str, torch.Tensor]


def _calls(pan: Path, ms: Path, model: Path) -> tuple[ModelFuser, list[Call]]:
    """Returns the arguments of every network call that the command makes."""
    checkpoint = load_checkpoint(model)
    with (
        raster_env(),
        open_pair(str(pan), str(ms), options=PairOptions(ratio=checkpoint.ratio)) as pair,
    ):
        fuser = ModelFuser.for_scene(checkpoint, pair, FusionSettings.of(checkpoint))
        grid = model_grid(pair, fuser)
        return fuser, [_call(fuser, *grid.tile(i, j).shape) for i, j in grid.blocks(pair.area)]


def _call(fuser: ModelFuser, rows: int, cols: int) -> Call:
    checkpoint, bands = fuser.checkpoint, fuser.checkpoint.band_count
    ratio = checkpoint.ratio
    return {
        "lms": torch.rand(1, bands, rows, cols), "pan": torch.rand(1, 1, rows, cols),
        "ms": torch.rand(1, bands, rows // ratio, cols // ratio), "x_t": torch.randn(1, bands, rows, cols),
        "t": torch.tensor([checkpoint.schedule.steps - 1]),
    }  # fmt: skip


def _bare(fuser: ModelFuser, calls: list[Call], threads: int) -> float:
    @torch.inference_mode()
    def step(call: Call) -> torch.Tensor:
        result: torch.Tensor = fuser.checkpoint.network(**call)
        return result

    started = time.perf_counter()
    for _ in ordered_map(step, calls, workers=threads, initializer=single_threaded):
        pass
    return time.perf_counter() - started


def _command(pan: Path, ms: Path, model: Path, threads: int) -> float:
    job = SharpenJob(
        pan=str(pan),
        ms=str(ms),
        output=str(model.with_name("out.tif")),
        model=str(model),
        sink=SinkOptions(overwrite=True, num_threads=threads),
        device=DeviceOptions(device="cpu", threads=threads),
    )
    return sharpen(job, lambda *_: None).seconds


def run(*, side: int, model: str | None) -> None:
    """Prints the share."""
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pan, ms = write_pair(folder, side)
        path = write_model(folder, load_checkpoint(model) if model else fresh_model())
        fuser, calls = _calls(pan, ms, path)
        bare, command = [], []
        # In turns, so that what else the machine does falls on both.
        for _ in range(ROUNDS):
            bare.append(_bare(fuser, calls, threads))
            command.append(_command(pan, ms, path, threads))
        bare.append(_bare(fuser, calls, threads))
    speed = side**2 / 1e6
    print(f"end to end, {side} x {side} PAN, {len(calls)} tiles, {threads} threads, one step")
    print(f"  bare network calls {min(bare):8.2f} s   {speed / min(bare):7.3f} MP/s")
    print(f"  command            {min(command):8.2f} s   {speed / min(command):7.3f} MP/s")
    print(
        f"  share of the bare speed {min(bare) / min(command):.1%}; target: at least {TARGET:.0%}"
    )
