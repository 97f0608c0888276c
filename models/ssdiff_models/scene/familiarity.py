"""Whether a scene is like those that a model was trained on, in units of band means."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics

__all__ = ["contrast", "unfamiliar"]

TOLERANCE = 1.5
"""Factor beyond the range of training that still counts as near."""
FULL_SCALE_SHARE = 1 / 16
"""Share of a model's full scale that the brightest pixel should reach at least."""


def contrast(band: BandStatistics) -> float:
    """Returns the standard deviation in units of the mean above zero, as the network sees it."""
    return band.std / band.scale


def unfamiliar(
    statistics: SceneStatistics,
    correlation: float | None,
    metadata: Mapping[str, Any],
    *,
    full_scale: float | None = None,
    places: Sequence[int] = (),
) -> Iterator[str]:
    """Yields a sentence with both numbers for each property far from the model's training.

    Args:
        statistics: Of the scene.
        correlation: Multiple correlation of PAN and MS bands; None where unknown.
        metadata: Of the model. ``radiometry`` in it is what `scene_fingerprint` returned; without
            it nothing is compared with training.
        full_scale: The DN that 1 stands for, for models that divide by it.
        places: The scene's band for each of the model's; empty: as they are.
    """
    if full_scale is not None:
        yield from _scale(statistics, full_scale)
    known = metadata.get("radiometry")
    if not known:
        return
    yield from _contrast("PAN's contrast", statistics.pan, known["pan_contrast"])
    ranges = _ranges(known["contrast"], len(statistics.ms))
    for place, limits in zip(places or range(len(ranges)), ranges, strict=True):
        yield from _contrast(f"contrast of MS band {place + 1}", statistics.ms[place], limits)
    least = float(known["correlation"][0])
    if correlation is not None and 1 - correlation > TOLERANCE * (1 - least):
        yield (
            f"the PAN's correlation with the MS bands is {correlation:.2f}, "
            f"that of its training scenes at least {least:.2f}"
        )


def _ranges(known: Sequence[Sequence[float]], bands: int) -> Sequence[Sequence[float]]:
    """Returns the model's range for each band of the scene, for others than its own the union."""
    if len(known) == bands:
        return known
    lows, highs = zip(*known, strict=True)
    union = (min(lows), max(highs))
    return [union] * bands


def _contrast(name: str, band: BandStatistics, limits: Sequence[float]) -> Iterator[str]:
    low, high = limits
    value = contrast(band)
    if not low / TOLERANCE <= value <= high * TOLERANCE:
        yield (
            f"the {name} (standard deviation over mean) is {value:.3g}, "
            f"that of its training scenes {low:.3g} to {high:.3g}"
        )


def _scale(statistics: SceneStatistics, full_scale: float) -> Iterator[str]:
    bands = (statistics.pan, *statistics.ms)
    brightest = max(band.maximum for band in bands)
    if not FULL_SCALE_SHARE * full_scale <= brightest <= 1.1 * full_scale:
        yield f"the largest value sampled is {brightest:g}, while it divides by {full_scale:g}"
