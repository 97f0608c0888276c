"""Sensors: bands, MTF gains, ratio, full scale, GSD; `sensors.toml` has the table."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.band_matching import known_bands

__all__ = ["AUTO", "BGRN", "SENSORS", "Sensor", "get"]

AUTO = "auto"
"""What stands for the sensor whose gains are estimated from the pair."""

BGRN = ("blue", "green", "red", "nir")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One PAN/MS instrument."""

    name: str
    """Short name, as in ``--sensor``."""
    title: str
    """Full name."""
    bands: tuple[str, ...]
    """MS band names in the usual order of delivery."""
    ms_gains: tuple[float, ...]
    """MTF gain of each MS band at the MS Nyquist frequency, 0..1."""
    pan_gain: float
    """MTF gain of the PAN at its Nyquist frequency, 0..1 (the toolbox's MTF_PAN)."""
    ratio: int
    """PAN pixels per MS pixel on each axis."""
    full_scale: float
    """Largest DN of the usual product."""
    pan_gsd: float
    """PAN ground sampling distance in metres."""
    aliases: tuple[str, ...] = ()
    """Other accepted names, lower case."""

    def gains(self, count: int, names: tuple[str | None, ...] | None = None) -> tuple[float, ...]:
        """Returns the MTF gains of `count` bands.

        They are matched by name where every name is known, else by position where the counts
        agree. The mean of the sensor's gains stands in for the others.
        """
        mean = sum(self.ms_gains) / len(self.ms_gains)
        own = dict(zip(known_bands(self.bands), self.ms_gains, strict=True))
        known = known_bands(names or ())
        if len(known) == count and None not in known:
            return tuple(own.get(name, mean) for name in known)
        return self.ms_gains if count == len(self.bands) else (mean,) * count


def _read() -> tuple[Sensor, ...]:
    table = resources.files(__package__).joinpath("sensors.toml")
    entries = tomllib.loads(table.read_text(encoding="utf-8"))["sensors"]
    sensors = []
    for entry in entries:
        fields = {key: _frozen(value) for key, value in entry.items()}
        sensors.append(Sensor(**fields))
    return tuple(sensors)


def _frozen(value: object) -> Any:  # noqa: ANN401 - what TOML holds
    return tuple(value) if isinstance(value, list) else value


SENSORS = _read()


def get(name: str) -> Sensor:
    """Returns the sensor of that name or alias, in any case.

    Raises:
        UsageError: When no sensor has that name; the message lists the known ones.
    """
    wanted = name.strip().lower()
    for sensor in SENSORS:
        if wanted in (sensor.name, sensor.title.lower(), *sensor.aliases):
            return sensor
    known = ", ".join(sensor.name for sensor in SENSORS)
    raise UsageError(f"unknown sensor {name!r}: known are {known}")
