"""Megapixels a second of the bare network, by tile, batch, precision, memory order and mode."""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.nets.network import Network
from ssdiff_models.parallel.memory_budget import is_out_of_memory

__all__ = ["Setting", "arguments", "flops_per_pixel", "settings", "speed"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Step = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One way to run the network."""

    tile: int = 256
    """Step of tiles in PAN pixels; the model's overlap is added."""
    batch: int = 16
    precision: str = "bf16"
    channels_last: bool = True
    mode: str = "eager"
    """``eager``, ``compile`` or ``graph`` (a CUDA graph)."""

    def __str__(self) -> str:
        """Returns the columns of a table."""
        order = "channels-last" if self.channels_last else "contiguous"
        return f"{self.tile:6}{self.batch:7}  {self.precision:6}{order:15}{self.mode:9}"


def settings(tiles: list[int], batches: list[int], *, cuda: bool) -> Iterator[Setting]:
    """Yields the middle setting with one thing changed at a time, the most telling first."""
    middle = Setting(tile=tiles[0], batch=batches[len(batches) // 2])
    yield middle
    if cuda:
        yield from (replace(middle, mode=mode) for mode in ("compile", "graph"))
        yield replace(middle, precision="fp16")
    yield replace(middle, precision="fp32")
    yield replace(middle, channels_last=False)
    yield from (replace(middle, batch=batch) for batch in batches if batch != middle.batch)
    yield from (replace(middle, tile=tile, batch=batches[0]) for tile in tiles[1:])
    yield from (replace(middle, tile=tile) for tile in tiles[1:])


def arguments(model: Checkpoint, setting: Setting, device: torch.device) -> dict[str, Tensor]:
    """Returns random arguments of the network."""
    side = setting.tile + model.overlap
    bands = model.band_count
    count = setting.batch
    call = {
        "lms": torch.rand(count, bands, side, side),
        "pan": torch.rand(count, 1, side, side),
        "ms": torch.rand(count, bands, side // model.ratio, side // model.ratio),
        "x_t": torch.randn(count, bands, side, side),
        "t": torch.full((count,), model.schedule.steps - 1),
    }
    return {name: tensor.to(device) for name, tensor in call.items()}


def flops_per_pixel(model: Checkpoint) -> float:
    """Returns the floating-point operations of a pixel of a tile, without those of attention."""
    setting = Setting(tile=model.tile, batch=1)
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        model.network(**arguments(model, setting, torch.device("cpu")))
    return counter.get_total_flops() / (model.tile + model.overlap) ** 2


def speed(
    model: Checkpoint, setting: Setting, device: torch.device, seconds: float
) -> tuple[float, float] | None:
    """Returns megapixels of output a second, overlaps not counted, and gigabytes at the peak.

    None where memory does not suffice.
    """
    try:
        return _speed(model, setting, device, seconds)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    finally:
        torch.compiler.reset()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return None


@torch.inference_mode()
def _speed(
    model: Checkpoint, setting: Setting, device: torch.device, seconds: float
) -> tuple[float, float]:
    call = arguments(model, setting, device)
    step = _step(_network(model, setting, device), call, setting)
    for _ in range(3):
        step()
    _wait(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    count = 0
    while count < 2 or time.perf_counter() - started < seconds:
        step()
        _wait(device)
        count += 1
    spent = time.perf_counter() - started
    peak = torch.cuda.max_memory_reserved(device) / 1e9 if device.type == "cuda" else 0.0
    return count * setting.batch * setting.tile**2 / 1e6 / spent, peak


def _network(model: Checkpoint, setting: Setting, device: torch.device) -> Network:
    order = torch.channels_last if setting.channels_last else torch.contiguous_format
    network = deepcopy(model.network).to(device)
    network.to(memory_format=order)  # type: ignore[call-overload]
    if setting.mode == "compile":
        network.compile()
    return network


def _step(network: Network, call: dict[str, Tensor], setting: Setting) -> Step:
    dtype = DTYPES[setting.precision]
    device = call["lms"].device

    def run() -> object:
        if dtype == torch.float32:
            return network(**call)
        with torch.autocast(device.type, dtype=dtype, cache_enabled=setting.mode != "graph"):
            return network(**call)

    return _graph(run).replay if setting.mode == "graph" else run


def _graph(run: Step) -> torch.cuda.CUDAGraph:
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
