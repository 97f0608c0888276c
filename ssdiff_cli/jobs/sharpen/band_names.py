"""What the MS calls its bands, and the MTF gains that follow from it."""

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.scene import sensors

__all__ = ["band_names", "mtf_gains"]

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


def mtf_gains(sensor: str | None, pair: ScenePair) -> tuple[float, ...]:
    """Returns the MTF gain of each MS band: the sensor's by the bands' names, or generic ones."""
    return sensors.get(sensor or "generic").gains(pair.bands, band_names(pair))
