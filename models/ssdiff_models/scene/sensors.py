"""What is known of each sensor: bands, MTF gains at Nyquist, ratio, full-scale value, ground sampling distance.

MTF gains are those of the field's reference toolbox (genMTF, MTF_PAN); sensors it does not list have its defaults, 0.30 and 0.15.
"""

from dataclasses import dataclass

from ssdiff_models.errors import UsageError

__all__ = ["BGRN", "SENSORS", "WORLDVIEW", "Sensor", "get"]

BGRN = ("blue", "green", "red", "nir")
WORLDVIEW = ("coastal", "blue", "green", "yellow", "red", "red_edge", "nir1", "nir2")
LANDSAT = ("coastal", "blue", "green", "red", "nir", "swir1", "swir2")

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


SENSORS: tuple[Sensor, ...] = (
    Sensor(
        name="qb",
        title="QuickBird",
        bands=BGRN,
        ms_gains=(0.34, 0.32, 0.30, 0.22),
        pan_gain=0.15,
        ratio=4,
        full_scale=2047,
        pan_gsd=0.6,
        aliases=("quickbird", "quickbird-2", "qb2"),
    ),
    Sensor(
        name="ikonos",
        title="IKONOS",
        bands=BGRN,
        ms_gains=(0.26, 0.28, 0.29, 0.28),
        pan_gain=0.17,
        ratio=4,
        full_scale=2047,
        pan_gsd=1.0,
        aliases=("ik",),
    ),
    Sensor(
        name="ge1",
        title="GeoEye-1",
        bands=BGRN,
        ms_gains=(0.23,) * 4,
        pan_gain=0.16,
        ratio=4,
        full_scale=2047,
        pan_gsd=0.5,
        aliases=("geoeye1", "geoeye-1", "geoeye"),
    ),
    Sensor(
        name="wv2",
        title="WorldView-2",
        bands=WORLDVIEW,
        ms_gains=(0.35,) * 7 + (0.27,),
        pan_gain=0.11,
        ratio=4,
        full_scale=2047,
        pan_gsd=0.5,
        aliases=("worldview2", "worldview-2"),
    ),
    Sensor(
        name="wv3",
        title="WorldView-3",
        bands=WORLDVIEW,
        ms_gains=(0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315),
        pan_gain=0.14,
        ratio=4,
        full_scale=2047,
        pan_gsd=0.31,
        aliases=("worldview3", "worldview-3"),
    ),
    Sensor(
        name="wv4",
        title="WorldView-4",
        bands=BGRN,
        ms_gains=(0.23,) * 4,
        pan_gain=0.16,
        ratio=4,
        full_scale=2047,
        pan_gsd=0.31,
        aliases=("worldview4", "worldview-4"),
    ),
    Sensor(
        name="gf2",
        title="GaoFen-2",
        bands=BGRN,
        ms_gains=(0.30,) * 4,
        pan_gain=0.15,
        ratio=4,
        full_scale=1023,
        pan_gsd=0.8,
        aliases=("gaofen2", "gaofen-2"),
    ),
    Sensor(
        name="pleiades",
        title="Pleiades",
        bands=BGRN,
        ms_gains=(0.30,) * 4,
        pan_gain=0.15,
        ratio=4,
        full_scale=4095,
        pan_gsd=0.5,
        aliases=("phr", "pleiades-1"),
    ),
    Sensor(
        name="spot6",
        title="SPOT-6",
        bands=BGRN,
        ms_gains=(0.30,) * 4,
        pan_gain=0.15,
        ratio=4,
        full_scale=4095,
        pan_gsd=1.5,
        aliases=("spot7", "spot-6", "spot-7", "spot-6/7", "spot67"),
    ),
    Sensor(
        name="landsat8",
        title="Landsat-8",
        bands=LANDSAT,
        ms_gains=(0.30,) * 7,
        pan_gain=0.15,
        ratio=2,
        full_scale=65535,
        pan_gsd=15.0,
        aliases=("l8", "landsat-8", "landsat9", "landsat-9", "l9", "landsat"),
    ),
    Sensor(
        name="generic",
        title="generic",
        bands=BGRN,
        ms_gains=(0.30,) * 4,
        pan_gain=0.15,
        ratio=4,
        full_scale=2047,
        pan_gsd=0.5,
        aliases=("unknown", "none"),
    ),
)


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
