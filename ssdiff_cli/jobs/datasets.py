"""Training scenes from folders of GeoTIFF pairs with an index."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ssdiff_cli.rasters.whole import WholeRaster, read_whole
from ssdiff_models import sensors
from ssdiff_models.degrade import reduce_pan, shift_image
from ssdiff_models.errors import InputError
from ssdiff_models.prior import PriorName
from ssdiff_models.registration import Shift, estimate_shift
from ssdiff_models.training.wald import WaldScene, from_pair, from_reference

__all__ = ["PairRecord", "read_index", "read_scene", "select"]

ALIKE = {"nir": ("nir", "nir1")}
LARGEST_SHIFT = 3.0
"""PAN pixels of misregistration that are corrected; a pair further off is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRecord:
    """One pair of an index."""

    path: Path
    sensor: str
    has_gt: bool
    """Whether there is a reference on the PAN grid; where not, the MS becomes the reference."""
    split: str
    ratio: int
    bands: tuple[str, ...]

    @property
    def name(self) -> str:
        """Folder and name, as messages write it."""
        return "/".join(self.path.parts[-2:])


def read_index(folder: Path) -> tuple[PairRecord, ...]:
    """Reads ``index.json`` of a folder of pairs.

    Raises:
        InputError: When there is none, or it is not of the known form.
    """
    index = folder / "index.json"
    try:
        pairs: list[dict[str, Any]] = json.loads(index.read_text())["pairs"]
        return tuple(_record(folder, pair) for pair in pairs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{index}: not an index of pairs ({type(error).__name__}: {error})") from error


def _record(folder: Path, pair: dict[str, Any]) -> PairRecord:
    return PairRecord(
        path=folder / pair["path"],
        sensor=pair["sensor"],
        has_gt=pair.get("has_gt", pair.get("kind") == "reduced-res"),
        split=pair["split"],
        ratio=int(pair["ratio"]),
        bands=tuple(pair["bands"]),
    )


def select(records: Sequence[PairRecord], *, split: str, bands: Sequence[str], ratio: int) -> Iterator[PairRecord]:
    """Yields the pairs of a split that have all of the bands, at the ratio."""
    for record in records:
        has = all(any(name in record.bands for name in ALIKE.get(band, (band,))) for band in bands)
        if record.split == split and record.ratio == ratio and has:
            yield record


def read_scene(record: PairRecord, bands: Sequence[str], prior: PriorName = "lms") -> tuple[WaldScene, Shift]:
    """Reads one pair, corrects what is left of PAN/MS misregistration, and degrades it by Wald's protocol.

    Returns:
        The scene, and the shift in PAN pixels that was corrected.

    Raises:
        InputError: When the pair cannot be read, or is further off than can be corrected.
    """
    order = [record.bands.index(next(name for name in ALIKE.get(band, (band,)) if name in record.bands)) for band in bands]
    pan, image = read_whole(str(record.path / "pan.tif")), read_whole(str(record.path / _image_name(record)))
    gains = sensors.get(record.sensor).gains(len(bands), tuple(record.bands[i] for i in order))
    return _scene(record, pan, image, order, gains, prior)


def _image_name(record: PairRecord) -> str:
    return "gt.tif" if record.has_gt else "ms.tif"


def _scene(  # noqa: PLR0917
    record: PairRecord, pan: WholeRaster, image: WholeRaster, order: list[int], gains: tuple[float, ...], prior: PriorName
) -> tuple[WaldScene, Shift]:
    pixels, valid = torch.from_numpy(image.pixels[order]), torch.from_numpy(image.valid)
    detail = torch.from_numpy(pan.pixels[0])
    step = 1 if record.has_gt else record.ratio
    first = image.centre_in(pan)
    shift = estimate_shift(detail, pixels, step, first=first, valid=valid)
    if max(abs(shift.rows), abs(shift.cols)) > LARGEST_SHIFT:
        raise InputError(
            f"{record.name}: PAN and MS are {shift.rows:.2f} rows, {shift.cols:.2f} columns (PAN pixels) apart, over {LARGEST_SHIFT:g}: "
            "register them first"
        )
    at = (first[0] + shift.rows, first[1] + shift.cols)
    whole = torch.from_numpy(pan.valid).float()
    valid &= reduce_pan(whole, step, first=at, shape=(valid.shape[0], valid.shape[1])) > 1 - 1e-4
    ratio, name = record.ratio, record.name
    if not record.has_gt:
        return from_pair(name, pan=detail, ms=pixels, first=at, gains=gains, ratio=ratio, valid=valid, prior=prior), shift
    moved = shift_image(detail, at)
    return from_reference(name, pan=moved, gt=pixels, gains=gains, ratio=ratio, valid=valid, prior=prior), shift
