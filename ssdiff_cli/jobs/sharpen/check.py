"""A look at a pair before it is sharpened: whether it can be, which model, and what it takes."""

from contextlib import suppress

from ssdiff_cli.device import choose
from ssdiff_cli.jobs.sharpen.check_report import (
    CheckReport,
    OutputReport,
    OverlapReport,
    RasterReport,
    ShiftReport,
)
from ssdiff_cli.jobs.sharpen.estimate import estimate
from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.jobs.sharpen.loaded_models import LoadedModels
from ssdiff_cli.jobs.sharpen.refusals import check_arguments, check_needless
from ssdiff_cli.jobs.sharpen.scene import OpenScene, open_scene
from ssdiff_cli.jobs.sharpen.shift import explain_shift
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.geometry.area_of_interest import parse_crs
from ssdiff_cli.rasters.geometry.grid_map import SeparableMap
from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.classical.registry import find
from ssdiff_models.errors import InputError, ResourceError, SsdiffError
from ssdiff_models.scene.windows import sample_windows

__all__ = ["check"]

WINDOWS = 8
"""Windows on each axis whose validity is counted."""
SIDE = 64
"""Their side in PAN pixels."""


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
        return _report(job)
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


def _report(job: SharpenJob) -> CheckReport:
    with raster_env(num_threads=1), open_scene(job, LoadedModels().checkpoint(job)) as scene:
        pair = scene.pair
        method = scene.bind(job)
        dtype = job.sink.dtype or str(pair.ms.dtype)
        return CheckReport(
            pan=_raster(pair.pan),
            ms=_raster(pair.ms),
            overlap=_overlap(pair),
            output=_output(pair, dtype),
            ratio=pair.ratio,
            measured_ratio=pair.measured_ratio,
            same_crs=pair.pan.dataset.crs == pair.ms.dataset.crs,
            grid_phase=_grid_phase(pair),
            shift=_shift(scene),
            no_shift=explain_shift(scene.no_shift) if scene.no_shift else None,
            nodata_share=_invalid_share(pair),
            statistics=method.statistics(),
            model=method.report(),
            estimate=estimate(pair, method.grid, method.cost(), dtype),
            notes=pair.notes,
        )


def _raster(bands: Bands) -> RasterReport:
    crs = bands.dataset.crs
    descriptions = bands.dataset.descriptions
    return RasterReport(
        path=bands.path,
        width=bands.cols,
        height=bands.rows,
        bands=tuple(descriptions[index - 1] or str(index) for index in bands.indexes),
        dtype=str(bands.dtype),
        crs=crs.to_string() if crs else None,
        nodata=bands.nodata,
    )


def _overlap(pair: ScenePair) -> OverlapReport:
    window = pair.overlap
    share = window.rows * window.cols / (pair.rows * pair.cols)
    return OverlapReport(
        col_off=window.col,
        row_off=window.row,
        width=window.cols,
        height=window.rows,
        share_of_pan=round(share, 6),
    )


def _output(pair: ScenePair, dtype: str) -> OutputReport:
    area = pair.area
    return OutputReport(
        col_off=area.col,
        row_off=area.row,
        width=area.cols,
        height=area.rows,
        count=pair.bands,
        dtype=dtype,
    )


def _grid_phase(pair: ScenePair) -> tuple[float, float] | None:
    mapping = pair.mapping
    if not isinstance(mapping, SeparableMap):
        return None
    row = mapping.rows.first(pair.ms_phase)
    col = mapping.cols.first(pair.ms_phase)
    # Adding 0.0 turns -0.0 into 0.0.
    return (
        round((round(row) - row) * pair.ratio, 4) + 0.0,
        round((round(col) - col) * pair.ratio, 4) + 0.0,
    )


def _shift(scene: OpenScene) -> ShiftReport | None:
    shift = scene.shift
    if shift is None:
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


def _invalid_share(pair: ScenePair) -> float:
    valid = 0
    size = 0
    for window in sample_windows(pair.area, count=WINDOWS, side=SIDE):
        mask = pair.read(window).valid
        valid += int(mask.sum())
        size += mask.size
    return round(1 - valid / size, 6)
