"""The spectral library and the bands that look at it."""

import numpy as np
import pytest

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.sensors import SENSORS, get
from ssdiff_models.simulation.responses import channel_weights, responses
from ssdiff_models.simulation.spectra import MATERIALS, WAVELENGTHS, reflectance

PLANTS = ("grass", "broadleaf", "conifer", "wheat", "maize", "beet", "autumn_leaf")


def at(material: str, wavelength: float) -> float:
    return float(np.interp(wavelength, WAVELENGTHS, reflectance([material])[0]))


def test_every_material_reflects_between_nothing_and_all() -> None:
    curves = reflectance()
    assert curves.shape == (len(MATERIALS), len(WAVELENGTHS))
    assert curves.min() >= 0
    assert curves.max() < 0.75


def test_curves_are_smooth() -> None:
    assert np.abs(np.diff(reflectance(), axis=1)).max() < 0.03


@pytest.mark.parametrize("plant", PLANTS)
def test_plants_have_a_green_peak_and_a_red_edge(plant: str) -> None:
    assert at(plant, 550) > at(plant, 480)
    assert at(plant, 800) > 3.5 * at(plant, 675)


@pytest.mark.parametrize("water", ["river", "shallow_water", "pool"])
def test_water_is_dark_in_the_infrared(water: str) -> None:
    assert at(water, 850) < 0.4 * at(water, 550)


def test_soils_rise_from_blue_to_infrared() -> None:
    for soil in ("soil", "moist_soil", "sand"):
        assert at(soil, 450) < at(soil, 550) < at(soil, 650) < at(soil, 850)


def test_an_unknown_material_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'cheese'"):
        reflectance(["grass", "cheese"])


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: str(sensor.name))
def test_every_sensor_has_responses(sensor: object) -> None:
    weights = channel_weights(get(getattr(sensor, "name", "")))
    assert np.allclose(weights.sum(1), 1)
    assert weights.min() >= 0


def test_bands_look_where_their_name_says() -> None:
    sensor = get("wv3")
    means = channel_weights(sensor) @ WAVELENGTHS
    assert list(means[:-1]) == sorted(means[:-1])
    found = dict(zip(sensor.bands, means[:-1], strict=True))
    assert found["red"] == pytest.approx(659, abs=5)
    assert found["nir2"] == pytest.approx(949, abs=15)


def test_the_pan_is_wider_than_any_band() -> None:
    *bands, pan = responses(get("qb"))
    assert pan.width > 2 * max(band.width for band in bands)


def test_the_pan_is_no_mixture_of_the_bands() -> None:
    curves = reflectance() @ channel_weights(get("qb")).T
    fit, *_ = np.linalg.lstsq(curves[:, :-1], curves[:, -1], rcond=None)
    assert np.abs(curves[:, :-1] @ fit - curves[:, -1]).max() > 0.003
