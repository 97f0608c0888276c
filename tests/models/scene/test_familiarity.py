"""Scenes beside the range of a model's training."""

import pytest

from ssdiff_models.scene.familiarity import unfamiliar
from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics

KNOWN = {"contrast": [[0.1, 0.6]] * 4, "pan_contrast": [0.1, 0.6], "correlation": [0.7, 0.99]}


def scene(mean: float, *, contrast: float = 0.3, bands: int = 4) -> SceneStatistics:
    band = BandStatistics(mean=mean, std=contrast * mean, minimum=0, maximum=4 * mean)
    return SceneStatistics.of(pan=band, ms=[band] * bands)


def sentences(
    statistics: SceneStatistics,
    *,
    known: dict[str, list[list[float]]] | None = None,
    correlation: float = 0.9,
    full_scale: float | None = None,
) -> list[str]:
    metadata = {"radiometry": KNOWN | (known or {})}
    return list(unfamiliar(statistics, correlation, metadata, full_scale=full_scale))


@pytest.mark.parametrize("unit", [0.001, 1, 1000])
def test_units_do_not_count(unit: float) -> None:
    assert sentences(scene(unit)) == []


def test_contrasts_beyond_the_range_are_reported_for_each_band() -> None:
    reports = sentences(scene(1, contrast=0.95))
    assert len(reports) == 5
    assert "PAN's contrast" in reports[0]
    assert "MS band 4 (standard deviation over mean) is 0.95" in reports[4]
    assert "0.1 to 0.6" in reports[4]


def test_other_bands_than_the_models_are_compared_with_the_union_of_its_ranges() -> None:
    known = {"contrast": [[0.1, 0.2], [0.5, 0.9]]}
    assert sentences(scene(1, bands=8), known=known) == []
    assert len(sentences(scene(1, bands=2), known=known)) == 1


def test_a_low_correlation_of_pan_and_ms_is_reported() -> None:
    (report,) = sentences(scene(1), correlation=0.3)
    assert "0.30" in report
    assert "0.70" in report


@pytest.mark.parametrize("mean", [5, 900])
def test_values_far_from_the_full_scale_are_reported(mean: float) -> None:
    (report,) = sentences(scene(mean), full_scale=2047)
    assert f"{4 * mean:g}" in report
    assert "2047" in report


def test_without_a_record_nothing_is_compared() -> None:
    assert list(unfamiliar(scene(1, contrast=9), 0.0, {})) == []
