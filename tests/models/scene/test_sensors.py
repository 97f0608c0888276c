import numpy as np
import pytest

from ssdiff_models.errors import UsageError
from ssdiff_models.scene import sensors


@pytest.mark.parametrize("sensor", sensors.SENSORS, ids=lambda sensor: sensor.name)
def test_every_sensor_is_complete(sensor: sensors.Sensor) -> None:
    assert len(sensor.bands) == len(sensor.ms_gains)
    assert all(0 < gain < 1 for gain in (*sensor.ms_gains, sensor.pan_gain))
    assert sensor.ratio in (2, 4)
    assert sensor.full_scale > 0


def test_names_and_aliases_mean_one_sensor() -> None:
    names = [
        name
        for sensor in sensors.SENSORS
        for name in {sensor.name, sensor.title.lower(), *sensor.aliases}
    ]
    assert len(names) == len(set(names))
    assert sensors.get(" WorldView-3 ").name == sensors.get("wv3").name == "wv3"
    assert sensors.get("GeoEye-1").name == "ge1"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'sputnik'.*qb.*wv3.*generic"):
        sensors.get("sputnik")


def test_gains_by_name_by_position_and_by_default() -> None:
    wv3, quickbird = sensors.get("wv3"), sensors.get("qb")
    assert wv3.gains(8) == wv3.ms_gains
    assert wv3.gains(2, ("nir", "blue")) == (wv3.ms_gains[6], wv3.ms_gains[1])
    assert quickbird.gains(4, ("nir1", "red", "green", "blue")) == quickbird.ms_gains[::-1]
    assert quickbird.gains(4, (None, None, None, None)) == quickbird.ms_gains
    assert quickbird.gains(3) == pytest.approx((np.mean(quickbird.ms_gains),) * 3)
    assert quickbird.gains(2, ("blue", "swir9")) == pytest.approx(
        (np.mean(quickbird.ms_gains),) * 2
    )


def test_gains_are_the_reference_toolboxs() -> None:
    # FACTS 3: genMTF's own table.
    assert sensors.get("qb").ms_gains == (0.34, 0.32, 0.30, 0.22)
    assert sensors.get("wv3").ms_gains == (0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315)
    assert sensors.get("generic").gains(5) == pytest.approx((0.3,) * 5)
