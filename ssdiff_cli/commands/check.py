"""``ssdiff check``: what a run would make of a pair, before it runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from ssdiff_cli import console
from ssdiff_cli.options.flags import (
    Aoi,
    AssumeSameCrs,
    BatchSize,
    Bbox,
    BboxCrs,
    Bidx,
    Consistency,
    Device,
    Extent,
    Json,
    Like,
    Method,
    Model,
    Ms,
    Overlap,
    Pan,
    PanBidx,
    Precision,
    Quiet,
    Register,
    RegisterLocal,
    RpcDem,
    Samples,
    Sensor,
    SrcNodata,
    Stats,
    Steps,
    Threads,
    Tile,
    Verbose,
)
from ssdiff_cli.options.groups import pair_options, registration
from ssdiff_models.errors import SsdiffError

__all__ = ["check"]


def check(
    pan: Pan,
    ms: Ms,
    *,
    method: Method = "ssdiff",
    model: Model = None,
    sensor: Sensor = None,
    bidx: Bidx = None,
    pan_bidx: PanBidx = None,
    extent: Extent = "intersection",
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    aoi: Aoi = None,
    like: Like = None,
    assume_same_crs: AssumeSameCrs = False,
    src_nodata: SrcNodata = None,
    rpc_dem: RpcDem = None,
    register: Register = False,
    register_local: RegisterLocal = False,
    stats: Stats = None,
    consistency: Consistency = False,
    steps: Steps = None,
    samples: Samples = 1,
    tile: Tile = None,
    overlap: Overlap = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: BatchSize = None,
    num_threads: Threads = None,
    json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Look at a pair before sharpening it: overlap, grids, shift, values, model, and what the run will take.

    Where sharpen would refuse the pair, the model or the settings, so does this, in the same words: exit code 3, whatever sharpen's own.
    """
    del verbose, quiet  # they act through their callbacks
    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.sharpen.check import check as look
    from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob

    job = SharpenJob(
        pan=pan,
        ms=ms,
        output="",
        pair=pair_options(
            bidx=bidx,
            pan_bidx=pan_bidx,
            extent=extent,
            bbox=bbox,
            bbox_crs=bbox_crs,
            aoi=aoi,
            like=like,
            assume_same_crs=assume_same_crs,
            src_nodata=src_nodata,
            rpc_dem=rpc_dem,
        ),
        method=method.lower(),
        model=model,
        sensor=sensor,
        register=registration(register=register, local=register_local),
        statistics=stats,
        consistency=consistency,
        fusion=FusionOptions(steps=steps, samples=samples, tile=tile, overlap=overlap),
        device=DeviceOptions(
            device=device, precision=precision, batch=batch_size, threads=num_threads
        ),
    )
    with console.collected_warnings() as warnings:
        try:
            found = look(job).record()
        except SsdiffError as error:
            if json:
                console.emit_json(
                    {
                        "ok": False,
                        "error": str(error),
                        "exit_code": error.exit_code,
                        "warnings": warnings,
                    }
                )
            raise
    if json:
        console.emit_json(found | {"warnings": warnings})
        return
    for line in _lines(found):
        console.result(line)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for name in ("pan", "ms"):
        raster = found[name]
        size = f"{raster['width']} x {raster['height']}, {_count(len(raster['bands']), 'band')}, {raster['dtype']}"
        yield f"{name.upper():9}{raster['path']}: {size}, {raster['crs'] or 'no CRS'}"
    overlap, measured = (
        found["overlap"],
        " x ".join(f"{value:.4g}" for value in found["measured_ratio"]),
    )
    yield f"overlap  {overlap['share_of_pan']:.1%} of the PAN"
    yield f"output   {_size(found['output'])}, {found['output']['dtype']}, {found['nodata_share']:.1%} nodata"
    yield f"ratio    {found['ratio']} (measured: {measured})"
    yield f"grid     {_grid(found['grid_phase'])}{'' if found['same_crs'] else '; PAN and MS have different CRSs'}"
    yield f"shift    {_shift(found['shift'], found['no_shift'])}"
    yield from _values(found)
    yield f"model    {_model(found['model'])}"
    needs = found["estimate"]
    on_device = (
        f" (+ {needs['device_memory_bytes'] / 1e9:.1f} GB there)"
        if needs["device_memory_bytes"]
        else ""
    )
    memory, disk = (
        f"{needs['memory_bytes'] / 1e9:.1f} GB of memory",
        f"{needs['disk_bytes'] / 1e6:.1f} MB of disk at most",
    )
    yield f"needs    about {needs['seconds']:.0f} s on {found['model']['device']}{on_device}, {memory}, {disk}"
    for note in found["notes"]:
        yield f"note     {note}"


def _size(output: Mapping[str, Any]) -> str:
    return f"{output['width']} x {output['height']} pixels at row {output['row_off']}, column {output['col_off']} of the PAN"


def _grid(phase: list[float] | None) -> str:
    if phase is None:
        return "not parallel: every MS pixel is placed on its own"
    if not any(phase):
        return "MS pixels lie on the model's grid"
    return f"MS pixels lie {phase[0]:+.2f} rows and {phase[1]:+.2f} columns (PAN pixels) off the model's grid: resampled"


def _shift(shift: Mapping[str, Any] | None, no_shift: str | None) -> str:
    if shift is None:
        return f"unknown: {no_shift}"
    end = ", corrected" if shift["corrected"] else ""
    middle = " in the middle of the scene" if shift["drift"] else ""
    return (
        f"the MS fits when moved by {shift['rows']:+.2f} rows and {shift['cols']:+.2f} columns{middle} (PAN pixels{end}); "
        f"correlation {shift['correlation']:.3f}"
    )


def _values(found: Mapping[str, Any]) -> Iterator[str]:
    statistics = found["statistics"]
    names = ["PAN", *(f"MS {name}" for name in found["ms"]["bands"])]
    for name, band in zip(names, [statistics["pan"], *statistics["ms"]], strict=True):
        yield f"values   {name}: mean {band['mean']:.5g}, std {band['std']:.4g}, {band['minimum']:g} to {band['maximum']:g}"


def _model(model: Mapping[str, Any]) -> str:
    if model["name"] is None:
        return f"none: method {model['method']}"
    groups = len(model["band_groups"])
    parts = f", bands in {groups} groups" if groups > 1 else ""
    counts = ", ".join(_count(model[name], name.removesuffix("s")) for name in ("steps", "tiles"))
    return (
        f"{model['name']}, {counts}{parts}, consistency in {_count(model['consistency'], 'round')}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
