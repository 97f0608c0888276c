"""Training scenes from pairs of GeoTIFFs, alone or in a folder with an index."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ssdiff_cli.rasters.whole_raster import (
    RasterHeader,
    WholeRaster,
    read_raster_header,
    read_whole,
)
from ssdiff_models.checkpoint import PriorName
from ssdiff_models.documents import parsed_json, read_text
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.registration.estimate import Shift, estimate_shift
from ssdiff_models.resampling.degrade import reduce_pan
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene import sensors
from ssdiff_models.training.wald_scene import Degradation, WaldScene, from_reference

__all__ = [
    "PairRecord",
    "band_indexes",
    "check_shift",
    "degradation_of",
    "pair_record",
    "read_index",
    "read_scene",
]

ALIKE = {"nir": ("nir", "nir1"), "nir1": ("nir1", "nir")}
"""Names of the same band."""
LARGEST_SHIFT = 3.0
"""PAN pixels of misregistration that are corrected; a pair further off is refused."""
LEAST_CORRELATION = 0.3
"""Multiple correlation of PAN and MS without a shift worth the name; good pairs have 0.9."""
MINIMUM = 16
"""MS pixels on an axis that a scene needs."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRecord:
    """One pair, of an index or by itself."""

    name: str
    """Folder and name, for messages."""
    files: tuple[str, str]
    """Paths of the PAN, and of the MS or the reference."""
    sensor: str
    has_gt: bool
    """Whether there is a reference on the PAN grid; otherwise the MS becomes the reference."""
    split: str
    ratio: int
    bands: tuple[str, ...]


def read_index(folder: Path) -> tuple[PairRecord, ...]:
    """Reads ``index.json`` of a folder of pairs.

    Raises:
        InputError: When there is none, or it is not of the known form.
    """
    index = folder / "index.json"
    try:
        pairs: list[dict[str, Any]] = parsed_json(read_text(index))["pairs"]
        records = tuple(_indexed(folder, pair) for pair in pairs)
    except FileNotFoundError as error:
        raise InputError(
            f"{index}: no such file: a folder of pairs needs an index.json, "
            "or name pairs as pan.tif,ms.tif"
        ) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{index}: not an index of pairs ({reason})") from error
    if not records:
        raise InputError(f"{index}: an index without pairs: nothing to train on")
    return records


def _indexed(folder: Path, pair: dict[str, Any]) -> PairRecord:
    path = folder / pair["path"]
    has_gt = pair.get("has_gt", pair.get("kind") == "reduced-res")
    return PairRecord(
        name=_short_name(path),
        files=(str(path / "pan.tif"), str(path / ("gt.tif" if has_gt else "ms.tif"))),
        sensor=pair["sensor"],
        has_gt=has_gt,
        split=pair["split"],
        ratio=int(pair["ratio"]),
        bands=tuple(pair["bands"]),
    )


def _short_name(path: Path) -> str:
    return "/".join(path.parts[-2:])


def pair_record(pan: str, ms: str, *, sensor: str | None, split: str) -> PairRecord:
    """Describes two GeoTIFFs: the ratio by their pixels, the bands by their names or the sensor's.

    Raises:
        InputError: When they cannot be read, or their grids do not fit.
    """
    fine = read_raster_header(pan)
    coarse = read_raster_header(ms)
    if fine.shape[0] != 1:
        raise InputError(
            f"{pan}: has {fine.shape[0]} bands, a PAN has one: "
            "name the PAN first, as pan.tif,ms.tif"
        )
    if fine.crs != coarse.crs and fine.crs and coarse.crs:
        raise InputError(f"{ms}: is in {coarse.crs}, {pan} in {fine.crs}: warp one of them first")
    known = sensors.get(sensor or "generic")
    bands = tuple((name or "").strip().lower() for name in coarse.names)
    if not all(bands):
        numbered = tuple(f"band{number}" for number in range(1, len(bands) + 1))
        bands = known.bands if len(known.bands) == len(bands) else numbered
        _log.warning("%s: has bands without names: taken for %s", ms, ", ".join(bands))
    return PairRecord(
        name=_short_name(Path(ms)),
        files=(pan, ms),
        sensor=known.title,
        has_gt=False,
        split=split,
        ratio=_ratio(fine, coarse, ms),
        bands=bands,
    )


def _ratio(pan: RasterHeader, ms: RasterHeader, path: str) -> int:
    if pan.georeferenced != ms.georeferenced:
        raise InputError(f"{path}: PAN and MS must both be georeferenced, or neither")
    exact = (pan.shape[2] / ms.shape[2], pan.shape[1] / ms.shape[1])
    skew = 0.0
    if pan.georeferenced:
        step = ~pan.transform @ ms.transform
        exact = (step.a, step.e)
        skew = max(abs(step.b), abs(step.d))
    ratio = round(exact[0])
    if ratio < 2 or skew > 0.01 or max(abs(value / ratio - 1) for value in exact) > 0.001:
        raise InputError(
            f"{path}: its pixels are {exact[0]:.4g} x {exact[1]:.4g} PAN pixels, "
            "not a whole number, or turned: warp the MS first"
        )
    return int(ratio)


def band_indexes(names: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...]:
    """Returns where the wanted bands are among others; nothing where one is missing."""
    indexes = []
    for band in wanted:
        alike = [name for name in ALIKE.get(band, (band,)) if name in names]
        if not alike:
            return ()
        indexes.append(names.index(alike[0]))
    return tuple(indexes)


def degradation_of(sensor: str, bands: Sequence[str], ratio: int, prior: PriorName) -> Degradation:
    """Returns how a sensor's bands are degraded.

    Raises:
        UsageError: When the sensor is not known.
    """
    gains = sensors.get(sensor).gains(len(bands), tuple(bands))
    return Degradation(gains=gains, ratio=ratio, prior=prior)


def read_scene(
    record: PairRecord,
    bands: Sequence[str],
    prior: PriorName = "lms",
    *,
    match_pan: bool = False,
) -> WaldScene:
    """Reads one pair, corrects a shift of the PAN, and degrades it by Wald's protocol.

    With `match_pan` the PAN becomes as crisp as the reference.

    Raises:
        InputError: When the pair cannot be read, or is further off than can be corrected.
    """
    order = list(band_indexes(record.bands, bands))
    pan = read_whole(record.files[0])
    image = read_whole(record.files[1])
    if max(order) >= len(image.pixels):
        raise InputError(
            f"{image.path}: has {len(image.pixels)} bands, fewer than {', '.join(record.bands)}"
        )
    degradation = replace(_degradation(record, order, prior), match_pan=match_pan)
    step = 1 if record.has_gt else record.ratio
    rows, cols, first = _common(record.name, pan, image, step)
    zeros = torch.tensor(image.zeros)[order][:, None, None]
    ms = torch.from_numpy(image.pixels[order][:, rows, cols]) - zeros
    valid = torch.from_numpy(image.valid[rows, cols])
    detail = torch.from_numpy(pan.pixels[0]) - pan.zeros[0]
    shift = estimate_shift(detail, ms, step, first=first, valid=valid)
    check_shift(record.name, shift)
    if not shift.correlation >= LEAST_CORRELATION:
        raise InputError(
            f"{record.name}: PAN and MS have a correlation of {shift.correlation:.2f} where they "
            f"fit best, under {LEAST_CORRELATION:g}: do they show the same place? "
            "Register them first, or leave the pair out"
        )
    first = (first[0] + shift.rows, first[1] + shift.cols)
    shape = (valid.shape[0], valid.shape[1])
    covered = reduce_pan(torch.from_numpy(pan.valid).float(), step, first=first, shape=shape)
    valid &= covered > 1 - 1e-4
    reduced = (
        shift_image(detail, first)
        if record.has_gt
        else reduce_pan(detail, step, first=first, shape=shape)
    )
    return from_reference(record.name, degradation, pan=reduced, gt=ms, valid=valid)


def _degradation(record: PairRecord, order: list[int], prior: PriorName) -> Degradation:
    names = [record.bands[index] for index in order]
    try:
        return degradation_of(record.sensor, names, record.ratio, prior)
    except UsageError as error:
        raise InputError(f"{record.name}: {error}") from error


def check_shift(name: str, shift: Shift) -> None:
    """Logs the shift of a PAN.

    Raises:
        InputError: When it is too large to be corrected.
    """
    _log.info(
        "%s: PAN and MS are %+.3f rows, %+.3f columns (PAN pixels, +-%.3f) apart, correlation %.3f",
        name, shift.rows, shift.cols, shift.error, shift.correlation,
    )  # fmt: skip
    largest = max(abs(shift.rows), abs(shift.cols))
    # Written so that NaN is refused.
    if not largest <= LARGEST_SHIFT:
        raise InputError(
            f"{name}: PAN and MS are {shift.rows:.2f} rows, {shift.cols:.2f} columns (PAN pixels) "
            f"apart, over {LARGEST_SHIFT:g}: register them first"
        )


def _common(
    name: str, pan: WholeRaster, image: WholeRaster, step: int
) -> tuple[slice, slice, tuple[float, float]]:
    """Returns the image's rows and columns on the PAN, and the PAN index of their first pixel."""
    first = ((step - 1) / 2, (step - 1) / 2)
    if not (pan.transform.is_identity and image.transform.is_identity):
        first = image.centre_in(pan)
    rows = _span(name, first[0], step, pan.valid.shape[0], image.valid.shape[0])
    cols = _span(name, first[1], step, pan.valid.shape[1], image.valid.shape[1])
    return rows, cols, (first[0] + step * rows.start, first[1] + step * cols.start)


def _span(name: str, first: float, step: int, size: int, count: int) -> slice:
    """Returns the pixels of an axis, `count` from `first` on, whose centres lie on the PAN."""
    begin = max(math.ceil((-0.5 - first) / step), 0)
    end = min(math.floor((size - 0.5 - first) / step) + 1, count)
    if end - begin < MINIMUM:
        raise InputError(
            f"{name}: PAN and MS have less than {MINIMUM} MS pixels of ground in common "
            "on an axis: check their georeferencing"
        )
    return slice(begin, end)
