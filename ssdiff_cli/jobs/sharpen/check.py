"""A look at a pair before it is sharpened: what fits, what does not, which model, and what it will take."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from ssdiff_cli.device import choose
from ssdiff_cli.jobs.sharpen.estimate import estimate
from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.jobs.sharpen.method import Fusion, bind
from ssdiff_cli.jobs.sharpen.model_choice import ModelShelf
from ssdiff_cli.jobs.sharpen.refusals import check_arguments, check_needless
from ssdiff_cli.jobs.sharpen.scene import OpenScene, open_scene
from ssdiff_cli.jobs.sharpen.shift import explain_shift
from ssdiff_cli.jobs.sharpen.statistics_file import statistics_record
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.geometry.area_of_interest import parse_crs
from ssdiff_cli.rasters.geometry.grid_map import SeparableMap
from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.classical.registry import find
from ssdiff_models.errors import InputError, ResourceError, SsdiffError
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.scene.windows import Window, sample_windows

__all__ = ["check"]

LOOKS = 8
"""Windows on each axis where validity is looked at."""
LOOK = 64
"""Their side in pixels."""


def check(job: SharpenJob) -> dict[str, Any]:
    """Returns what is known of a pair and of the run that would sharpen it, as ``--json`` prints it.

    Raises:
        UsageError: When the command line cannot be used with any pair.
        InputError: When sharpening would be refused, for whatever reason; in the words of that refusal.
    """
    check_arguments(job)
    check_needless(job)
    _check_names(job)
    try:
        return _look(job)
    except SsdiffError as error:
        raise InputError(str(error)) from error


def _check_names(job: SharpenJob) -> None:
    """Refuses values that mean nothing, whatever the pair: `sharpen` itself gets to know them only where it uses them."""
    if job.method != NETWORK:
        find(job.method)
    if job.pair.bbox_crs is not None:
        parse_crs(job.pair.bbox_crs)
    with suppress(ResourceError):  # a device that is not there is a refusal like any other
        choose(job.device, tile_pixels=1)


def _look(job: SharpenJob) -> dict[str, Any]:
    with raster_env(num_threads=1), open_scene(job, ModelShelf()) as scene:
        pair, fusion = scene.pair, bind(job, scene.pair, scene.checkpoint)
        return {
            "ok": True,
            "pan": _raster(pair.pan),
            "ms": _raster(pair.ms),
            "overlap": _place(pair.overlap) | {"share_of_pan": _share(pair.overlap, pair)},
            "output": _place(pair.area)
            | {"count": pair.bands, "dtype": job.sink.dtype or str(pair.ms.dtype)},
            "ratio": pair.ratio,
            "measured_ratio": list(pair.measured_ratio),
            "same_crs": pair.pan.dataset.crs == pair.ms.dataset.crs,
            "grid_phase": _grid_phase(pair),
            "shift": _shift(scene),
            "no_shift": scene.no_shift and explain_shift(scene.no_shift),
            "nodata_share": _invalid(pair),
            "statistics": statistics_record(
                fusion.fuser.statistics
                if isinstance(fusion.fuser, ModelFuser)
                else pair.statistics()
            ),
            "model": _model(job, scene, fusion),
            "estimate": asdict(estimate(pair, fusion, job.sink.dtype or str(pair.ms.dtype))),
            "notes": list(pair.notes),
        }


def _raster(bands: Bands) -> dict[str, Any]:
    crs = bands.dataset.crs
    return {
        "path": bands.path,
        "width": bands.cols,
        "height": bands.rows,
        "bands": [bands.dataset.descriptions[index - 1] or str(index) for index in bands.indexes],
        "dtype": str(bands.dtype),
        "crs": crs.to_string() if crs else None,
        "nodata": list(bands.nodata),
    }


def _place(window: Window) -> dict[str, int]:
    return {
        "col_off": window.col,
        "row_off": window.row,
        "width": window.cols,
        "height": window.rows,
    }


def _share(window: Window, pair: ScenePair) -> float:
    return round(window.rows * window.cols / (pair.rows * pair.cols), 6)


def _grid_phase(pair: ScenePair) -> list[float] | None:
    """Rows and columns in PAN pixels by which MS pixels lie off the model's grid; None where the grids are not parallel."""
    mapping = pair.mapping
    if not isinstance(mapping, SeparableMap):
        return None
    offsets = [axis.first(pair.ms_phase) for axis in (mapping.rows, mapping.cols)]
    return [round((round(offset) - offset) * pair.ratio, 4) + 0.0 for offset in offsets]


def _shift(scene: OpenScene) -> dict[str, Any] | None:
    shift = scene.shift
    if shift is None:
        return None
    names = ("rows", "cols", "spread", "correlation")
    numbers = {name: round(float(getattr(shift, name)), 4) for name in names}
    change = {
        name: part and asdict(part)
        for name, part in (("drift", shift.drift), ("surface", shift.surface))
    }
    return numbers | {"windows": shift.windows, "corrected": scene.registered} | change


def _invalid(pair: ScenePair) -> float:
    """Share of invalid pixels of the output, from windows spread over its area."""
    looked = [
        pair.read(window).valid for window in sample_windows(pair.area, count=LOOKS, side=LOOK)
    ]
    return round(
        1 - sum(int(valid.sum()) for valid in looked) / sum(valid.size for valid in looked), 6
    )


def _model(job: SharpenJob, scene: OpenScene, fusion: Fusion) -> dict[str, Any]:
    """The model that would be used, and its dynamic range beside the scene's."""
    record: dict[str, Any] = {
        "method": job.method,
        "name": fusion.model,
        "device": str(fusion.device.device),
    }
    checkpoint, settings = scene.checkpoint, fusion.settings
    if checkpoint is None or settings is None or not isinstance(fusion.fuser, ModelFuser):
        return record
    return record | {
        "bands": checkpoint.bands,
        "band_groups": [[band + 1 for band in group] for group in fusion.fuser.groups],
        "sensors": list(checkpoint.metadata.get("sensors", ())),
        "normalisation": checkpoint.normalisation,
        "full_scale": checkpoint.full_scale,
        "radiometry": checkpoint.metadata.get("radiometry"),
        "steps": settings.steps,
        "tile": settings.tile,
        "overlap": settings.overlap,
        "tiles": fusion.total,
        "consistency": settings.consistency,
        "precision": str(fusion.device.precision).removeprefix("torch."),
    }
