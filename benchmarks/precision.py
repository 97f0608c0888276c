"""Processor time of the shipped networks in bfloat16 over that in float32, on one thread."""

import time
from collections.abc import Callable

import torch

from benchmarks.gpu_network import Setting, arguments
from ssdiff_cli.device import multiplies_bfloat16
from ssdiff_models import zoo
from ssdiff_models.checkpoint import load_checkpoint

__all__ = ["run"]


def _seconds(step: Callable[[], object]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


@torch.inference_mode()
def _ratio(model: str, repeats: int) -> float:
    checkpoint = load_checkpoint(zoo.locate(model))
    network = checkpoint.network.prepared()
    call = arguments(checkpoint, Setting(tile=checkpoint.tile, batch=1), torch.device("cpu"))

    def half() -> object:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return network(**call)

    # In turns, so that what else the machine does falls on both; the first warms up.
    times = [(_seconds(lambda: network(**call)), _seconds(half)) for _ in range(repeats + 1)]
    full, fast = (min(column) for column in zip(*times[1:], strict=True))
    return full / fast


def run(*, repeats: int) -> None:
    """Prints how many times faster bfloat16 is."""
    print(f"bfloat16 over float32, one thread; has instructions: {multiplies_bfloat16()}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for entry in zoo.shipped():
        print(f"  {entry.name:10} {_ratio(entry.name, repeats):.2f} times faster")
    torch.set_num_threads(threads)
