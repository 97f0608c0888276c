"""Training scenes from pairs of GeoTIFFs, alone or in a folder with an index."""

import json
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ssdiff_cli.rasters.whole_raster import Outline, WholeRaster, read_outline, read_whole
from ssdiff_models.checkpoint import PriorName
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.registration.estimate import Shift, estimate_shift
from ssdiff_models.resampling.degrade import reduce_pan
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene import sensors
from ssdiff_models.training.wald_scene import WaldScene, from_pair, from_reference

__all__ = ["ALIKE", "PairRecord", "pair_record", "read_index", "read_scene", "select"]

ALIKE = {"nir": ("nir", "nir1"), "nir1": ("nir1", "nir")}
LARGEST_SHIFT = 3.0
"""PAN pixels of misregistration that are corrected; a pair further off is refused."""
LEAST_CORRELATION = 0.3
"""Multiple correlation of PAN and MS below which no shift was found; the training pairs at hand have at least 0.9."""
MINIMUM = 16
"""MS pixels on an axis that a scene needs."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRecord:
    """One pair, of an index or by itself."""

    path: Path
    """Its folder, with ``pan.tif`` and ``ms.tif`` or ``gt.tif``, unless `files` names them."""
    sensor: str
    has_gt: bool
    """Whether there is a reference on the PAN grid; where not, the MS becomes the reference."""
    split: str
    ratio: int
    bands: tuple[str, ...]
    files: tuple[str, str] | None = None
    """PAN and MS of a pair that is in no index."""

    @property
    def name(self) -> str:
        """Folder and name, as messages write it."""
        return "/".join(self.path.parts[-2:])

    @property
    def rasters(self) -> tuple[str, str]:
        """Paths of the PAN, and of the MS or the reference."""
        return self.files or (
            str(self.path / "pan.tif"),
            str(self.path / ("gt.tif" if self.has_gt else "ms.tif")),
        )


def read_index(folder: Path) -> tuple[PairRecord, ...]:
    """Reads ``index.json`` of a folder of pairs.

    Raises:
        InputError: When there is none, or it is not of the known form.
    """
    index = folder / "index.json"
    try:
        pairs: list[dict[str, Any]] = json.loads(index.read_text())["pairs"]
        records = tuple(_record(folder, pair) for pair in pairs)
    except FileNotFoundError as error:
        raise InputError(
            f"{index}: no such file: a folder of pairs needs an index.json, or name pairs as pan.tif,ms.tif"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{index}: not an index of pairs ({type(error).__name__}: {error})"
        ) from error
    if not records:
        raise InputError(f"{index}: an index without pairs: nothing to train on")
    return records


def _record(folder: Path, pair: dict[str, Any]) -> PairRecord:
    return PairRecord(
        path=folder / pair["path"],
        sensor=pair["sensor"],
        has_gt=pair.get("has_gt", pair.get("kind") == "reduced-res"),
        split=pair["split"],
        ratio=int(pair["ratio"]),
        bands=tuple(pair["bands"]),
    )


def pair_record(pan: str, ms: str, *, sensor: str | None, split: str) -> PairRecord:
    """Describes two GeoTIFFs: the ratio by their pixels, the bands by their names or the sensor's.

    Raises:
        InputError: When they cannot be read, or their grids do not fit.
    """
    fine, coarse = read_outline(pan), read_outline(ms)
    count = coarse.shape[0]
    if fine.shape[0] != 1:
        raise InputError(
            f"{pan}: has {fine.shape[0]} bands, a PAN has one: name the PAN first, as pan.tif,ms.tif"
        )
    if fine.crs != coarse.crs and fine.crs and coarse.crs:
        raise InputError(f"{ms}: is in {coarse.crs}, {pan} in {fine.crs}: warp one of them first")
    known = sensors.get(sensor or "generic")
    named = tuple(name.strip().lower() if name else "" for name in coarse.names)
    if not all(named):
        named = (
            known.bands
            if count == len(known.bands)
            else tuple(f"band{number}" for number in range(1, count + 1))
        )
    return PairRecord(
        path=Path(ms),
        sensor=known.title,
        has_gt=False,
        split=split,
        ratio=_ratio(fine, coarse, ms),
        bands=named,
        files=(pan, ms),
    )


def _ratio(pan: Outline, ms: Outline, path: str) -> int:
    if pan.georeferenced != ms.georeferenced:
        raise InputError(f"{path}: PAN and MS must both be georeferenced, or neither")
    if pan.georeferenced:
        step = ~pan.transform @ ms.transform
        exact, skew = (step.a, step.e), max(abs(step.b), abs(step.d))
    else:
        exact, skew = (pan.shape[2] / ms.shape[2], pan.shape[1] / ms.shape[1]), 0.0
    ratio = round(exact[0])
    if ratio < 2 or skew > 0.01 or max(abs(value / ratio - 1) for value in exact) > 0.001:
        raise InputError(
            f"{path}: its pixels are {exact[0]:.4g} x {exact[1]:.4g} PAN pixels, not a whole number, or turned: warp the MS first"
        )
    return int(ratio)


def select(
    records: Sequence[PairRecord], *, split: str, bands: Sequence[str], ratio: int
) -> Iterator[PairRecord]:
    """Yields the pairs of a split that have all of the bands, at the ratio."""
    for record in records:
        has = all(any(name in record.bands for name in ALIKE.get(band, (band,))) for band in bands)
        if record.split == split and record.ratio == ratio and has:
            yield record


def read_scene(
    record: PairRecord, bands: Sequence[str], prior: PriorName = "lms"
) -> tuple[WaldScene, Shift]:
    """Reads one pair, corrects what is left of PAN/MS misregistration, and degrades it by Wald's protocol.

    Returns:
        The scene, and the shift in PAN pixels that was corrected.

    Raises:
        InputError: When the pair cannot be read, or is further off than can be corrected.
    """
    order = [
        record.bands.index(next(name for name in ALIKE.get(band, (band,)) if name in record.bands))
        for band in bands
    ]
    first, second = record.rasters
    pan, image = read_whole(first), read_whole(second)
    try:
        gains = sensors.get(record.sensor).gains(len(bands), tuple(record.bands[i] for i in order))
    except UsageError as error:
        raise InputError(f"{record.name}: {error}") from error
    return _scene(record, pan, image, order, gains, prior)


def _scene(  # noqa: PLR0917
    record: PairRecord,
    pan: WholeRaster,
    image: WholeRaster,
    order: list[int],
    gains: tuple[float, ...],
    prior: PriorName,
) -> tuple[WaldScene, Shift]:
    if max(order) >= len(image.pixels):
        raise InputError(
            f"{image.path}: has {len(image.pixels)} bands, fewer than {', '.join(record.bands)}"
        )
    step = 1 if record.has_gt else record.ratio
    rows, cols, first = _common(record, pan, image, step)
    black = torch.tensor(image.black)[order][:, None, None]
    pixels, valid = (
        torch.from_numpy(image.pixels[order][:, rows, cols]) - black,
        torch.from_numpy(image.valid[rows, cols]),
    )
    detail = torch.from_numpy(pan.pixels[0]) - pan.black[0]
    shift = estimate_shift(detail, pixels, step, first=first, valid=valid)
    _log.info(
        "%s: PAN and MS are %+.3f rows, %+.3f columns (PAN pixels, +-%.3f) apart, correlation %.3f",
        record.name, shift.rows, shift.cols, shift.error, shift.correlation,
    )  # fmt: skip
    if not (
        abs(shift.rows) <= LARGEST_SHIFT and abs(shift.cols) <= LARGEST_SHIFT
    ):  # written so that NaN is refused
        raise InputError(
            f"{record.name}: PAN and MS are {shift.rows:.2f} rows, {shift.cols:.2f} columns (PAN pixels) apart, over {LARGEST_SHIFT:g}: "
            "register them first"
        )
    if not shift.correlation >= LEAST_CORRELATION:
        raise InputError(
            f"{record.name}: PAN and MS have a correlation of {shift.correlation:.2f} where they fit best, under {LEAST_CORRELATION:g}: "
            "do they show the same place? Register them first, or leave the pair out"
        )
    at = (first[0] + shift.rows, first[1] + shift.cols)
    whole = torch.from_numpy(pan.valid).float()
    valid &= reduce_pan(whole, step, first=at, shape=(valid.shape[0], valid.shape[1])) > 1 - 1e-4
    ratio, name = record.ratio, record.name
    if not record.has_gt:
        return from_pair(
            name,
            pan=detail,
            ms=pixels,
            first=at,
            gains=gains,
            ratio=ratio,
            valid=valid,
            prior=prior,
        ), shift
    moved = shift_image(detail, at)
    return from_reference(
        name, pan=moved, gt=pixels, gains=gains, ratio=ratio, valid=valid, prior=prior
    ), shift


def _common(
    record: PairRecord, pan: WholeRaster, image: WholeRaster, step: int
) -> tuple[slice, slice, tuple[float, float]]:
    """Returns the rows and columns of the image whose centres lie on the PAN, and where on it the first of them does."""
    first = (
        ((step - 1) / 2,) * 2
        if pan.transform.is_identity and image.transform.is_identity
        else image.centre_in(pan)
    )
    spans = [
        (
            max(math.ceil((-0.5 - start) / step), 0),
            min(math.floor((size - 0.5 - start) / step) + 1, count),
        )
        for start, size, count in zip(first, pan.valid.shape, image.valid.shape, strict=True)
    ]
    if any(end - begin < MINIMUM for begin, end in spans):
        raise InputError(
            f"{record.name}: PAN and MS have less than {MINIMUM} MS pixels of ground in common on an axis: check their georeferencing"
        )
    (top, bottom), (left, right) = spans
    return slice(top, bottom), slice(left, right), (first[0] + step * top, first[1] + step * left)
