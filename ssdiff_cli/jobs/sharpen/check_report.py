"""What ``check`` reports: the fields are the keys of ``--json``, in this order."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ssdiff_cli.jobs.sharpen.estimate import Estimate
from ssdiff_cli.jobs.sharpen.statistics_file import statistics_record
from ssdiff_models.registration.drift import Drift
from ssdiff_models.registration.surface import Surface
from ssdiff_models.scene.statistics import SceneStatistics

__all__ = [
    "CheckReport",
    "MethodReport",
    "NetworkReport",
    "OutputReport",
    "OverlapReport",
    "PlaceReport",
    "RasterReport",
    "ShiftReport",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterReport:
    """One of the two files."""

    path: str
    width: int
    height: int
    bands: tuple[str, ...]
    """Descriptions, or numbers from 1."""
    dtype: str
    crs: str | None
    nodata: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceReport:
    """A window of the PAN."""

    col_off: int
    row_off: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapReport(PlaceReport):
    """Where PAN and MS overlap."""

    share_of_pan: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReport(PlaceReport):
    """What would be written."""

    count: int
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftReport:
    """How far the MS must be moved to fit the PAN, in PAN pixels."""

    rows: float
    cols: float
    spread: float
    correlation: float
    windows: int
    corrected: bool
    """Whether the job moves the MS."""
    drift: Drift | None
    surface: Surface | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodReport:
    """The method that would be used."""

    method: str
    name: str | None
    """The model's; None for a classical method."""
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReport(MethodReport):
    """The model that would be used, and how."""

    bands: tuple[str, ...] | None
    band_groups: tuple[tuple[int, ...], ...]
    """Numbers from 1 of the scene's bands that are fused together."""
    sensors: tuple[str, ...]
    """What the model was trained on."""
    normalisation: str
    full_scale: float | None
    radiometry: Mapping[str, Any] | None
    """Dynamic range of the training scenes."""
    steps: int
    tile: int
    overlap: int
    tiles: int
    consistency: int
    precision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What is known of a pair and of the run that would sharpen it."""

    ok: Literal[True] = True
    pan: RasterReport
    ms: RasterReport
    overlap: OverlapReport
    output: OutputReport
    ratio: int
    measured_ratio: tuple[float, float]
    """Height and width of an MS pixel in PAN pixels."""
    same_crs: bool
    grid_phase: tuple[float, float] | None
    """Rows and columns in PAN pixels by which MS pixels lie off the model's grid; None where the
    grids are not parallel."""
    shift: ShiftReport | None
    no_shift: str | None
    """Why there is no shift."""
    nodata_share: float
    """Share of invalid pixels of the output, from windows spread over its area."""
    statistics: SceneStatistics
    model: MethodReport
    estimate: Estimate
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Returns the report as JSON."""
        return asdict(self) | {"statistics": statistics_record(self.statistics)}
