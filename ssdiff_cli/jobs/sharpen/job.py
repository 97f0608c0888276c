"""What one sharpening is asked to do, and its reports."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ssdiff_cli.device import DeviceOptions
from ssdiff_cli.rasters.reading.band_files import band_file
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing.shards import own_path
from ssdiff_cli.rasters.writing.sink import SinkOptions

__all__ = ["NETWORK", "FusionOptions", "SharpenJob", "SharpenPlan", "SharpenReport"]

NETWORK = "ssdiff"
"""The method that is a network; every other one is classical."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionOptions:
    """How the network is run; None stands for the model's own value."""

    steps: int | None = None
    sampler: str | None = None
    seed: int = 0
    samples: int = 1
    tile: int | None = None
    overlap: int | None = None
    sharpness: float = 1.0


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
    """Name of a shipped model, or a file; None chooses one for the scene."""
    sensor: str | None = None
    """The instrument whose MTF counts; None: it is estimated from the pair."""
    register: Literal["no", "global", "local"] = "no"
    """Whether the MS is moved to fit the PAN: by one shift, or by one that changes slowly."""
    statistics: str | None = None
    """JSON file with the scene's statistics, instead of measured ones."""
    consistency: bool = False
    """Whether the result is projected on the images that give the MS back through the MTF."""
    fusion: FusionOptions = field(default_factory=FusionOptions)
    uncertainty: str | None = None
    """File for the standard deviation of the samples, in DN."""
    device: DeviceOptions = field(default_factory=DeviceOptions)
    quicklook: str | None = None
    """PNG of PAN, MS and result that the command draws afterwards."""
    others: tuple[str, ...] = ()
    """Files of other jobs, which no output may replace."""

    @property
    def files(self) -> tuple[str, ...]:
        """Everything that no output may replace, by the names that GDAL gets."""
        pair = (band_file(entry).path for entry in (self.pan, self.ms))
        own = (*pair, self.model, self.statistics)
        named = (name for name in own if name is not None)
        return (*named, *self.pair.files, *self.others)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that are made: the image and its uncertainty, or a shard of each."""
        named = (name for name in (self.output, self.uncertainty) if name is not None)
        return tuple(own_path(name, self.sink.shard) for name in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpenReport:
    """What was made; its fields are the keys of ``--json``."""

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
    """Rows and columns by which the MS was moved, in PAN pixels; None where it was not moved."""
    consistency: int
    """Iterations of the projection; 0: none."""
    seconds: float
    megapixels_per_second: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpenPlan:
    """What a run would do; its fields are what ``--dry-run`` prints."""

    output: str
    width: int
    height: int
    count: int
    dtype: str
    crs: str | None
    col_off: int
    row_off: int
    ratio: int
    measured_ratio: tuple[float, float]
    """Height and width of an MS pixel in PAN pixels."""
    method: str
    model: str | None
    steps: int | None
    tiles: int
    uncompressed_bytes: int

    def record(self) -> dict[str, Any]:
        """Returns the plan as JSON."""
        return asdict(self) | {"measured_ratio": list(self.measured_ratio)}
