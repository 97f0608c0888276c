"""Megapixels per second on a CUDA device, end to end and of the bare network."""

import tempfile
import time
from pathlib import Path

import torch

from benchmarks.scenes import fresh_model, write_model, write_pair
from ssdiff_cli.device import DeviceOptions, choose, processor_threads
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.run import sharpen
from ssdiff_cli.rasters.writing.sink import SinkOptions
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint

__all__ = ["run"]

BATCHES = 20


def _bare(checkpoint: Checkpoint, options: DeviceOptions) -> tuple[float, int]:
    """Returns megapixels of output per second, overlaps not counted, and the batch size."""
    side, bands, ratio = (
        checkpoint.tile + checkpoint.overlap,
        checkpoint.band_count,
        checkpoint.ratio,
    )
    device = choose(options, tile_pixels=side**2)
    network = device.place(checkpoint.network)
    shapes = {
        "lms": (bands, side),
        "pan": (1, side),
        "ms": (bands, side // ratio),
        "x_t": (bands, side),
    }
    call = {
        name: torch.randn(device.batch, count, size, size, device=device.device)
        for name, (count, size) in shapes.items()
    }
    call["t"] = torch.full((device.batch,), checkpoint.schedule.steps - 1, device=device.device)
    with torch.inference_mode(), torch.autocast("cuda", dtype=device.precision):
        for _ in range(3):
            network(**call)
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(BATCHES):
            network(**call)
        torch.cuda.synchronize()
    return BATCHES * device.batch * checkpoint.tile**2 / 1e6 / (
        time.perf_counter() - started
    ), device.batch


def run(*, side: int, model: str | None) -> None:
    """Prints both speeds, or why there are none."""
    if not torch.cuda.is_available():
        print("CUDA: no device, skipped")
        return
    options = DeviceOptions(device="cuda")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pan, ms = write_pair(folder, side)
        checkpoint = load_checkpoint(model) if model else fresh_model()
        path = write_model(folder, checkpoint)
        bare, batch = _bare(checkpoint, options)
        job = SharpenJob(
            pan=str(pan),
            ms=str(ms),
            output=str(folder / "out.tif"),
            model=str(path),
            sink=SinkOptions(overwrite=True, num_threads=processor_threads()),
            device=options,
        )
        # The first run warms up libraries and caches.
        command = max(sharpen(job, lambda *_: None).megapixels_per_second for _ in range(2))
    print(f"{torch.cuda.get_device_name()}, {side} x {side} PAN, one step, batches of {batch}")
    print(
        f"  bare network {bare:8.1f} MP/s\n  command      {command:8.1f} MP/s, {command / bare:.1%}; goal: 50 MP/s"
    )
