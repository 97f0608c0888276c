"""Statistics of a scene as JSON: what ``check --json`` prints and ``--stats FILE`` takes."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ssdiff_models.errors import InputError
from ssdiff_models.scene.statistics import BandStatistics, RatioPrior, SceneStatistics

__all__ = ["read_statistics", "statistics_record"]

NAMES = tuple(field.name for field in fields(BandStatistics) if field.name != "signed")
"""What a band has of its own; whether a scene is signed follows from all of them."""


def statistics_record(statistics: SceneStatistics) -> dict[str, Any]:
    """Returns ``{"pan": {"mean", "std", "minimum", "maximum", "black"}, "ms": [one such object a band]}`` in DN, and any ``prior``."""
    record: dict[str, Any] = {
        "pan": _plain(statistics.pan),
        "ms": [_plain(band) for band in statistics.ms],
    }
    return record if statistics.prior is None else record | {"prior": asdict(statistics.prior)}


def read_statistics(path: str, bands: int) -> SceneStatistics:
    """Reads what `statistics_record` gives, or a JSON object that has it under ``statistics``, as ``check --json`` prints.

    Args:
        path: The file.
        bands: MS bands of the scene.

    Raises:
        InputError: When the file is no such thing, or not of that many bands.
    """
    try:
        record = _object(Path(path).read_text(encoding="utf-8"))
        record = record.get("statistics", record)
        found = SceneStatistics(
            pan=_band(record["pan"]),
            ms=tuple(_band(band) for band in record["ms"]),
            prior=_prior(record.get("prior")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path}: not a file of scene statistics ({reason}): `ssdiff check PAN MS --json` prints what belongs there"
        ) from error
    if len(found.ms) != bands or (found.prior is not None and len(found.prior.intensity) != bands):
        raise InputError(
            f"{path}: statistics of {len(found.ms)} MS bands, the scene has {bands}: take them from this scene's bands"
        )
    return found


def _plain(band: BandStatistics) -> dict[str, float]:
    return {name: getattr(band, name) for name in NAMES}


def _object(text: str) -> dict[str, Any]:
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError(f"a JSON {type(record).__name__} instead of an object")  # noqa: TRY004 - like all that is wrong in a file
    return record


def _prior(record: Mapping[str, Any] | None) -> RatioPrior | None:
    if record is None:
        return None
    lists = {
        name: tuple(float(value) for value in record[name])
        for name in ("haze", "intensity", "black")
    }
    numbers = {name: float(record[name]) for name in ("scale", "shift")}
    if not all(
        math.isfinite(value) for values in (*lists.values(), numbers.values()) for value in values
    ):
        raise ValueError(f"no numbers of a prior: {record}")
    return RatioPrior(**lists, **numbers)  # type: ignore[arg-type]


def _band(record: Mapping[str, Any]) -> BandStatistics:
    values = {name: float(record[name]) for name in NAMES if name in record or name != "black"}
    if (
        not all(math.isfinite(value) for value in values.values())
        or values["std"] < 0
        or values["minimum"] > values["maximum"]
    ):
        raise ValueError(f"no statistics of a band: {values}")
    return BandStatistics(**values)  # type: ignore[arg-type]
