"""What ``ssdiff check`` found, as lines to read."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["check_lines"]


def check_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yields what a look at a pair found, a line each."""
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
