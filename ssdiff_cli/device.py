"""Where the network runs: device, precision, batch size and threads."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ssdiff_models.errors import ResourceError, UsageError

if TYPE_CHECKING:
    import torch

    from ssdiff_models.fusion.runners import Runner
    from ssdiff_models.nets.network import Network

__all__ = [
    "BYTES_PER_PIXEL",
    "DTYPES",
    "DeviceChoice",
    "DeviceOptions",
    "Precision",
    "choose",
    "multiplies_bfloat16",
    "processor_threads",
]

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES: dict[Precision, str] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""Names in torch."""

BYTES_PER_PIXEL = 4000
"""Memory of a tile's pixel in the shipped networks at float32, measured and rounded up."""
FREE_SHARE = 0.7
"""Share of the free memory of a device that a batch may take."""
LARGEST_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """The user's choice; None is decided by the machine."""

    device: str = "auto"
    precision: Literal["auto"] | Precision = "auto"
    """Arithmetic of the network; ``auto`` is bfloat16 where the device multiplies it."""
    batch: int | None = None
    threads: int | None = None
    compile: bool = False
    """Whether `torch.compile` makes the network faster on CUDA, with a slow start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChoice:
    """What the network runs on, and how."""

    device: "torch.device"
    precision: Precision
    batch: int
    """Tiles at a time on an accelerator."""
    threads: int
    compile: bool

    @property
    def on_cpu(self) -> bool:
        """Whether there is no accelerator."""
        return self.device.type == "cpu"

    @property
    def dtype(self) -> "torch.dtype":
        """What the network computes in."""
        import torch

        found: torch.dtype = getattr(torch, DTYPES[self.precision])
        return found

    def runner(self) -> "Runner":
        """Returns what runs tiles on the device."""
        from ssdiff_models.fusion.runners import BatchRunner, ThreadRunner

        if self.on_cpu:
            return ThreadRunner(workers=self.threads)
        return BatchRunner(device=self.device, batch=self.batch)

    def place(self, network: "Network") -> "Network":
        """Returns the network on the device; one that is elsewhere is copied."""
        network = network.prepared(self.device)
        if self.compile and self.device.type == "cuda":
            network.compile()
        return network


def processor_threads() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose(options: DeviceOptions, *, tile_pixels: int) -> DeviceChoice:
    """Chooses the device and makes CUDA deterministic.

    Args:
        options: The user's choice.
        tile_pixels: Pixels of one tile, for the automatic batch size.

    Raises:
        UsageError: When the device's name means nothing.
        ResourceError: When the device is not there.
    """
    import torch

    device = _device(options.device)
    precision = _precision(device) if options.precision == "auto" else options.precision
    if device.type == "cuda":
        # The shapes choose the algorithm, not a race that the next run may decide otherwise.
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        # Products of float32 are products of float32.
        torch.backends.cudnn.allow_tf32 = False
    return DeviceChoice(
        device=device,
        precision=precision,
        batch=options.batch or _batch(device, precision, tile_pixels),
        threads=options.threads or processor_threads(),
        compile=options.compile,
    )


def _precision(device: "torch.device") -> Precision:
    """Returns the fast one of which the figures of quality are those of float32."""
    is_fast = device.type == "cuda" or (device.type == "cpu" and multiplies_bfloat16())
    return "bf16" if is_fast else "fp32"


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for it (AVX512-BF16, AMX), and oneDNN uses them."""
    import torch

    has = [
        getattr(torch.cpu, name, None)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    ]
    allowed = torch.ops.mkldnn._is_mkldnn_bf16_supported  # noqa: SLF001 (there is no other)
    return any(probe and probe() for probe in has) and bool(allowed())


def _device(name: str) -> "torch.device":
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in {"cpu", "cuda", "mps"} or (index and not index.isdecimal()):
        raise UsageError(f"--device {name}: choose auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ResourceError(
            f"--device {name}: no CUDA device is usable (torch {torch.__version__}): "
            "choose --device cpu, or install a CUDA torch"
        )
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ResourceError(f"--device {name}: there are {count} CUDA devices, numbered from 0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ResourceError(f"--device {name}: Metal is not usable here: choose --device cpu")
    return torch.device(name)


def _batch(device: "torch.device", precision: Precision, tile_pixels: int) -> int:
    import torch

    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    tile_bytes = tile_pixels * BYTES_PER_PIXEL * (1 if precision == "fp32" else 0.5)
    return max(1, min(LARGEST_BATCH, int(free * FREE_SHARE / tile_bytes)))
