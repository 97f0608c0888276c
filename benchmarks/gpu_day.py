"""Everything there is to measure on a GPU, in a few minutes: ``python -m benchmarks.gpu_day``.

What the tests cannot see: the network's speed by tile, batch, precision and mode, the command's on
whole scenes with its parts, memory, and several processes. `benchmarks/gpu_day.sh` runs the tests
that need a GPU first. On a CPU, with small numbers, it shows that the script works.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.gpu_network import Setting, flops_per_pixel, settings, speed
from benchmarks.gpu_scenes import processes, scene
from ssdiff_cli.device import DeviceOptions, choose
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint


def _network(options: argparse.Namespace, model: Checkpoint, until: float) -> None:
    device = torch.device(options.device)
    flops = flops_per_pixel(model) * ((model.tile + model.overlap) / model.tile) ** 2
    print(
        f"bare network, {flops / 1e6:.3f} MFLOP a pixel of output with overlaps, attention not counted"
    )
    print("  tile  batch  precision, order      mode          MP/s    TFLOP/s   peak GB")
    for setting in settings(options.tiles, options.batches, cuda=device.type == "cuda"):
        if time.monotonic() > until:
            print(f"{setting}  out of time", flush=True)
            continue
        _print_speed(model, setting, device, options.seconds, flops)


def _print_speed(
    model: Checkpoint, setting: Setting, device: torch.device, seconds: float, flops: float
) -> None:
    found = speed(model, setting, device, seconds)
    if found is None:
        print(f"{setting}  out of memory", flush=True)
        return
    rate, peak = found
    print(f"{setting}{rate:11.3g}{rate * flops / 1e6:11.3g}{peak:10.2f}", flush=True)


def _scenes(options: argparse.Namespace, model: Checkpoint, until: float) -> None:
    device = DeviceOptions(device=options.device)
    chosen = choose(device, tile_pixels=(model.tile + model.overlap) ** 2)
    print(f"the command, automatic: {chosen.precision}, batches of {chosen.batch}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rate = 0.0
        # The first, small one warms up libraries and caches.
        for side in [min(options.sides) // 4, *options.sides]:
            if rate and side**2 / 1e6 / rate > until - time.monotonic():
                print(f"  {side} x {side}: out of time")
                continue
            rate = scene(folder, side, device, options.model).megapixels_per_second
        for count in options.processes:
            if min(options.sides) ** 2 / 1e6 / rate < until - time.monotonic():
                processes(folder, min(options.sides), device, options.model, count)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_day", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default="bgrn", help="shipped model, or a file")
    parser.add_argument("--minutes", type=float, default=6.0, help="for all of it")
    parser.add_argument("--seconds", type=float, default=0.5, help="for a row of the network")
    parser.add_argument("--tiles", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--sides", type=int, nargs="+", default=[8192, 16384])
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    options = parser.parse_args()
    started = time.monotonic()
    model = load_checkpoint(zoo.locate(options.model))
    name = torch.cuda.get_device_name() if options.device == "cuda" else options.device
    print(f"{name}, torch {torch.__version__}, model {model.name}")
    end = started + 60 * options.minutes
    _network(options, model, started + 30 * options.minutes)
    _scenes(options, model, end)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
