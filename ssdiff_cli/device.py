"""Where the network runs: device, precision, batch size and threads, decided once."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ssdiff_models.errors import ResourceError, UsageError

if TYPE_CHECKING:
    import torch

    from ssdiff_models.fusion.runners import Runner

__all__ = ["DeviceChoice", "DeviceOptions", "choose", "processor_threads"]

PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]
BYTES_PER_PIXEL = 4000
"""Device memory that a pixel of a tile takes in the shipped networks at float32, measured on the CPU and rounded up."""
LARGEST_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """What the user asked for."""

    device: str = "auto"
    precision: PrecisionName = "auto"
    batch: int | None = None
    threads: int | None = None
    compile: bool = False
    """Whether `torch.compile` makes the network faster on CUDA, at the price of a slow start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChoice:
    """What was settled."""

    device: "torch.device"
    precision: "torch.dtype"
    batch: int
    threads: int
    compile: bool

    @property
    def on_cpu(self) -> bool:
        """Whether there is no accelerator."""
        return self.device.type == "cpu"

    def runner(self) -> "Runner":
        """Returns the way to run tiles there."""
        from ssdiff_models.fusion.runners import BatchRunner, ThreadRunner

        if self.on_cpu:
            return ThreadRunner(workers=self.threads)
        return BatchRunner(device=self.device, batch=self.batch)

    def place(self, network: "torch.nn.Module") -> "torch.nn.Module":
        """Returns the network on the device, in the memory order that its convolutions like best."""
        import torch

        network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.compile and self.device.type == "cuda":
            network.compile()
        return network


def processor_threads() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose(options: DeviceOptions, *, tile_pixels: int) -> DeviceChoice:
    """Settles the device.

    Args:
        options: What was asked for.
        tile_pixels: Pixels of one tile, for the automatic batch size.

    Raises:
        UsageError: When the device's name means nothing.
        ResourceError: When the device is not there.
    """
    import torch

    device = _device(options.device)
    precision = _precision(options.precision, device)
    batch = options.batch or _batch(device, precision, tile_pixels)
    if device.type == "cuda":
        # Algorithms by the shapes, not by a race that the next run may decide otherwise; full float32 products where float32 was asked for.
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.allow_tf32 = False
    return DeviceChoice(
        device=device,
        precision=precision,
        batch=batch,
        threads=options.threads or processor_threads(),
        compile=options.compile,
    )


def _device(name: str) -> "torch.device":
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in {"cpu", "cuda", "mps"} or (index and not index.isdecimal()):
        raise UsageError(f"--device {name}: choose auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ResourceError(
            f"--device {name}: no CUDA device is usable (torch {torch.__version__}): choose --device cpu, or install a CUDA torch"
        )
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ResourceError(
            f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, numbered from 0"
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ResourceError(f"--device {name}: Metal is not usable here: choose --device cpu")
    return torch.device(name)


def _precision(name: PrecisionName, device: "torch.device") -> "torch.dtype":
    import torch

    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def _batch(device: "torch.device", precision: "torch.dtype", tile_pixels: int) -> int:
    import torch

    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    bytes_per_pixel = BYTES_PER_PIXEL * precision.itemsize / 4
    return max(1, min(LARGEST_BATCH, int(free * 0.7 / (tile_pixels * bytes_per_pixel))))
