"""The command on whole scenes: speed, where the time goes, memory, and several processes."""

import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.scenes import write_pair
from ssdiff_cli.device import DeviceOptions, processor_threads
from ssdiff_cli.jobs.sharpen.job import SharpenJob, SharpenReport
from ssdiff_cli.jobs.sharpen.run import sharpen
from ssdiff_cli.rasters.writing.sink import SinkOptions

__all__ = ["processes", "scene"]

STAGES = {
    "reading": "ssdiff_cli.rasters.reading.pair.ScenePair.read",
    "sending": "ssdiff_models.fusion.inputs.InputBatch.sent",
    "launching": "ssdiff_models.fusion.model_fuser.ModelFuser.fuse",
    "waiting for the device": "torch.cuda.Event.synchronize",
    "blending": "ssdiff_models.fusion.blending.Blender.add",
    "rounding": "ssdiff_cli.rasters.writing.sink.round_to_dtype",
    "encoding": "ssdiff_cli.rasters.writing.sink.encode_run",
    "writing": "ssdiff_cli.rasters.writing.tile_file.TileFile._append",
}
"""What is timed; on a CPU the network is part of launching. Stages run side by side."""


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Counts the seconds of each stage while it is open."""
    seconds: defaultdict[str, float] = defaultdict(float)
    lock = threading.Lock()

    def timing(name: str, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                with lock:
                    seconds[name] += time.perf_counter() - started

        return call

    with ExitStack() as stack:
        for name, place in STAGES.items():
            patcher = patch(place)
            original, _ = patcher.get_original()
            patcher.new = timing(name, original)
            stack.enter_context(patcher)
        yield seconds


def _job(folder: Path, side: int, options: DeviceOptions, model: str) -> SharpenJob:
    pan, ms = write_pair(folder, side)
    return SharpenJob(
        pan=str(pan),
        ms=str(ms),
        output=str(folder / f"out{side}.tif"),
        model=model,
        sink=SinkOptions(overwrite=True, num_threads=processor_threads()),
        device=options,
    )


def scene(folder: Path, side: int, options: DeviceOptions, model: str) -> SharpenReport:
    """Prints the speed of the command on a scene of `side` pixels, and its parts."""
    job = _job(folder, side, options, model)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with _timed() as seconds:
        report = sharpen(job)
    print(f"  {side} x {side}: {report.megapixels_per_second:8.3g} MP/s, {report.seconds:.1f} s")
    shares = [f"{name} {spent / report.seconds:.0%}" for name, spent in seconds.items()]
    print(f"    time of each stage over the run's: {', '.join(shares)}")
    host = report.peak_memory_bytes / 1e9
    device = torch.cuda.max_memory_reserved() / 1e9 if torch.cuda.is_available() else 0.0
    print(f"    peak memory: {host:.2f} GB of the host, {device:.2f} GB of the device")
    return report


def processes(folder: Path, side: int, options: DeviceOptions, model: str, count: int) -> None:
    """Prints the speed of `count` processes that share the device, a shard each."""
    job = _job(folder, side, options, model)
    command = [sys.executable, "-m", "ssdiff_cli", "sharpen", job.pan, job.ms, "-o", job.output]
    command += ["--model", model, "--device", options.device, "--overwrite", "-q"]
    started = time.perf_counter()
    running = [
        subprocess.Popen([*command, "--shard", f"{index}/{count}"], stdout=subprocess.DEVNULL)
        for index in range(1, count + 1)
    ]
    failed = [process.args for process in running if process.wait()]
    seconds = time.perf_counter() - started
    state = f"failed: {failed}" if failed else f"{side**2 / 1e6 / seconds:8.3g} MP/s"
    print(f"  {count} processes, start-up included: {state}", flush=True)
