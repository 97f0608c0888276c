"""What is known of each sensor: bands, MTF gains, ratio, full scale, GSD; `sensors.toml` has the table."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ssdiff_models.errors import UsageError

__all__ = ["BGRN", "SENSORS", "Sensor", "get"]

BGRN = ("blue", "green", "red", "nir")

_NAMES_ALIKE = {"nir": "nir1", "nir1": "nir"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One PAN/MS instrument."""

    name: str
    """Short name, as in ``--sensor``."""
    title: str
    """The name people write."""
    bands: tuple[str, ...]
    """MS band names in the usual order of delivery."""
    ms_gains: tuple[float, ...]
    """MTF gain of each MS band at the MS Nyquist frequency, 0..1."""
    pan_gain: float
    """MTF gain of the PAN at the MS Nyquist frequency's PAN counterpart, 0..1."""
    ratio: int
    """PAN pixels per MS pixel on each axis."""
    full_scale: float
    """Largest DN of the usual product."""
    pan_gsd: float
    """PAN ground sampling distance in metres."""
    aliases: tuple[str, ...] = ()
    """Other accepted names, lower case."""

    def gains(self, count: int, names: tuple[str | None, ...] | None = None) -> tuple[float, ...]:
        """Returns the MTF gains of `count` bands: by band name where every name is known, by position where the counts agree.

        A product with fewer bands than the sensor (blue, green, red, nir of an eight-band one) is matched by name; without usable names
        the mean of the sensor's gains stands for each band.
        """
        known = dict(zip(self.bands, self.ms_gains, strict=True))
        if names is not None and len(names) == count:
            found = [
                known.get(name or "", known.get(_NAMES_ALIKE.get(name or "", ""))) for name in names
            ]
            if all(gain is not None for gain in found):
                return tuple(gain for gain in found if gain is not None)
        if count == len(self.bands):
            return self.ms_gains
        return (sum(self.ms_gains) / len(self.ms_gains),) * count


def _read() -> tuple[Sensor, ...]:
    text = resources.files(__package__).joinpath("sensors.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["sensors"]
    return tuple(Sensor(**{key: _frozen(value) for key, value in one.items()}) for one in entries)


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
    raise UsageError(
        f"unknown sensor {name!r}: known are {', '.join(sensor.name for sensor in SENSORS)}"
    )
