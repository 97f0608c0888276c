"""What one sharpening is asked to do, and what it reports."""

from dataclasses import dataclass, field
from typing import Literal

from ssdiff_cli.device import DeviceOptions
from ssdiff_cli.rasters.reading.pair import PairOptions
from ssdiff_cli.rasters.writing.sink import SinkOptions

__all__ = ["NETWORK", "FusionOptions", "SharpenJob", "SharpenReport"]

NETWORK = "ssdiff"
"""The method that is a network; every other one is classical."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionOptions:
    """How the network is to be run; None stands for the model's own value."""

    steps: int | None = None
    sampler: str | None = None
    seed: int = 0
    samples: int = 1
    tile: int | None = None
    overlap: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpenJob:
    """One output to make."""

    pan: str
    ms: str
    output: str
    pair: PairOptions = field(default_factory=PairOptions)
    sink: SinkOptions = field(default_factory=SinkOptions)
    method: str = NETWORK
    model: str | None = None
    """Name of a shipped model, or a file; None chooses for the scene."""
    sensor: str | None = None
    register: Literal["no", "global", "local"] = "no"
    """Whether the MS is moved to fit the PAN: by one shift, or by one that changes slowly over the scene."""
    statistics: str | None = None
    """JSON file with the scene's statistics, instead of its own."""
    consistency: bool = False
    """Whether the result is made to give the MS back through the MTF."""
    fusion: FusionOptions = field(default_factory=FusionOptions)
    uncertainty: str | None = None
    """File for the standard deviation of the samples, in DN."""
    device: DeviceOptions = field(default_factory=DeviceOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpenReport:
    """What was made, as ``--json`` prints it."""

    output: str
    width: int
    height: int
    count: int
    dtype: str
    crs: str | None
    model: str | None
    method: str
    steps: int | None
    seed: int | None
    shift: tuple[float, float] | None
    """Rows and columns by which the MS was moved, in PAN pixels; None where it was left where it is."""
    consistency: int
    """Rounds of the projection on what gives the MS back; 0: none."""
    seconds: float
    megapixels_per_second: float
    peak_memory_bytes: int
