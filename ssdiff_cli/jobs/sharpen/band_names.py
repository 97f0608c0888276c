"""What the MS calls its bands, and the MTF gains that follow from it."""

from dataclasses import replace

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.scene import sensors

__all__ = ["band_names", "scene_sensor"]

COLOURS = {"blue", "green", "red"}


def band_names(pair: ScenePair) -> tuple[str | None, ...]:
    """Returns the name of each MS band in lower case: its description, or else its colour."""
    descriptions = pair.ms.dataset.descriptions
    colours = pair.ms.dataset.colorinterp
    names: list[str | None] = []
    for index in pair.ms.indexes:
        colour = colours[index - 1].name
        name = descriptions[index - 1] or (colour if colour in COLOURS else None)
        names.append(name and name.strip().lower())
    return tuple(names)


def scene_sensor(name: str | None, pair: ScenePair) -> sensors.Sensor:
    """Returns a sensor, or the generic one, with the gain of each MS band by the bands' names."""
    sensor = sensors.get(name or "generic")
    gains = sensor.gains(pair.bands, band_names(pair))
    return replace(sensor, bands=("",) * pair.bands, ms_gains=gains)
