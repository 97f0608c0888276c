"""What ``ssdiff check`` found, as lines to read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssdiff_cli.jobs.sharpen.check import CheckReport, RasterReport
    from ssdiff_cli.jobs.sharpen.method import MethodReport
    from ssdiff_models.scene.statistics import BandStatistics

__all__ = ["check_lines"]


def check_lines(report: "CheckReport") -> Iterator[str]:
    """Yields one line for each finding."""
    output = report.output
    statistics = report.statistics
    measured = " x ".join(f"{value:.4g}" for value in report.measured_ratio)
    yield f"PAN      {_raster(report.pan)}"
    yield f"MS       {_raster(report.ms)}"
    yield f"overlap  {report.overlap.share_of_pan:.1%} of the PAN"
    place = f"at row {output.row_off}, column {output.col_off} of the PAN"
    size = f"{output.width} x {output.height} pixels {place}, {output.dtype}"
    yield f"output   {size}, {report.nodata_share:.1%} nodata"
    yield f"ratio    {report.ratio} (measured: {measured})"
    yield f"grid     {_grid(report)}"
    yield f"shift    {_shift(report)}"
    yield f"MTF      {_mtf(report)}"
    yield f"values   PAN: {_values(statistics.pan)}"
    for name, band in zip(report.ms.bands, statistics.ms, strict=True):
        yield f"values   MS {name}: {_values(band)}"
    yield f"model    {_model(report.model)}"
    yield f"needs    {_needs(report)}"
    for note in report.notes:
        yield f"note     {note}"


def _raster(raster: "RasterReport") -> str:
    size = f"{raster.width} x {raster.height}, {_count(len(raster.bands), 'band')}"
    return f"{raster.path}: {size}, {raster.dtype}, {raster.crs or 'no CRS'}"


def _grid(report: "CheckReport") -> str:
    end = "" if report.same_crs else "; PAN and MS have different CRSs"
    if report.grid_phase is None:
        return f"not parallel: every MS pixel is placed on its own{end}"
    rows, cols = report.grid_phase
    if rows == cols == 0:
        return f"MS pixels lie on the model's grid{end}"
    offset = f"{rows:+.2f} rows and {cols:+.2f} columns (PAN pixels)"
    return f"MS pixels lie {offset} off the model's grid: resampled{end}"


def _shift(report: "CheckReport") -> str:
    shift = report.shift
    if shift is None:
        return f"unknown: {report.no_shift}"
    corrected = ", corrected" if shift.corrected else ""
    middle = " in the middle of the scene" if shift.drift else ""
    moved = f"moved by {shift.rows:+.2f} rows and {shift.cols:+.2f} columns{middle}"
    correlation = f"correlation {shift.correlation:.3f}"
    return f"the MS fits when {moved} (PAN pixels{corrected}); {correlation}"


def _mtf(report: "CheckReport") -> str:
    if report.sensor == "auto":
        return f"gains at Nyquist against the PAN: {report.mtf}"
    gains = ", ".join(f"{gain:.2f}" for gain in report.mtf.gains)
    return f"gains at Nyquist of {report.sensor}: {gains}"


def _values(band: "BandStatistics") -> str:
    limits = f"{band.minimum:g} to {band.maximum:g}"
    return f"mean {band.mean:.5g}, std {band.std:.4g}, {limits}"


def _model(model: "MethodReport") -> str:
    from ssdiff_cli.jobs.sharpen.network_method import NetworkReport

    if not isinstance(model, NetworkReport):
        return f"none: method {model.method}"
    groups = len(model.band_groups)
    parts = f", bands in {groups} groups" if groups > 1 else ""
    counts = f"{_count(model.steps, 'step')}, {_count(model.tiles, 'tile')}{parts}"
    projection = f", consistency in {_count(model.consistency, 'iteration')}"
    return f"{model.name}, {counts}{projection if model.consistency else ''}"


def _needs(report: "CheckReport") -> str:
    needs = report.estimate
    there = needs.device_memory_bytes
    on_device = f" (+ {there / 1e9:.1f} GB there)" if there else ""
    memory = f"{needs.memory_bytes / 1e9:.1f} GB of memory"
    disk = f"{needs.disk_bytes / 1e6:.1f} MB of disk at most"
    return f"about {needs.seconds:.0f} s on {report.model.device}{on_device}, {memory}, {disk}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
