"""Statistics of a scene as JSON: what ``check --json`` prints and ``--stats FILE`` takes."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ssdiff_models.documents import parsed_json, read_text
from ssdiff_models.errors import InputError
from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics

if TYPE_CHECKING:
    from ssdiff_models.fusion.prior import RatioPrior
    from ssdiff_models.scene.mtf_estimate import MtfEstimate

__all__ = ["read_statistics", "statistics_record"]

NAMES = ("mean", "std", "minimum", "maximum", "black")
"""Numbers of a band; ``black`` is its zero. Whether a scene is signed follows from all bands."""


def statistics_record(
    statistics: SceneStatistics, prior: "RatioPrior | None", mtf: "MtfEstimate | None"
) -> dict[str, Any]:
    """Returns ``pan`` and a list ``ms``, in DN, and ``prior`` and ``mtf`` where they are known."""
    record: dict[str, Any] = {
        "pan": _band_record(statistics.pan),
        "ms": [_band_record(band) for band in statistics.ms],
    }
    if prior is not None:
        record["prior"] = asdict(prior.rule) | {"black": prior.zeros}
    if mtf is not None:
        record["mtf"] = asdict(mtf)
    return record


def _band_record(band: BandStatistics) -> dict[str, float]:
    values = (band.mean, band.std, band.minimum, band.maximum, band.zero)
    return dict(zip(NAMES, values, strict=True))


_Known = tuple[SceneStatistics, "RatioPrior | None", "MtfEstimate | None"]


def read_statistics(path: str, bands: int) -> _Known:
    """Reads a `statistics_record`, or an object that has one under ``statistics``.

    Args:
        path: The file.
        bands: MS bands of the scene.

    Raises:
        InputError: When the file holds no statistics, or those of another number of bands.
    """
    try:
        statistics, prior, mtf = _parsed(read_text(path))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path}: not a file of scene statistics ({reason}): "
            "`ssdiff check PAN MS --json` prints what belongs there"
        ) from error
    counts = {len(statistics.ms)}
    counts |= {len(prior.rule.intensity)} if prior else set()
    counts |= {len(mtf.gains), len(mtf.errors)} if mtf else set()
    if counts != {bands}:
        raise InputError(
            f"{path}: statistics of {len(statistics.ms)} MS bands, the scene has {bands}: "
            "take them from this scene's bands"
        )
    return statistics, prior, mtf


def _parsed(text: str) -> _Known:
    record = parsed_json(text)
    if not isinstance(record, dict):
        raise ValueError(f"a JSON {type(record).__name__} instead of an object")  # noqa: TRY004
    record = record.get("statistics", record)
    statistics = SceneStatistics.of(
        pan=_band(record["pan"]), ms=[_band(band) for band in record["ms"]]
    )
    return statistics, _prior(record.get("prior")), _mtf(record.get("mtf"))


def _band(record: Mapping[str, Any]) -> BandStatistics:
    values = {name: float(record[name]) for name in NAMES if name in record or name != "black"}
    is_range = values["minimum"] <= values["maximum"]
    if not _finite(values.values()) or values["std"] < 0 or not is_range:
        raise ValueError(f"no statistics of a band: {values}")
    zero = values.pop("black", 0.0)
    return BandStatistics(**values, zero=zero)  # type: ignore[arg-type]


def _prior(record: Mapping[str, Any] | None) -> "RatioPrior | None":
    if record is None:
        return None
    from ssdiff_models.classical.haze_ratio import BroveyHazeRule
    from ssdiff_models.fusion.prior import RatioPrior

    values: dict[str, Any] = {name: float(record[name]) for name in ("scale", "shift")}
    numbers = list(values.values())
    for name in ("haze", "intensity", "black"):
        values[name] = tuple(float(value) for value in record[name])
        numbers += values[name]
    if not _finite(numbers):
        raise ValueError(f"no numbers of a prior: {record}")
    zeros = values.pop("black")
    return RatioPrior(rule=BroveyHazeRule(**values), zeros=zeros)


def _mtf(record: Mapping[str, Any] | None) -> "MtfEstimate | None":
    if record is None:
        return None
    from ssdiff_models.scene.mtf_estimate import MtfEstimate

    gains = tuple(float(gain) for gain in record["gains"])
    errors = tuple(None if error is None else float(error) for error in record["errors"])
    if not all(0 < gain < 1 for gain in gains):
        raise ValueError(f"no MTF gains, which lie between 0 and 1: {record}")
    reason = record.get("reason")
    return MtfEstimate(gains=gains, errors=errors, reason=reason and str(reason))


def _finite(values: Iterable[float]) -> bool:
    return all(math.isfinite(value) for value in values)
