"""A look at a pair before it is sharpened: whether it can be, by which model, and what it takes."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ssdiff_cli.device import choose
from ssdiff_cli.jobs.sharpen.band_names import scene_sensor
from ssdiff_cli.jobs.sharpen.estimate import Estimate, estimate
from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.jobs.sharpen.method import MethodReport
from ssdiff_cli.jobs.sharpen.model_choice import find_model
from ssdiff_cli.jobs.sharpen.refusals import check_arguments, check_needless
from ssdiff_cli.jobs.sharpen.scene import OpenScene, open_scene
from ssdiff_cli.jobs.sharpen.shift import explain_shift
from ssdiff_cli.jobs.sharpen.statistics_file import statistics_record
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.geometry.area_of_interest import parse_crs
from ssdiff_cli.rasters.geometry.grid_map import AxisMap, SeparableMap
from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.classical.registry import find
from ssdiff_models.errors import InputError, ResourceError, SsdiffError
from ssdiff_models.fusion.prior import RatioPrior
from ssdiff_models.registration.drift import Drift
from ssdiff_models.registration.scene_shift import NoShift
from ssdiff_models.registration.surface import Surface
from ssdiff_models.scene.mtf_estimate import MtfEstimate
from ssdiff_models.scene.sensors import AUTO
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window, sample_windows

__all__ = ["CheckReport", "check"]

WINDOWS = 8
"""Windows on each axis whose validity is counted."""
SIDE = 64
"""Their side in PAN pixels."""


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
    """PAN rows and columns between MS pixels and the model's grid; None: not parallel."""
    shift: ShiftReport | None
    no_shift: str | None
    """Why there is no shift."""
    sensor: str
    """The instrument whose MTF counts, or ``auto``."""
    mtf: MtfEstimate
    """Its gains; without errors where an instrument is named."""
    nodata_share: float
    """Share of invalid pixels of the output, from windows spread over its area."""
    statistics: SceneStatistics
    prior: RatioPrior | None
    """What the model starts from, where that is not the LMS; part of the record's statistics."""
    model: MethodReport
    estimate: Estimate
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Returns the report as JSON, with the fields' names as keys."""
        mtf = self.mtf if self.sensor == AUTO else None
        statistics = statistics_record(self.statistics, self.prior, mtf)
        record = asdict(self) | {"statistics": statistics}
        del record["prior"]
        return record


def check(job: SharpenJob) -> CheckReport:
    """Returns what is known of a pair and of the run that would sharpen it.

    Raises:
        UsageError: When the command line cannot be used with any pair.
        InputError: When sharpening would be refused for any other reason, with its message.
    """
    check_arguments(job)
    check_needless(job)
    _check_names(job)
    try:
        with raster_env(), open_scene(job, find_model, needs_mtf=True) as scene:
            return _report(job, scene)
    except SsdiffError as error:
        raise InputError(str(error)) from error


def _check_names(job: SharpenJob) -> None:
    """Refuses names that no pair makes valid, which `sharpen` checks only where it uses them."""
    if job.method != NETWORK:
        find(job.method)
    if job.pair.bbox_crs is not None:
        parse_crs(job.pair.bbox_crs)
    with suppress(ResourceError):  # a device that is not there is a refusal like any other
        choose(job.device, tile_pixels=1)


def _report(job: SharpenJob, scene: OpenScene) -> CheckReport:
    pair = scene.pair
    method = scene.bind(job)
    dtype = job.sink.dtype or str(pair.ms.dtype)
    share = pair.overlap.rows * pair.overlap.cols / (pair.rows * pair.cols)
    return CheckReport(
        pan=_raster(pair.pan),
        ms=_raster(pair.ms),
        overlap=OverlapReport(**_place(pair.overlap), share_of_pan=round(share, 6)),
        output=OutputReport(**_place(pair.area), count=pair.bands, dtype=dtype),
        ratio=pair.ratio,
        measured_ratio=pair.measured_ratio,
        same_crs=pair.files.pan_georeference.crs == pair.files.ms_georeference.crs,
        grid_phase=_grid_phase(pair),
        shift=_shift(scene),
        no_shift=explain_shift(scene.shift) if isinstance(scene.shift, NoShift) else None,
        sensor=job.sensor or AUTO,
        mtf=pair.mtf or _named_mtf(job, pair),
        nodata_share=_invalid_share(pair),
        statistics=method.pair.statistics(),
        prior=method.prior,
        model=method.report(),
        estimate=estimate(method, dtype),
        notes=pair.notes,
    )


def _raster(bands: Bands) -> RasterReport:
    crs = bands.dataset.crs or bands.dataset.gcps[1]
    return RasterReport(
        path=bands.path,
        width=bands.cols,
        height=bands.rows,
        bands=tuple(
            name or str(index)
            for name, index in zip(bands.descriptions, bands.indexes, strict=True)
        ),
        dtype=str(bands.dtype),
        crs=crs.to_string() if crs else None,
        nodata=bands.nodata,
    )


def _place(window: Window) -> dict[str, int]:
    places = {"col_off": window.col, "row_off": window.row}
    return places | {"width": window.cols, "height": window.rows}


def _grid_phase(pair: ScenePair) -> tuple[float, float] | None:
    mapping = pair.mapping
    if not isinstance(mapping, SeparableMap):
        return None
    return _off(mapping.rows, pair), _off(mapping.cols, pair)


def _off(axis: AxisMap, pair: ScenePair) -> float:
    first = axis.first(pair.ms_phase)
    # Adding 0.0 turns -0.0 into 0.0.
    return round((round(first) - first) * pair.ratio, 4) + 0.0


def _shift(scene: OpenScene) -> ShiftReport | None:
    shift = scene.shift
    if isinstance(shift, NoShift):
        return None
    return ShiftReport(
        rows=round(float(shift.rows), 4),
        cols=round(float(shift.cols), 4),
        spread=round(float(shift.spread), 4),
        correlation=round(float(shift.correlation), 4),
        windows=shift.windows,
        corrected=scene.registered,
        drift=shift.drift,
        surface=shift.surface,
    )


def _named_mtf(job: SharpenJob, pair: ScenePair) -> MtfEstimate:
    gains = scene_sensor(job.sensor, pair).ms_gains
    return MtfEstimate(gains=gains, errors=(None,) * len(gains))


def _invalid_share(pair: ScenePair) -> float:
    valid = 0
    size = 0
    for window in sample_windows(pair.area, count=WINDOWS, side=SIDE):
        mask = pair.read(window).valid
        valid += int(mask.sum())
        size += mask.size
    return round(1 - valid / size, 6)
