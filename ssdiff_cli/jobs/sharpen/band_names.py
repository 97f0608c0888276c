"""What the MS calls its bands, what follows from it, and what is guessed where it is silent."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.band_matching import band_order, in_places, known_bands

if TYPE_CHECKING:
    from ssdiff_models.checkpoint import Checkpoint

__all__ = [
    "band_names",
    "model_order",
    "names_in",
    "scene_sensor",
    "warn_of_guessed_gains",
    "warn_of_guessed_haze",
    "warn_of_missing_gains",
]

COLOURS = {"blue", "green", "red"}
REMEDY = "name the bands with --band-names"

_log = logging.getLogger(__name__)


def band_names(pair: ScenePair) -> tuple[str | None, ...]:
    """Returns the name of each MS band in lower case: the option's, or else the file's.

    Raises:
        UsageError: When the option names another number of bands.
    """
    named = pair.files.options.band_names
    if named and len(named) != pair.bands:
        raise UsageError(
            f"--band-names {','.join(named)}: {len(named)} names for the {pair.bands} bands of "
            f"{pair.ms.path}: give one for each, in their order"
        )
    return tuple(named) or names_in(pair.ms)


def names_in(bands: Bands) -> tuple[str | None, ...]:
    """Returns the name of each band in lower case: its description, or else its colour."""
    colours = bands.dataset.colorinterp
    names: list[str | None] = []
    for index, description in zip(bands.indexes, bands.descriptions, strict=True):
        colour = colours[index - 1].name
        name = description or (colour if colour in COLOURS else None)
        names.append(name and name.strip().lower())
    return tuple(names)


def scene_sensor(name: str | None, pair: ScenePair) -> sensors.Sensor:
    """Returns a sensor with the gain of each MS band by the bands' names.

    Without a name, the gains are those that were estimated from the pair, or else the usual ones.
    """
    sensor = sensors.get(name or "generic")
    names = band_names(pair)
    bands = tuple(name or "" for name in known_bands(names))
    if name is None and pair.mtf is not None:
        title = "estimated from the pair"
        return replace(sensor, name=sensors.AUTO, title=title, bands=bands, ms_gains=pair.mtf.gains)
    return replace(sensor, bands=bands, ms_gains=sensor.gains(pair.bands, names))


def warn_of_missing_gains(sensor: str | None, pair: ScenePair) -> None:
    """Warns of bands that a named sensor has not, so that the mean of its gains stands in."""
    known = sensors.get(sensor or "generic")
    names = known_bands(band_names(pair))
    own: tuple[str | None, ...] = known_bands(known.bands)
    if None in names:
        own = names if len(own) == pair.bands else ()
    numbered = zip(pair.ms.indexes, names, strict=True)
    missing = ", ".join(str(index) for index, name in numbered if name not in own)
    if missing and known.name != "generic":
        _log.warning(
            "%s: %s (%d bands) has no MTF for band %s: the mean of its gains stands in; "
            "without --sensor, gains are estimated from the pair",
            *(pair.ms.path, known.title, len(known.bands), missing),
        )


def warn_of_guessed_gains(sensor: str | None, pair: ScenePair) -> None:
    """Warns where the order of the bands, not their names, chooses their MTF."""
    known = sensors.get(sensor or "generic")
    unclear = None in known_bands(band_names(pair)) and len(known.bands) == pair.bands
    if unclear and len(set(known.ms_gains)) > 1:
        _warn_of_guess(pair, known.bands, f"the MTF of {known.title}")


def warn_of_guessed_haze(method: str, pair: ScenePair) -> None:
    """Warns where the order of four bands, not their names, chooses their haze."""
    if pair.bands == len(sensors.BGRN) and not any(known_bands(band_names(pair))):
        _warn_of_guess(pair, sensors.BGRN, method)


def _warn_of_guess(pair: ScenePair, taken: Sequence[str], what: str) -> None:
    numbers = zip(pair.ms.indexes, band_names(pair), taken, strict=True)
    guess = ", ".join(f"{index} ({name or 'no name'}) for {band}" for index, name, band in numbers)
    _log.warning("%s: %s takes band %s; %s if that is wrong", pair.ms.path, what, guess, REMEDY)


def model_order(checkpoint: "Checkpoint", pair: ScenePair) -> tuple[int, ...]:
    """Returns the scene's bands in a model's order, by their names; empty where these tell none.

    Raises:
        InputError: When unnamed bands would have to be guessed into a model of more bands.
    """
    names = band_names(pair)
    wanted = checkpoint.bands or ()
    order = band_order(names, wanted)
    if not wanted:
        return order
    if not order and pair.bands < len(wanted):
        raise InputError(
            f"{pair.ms.path}: has {pair.bands} bands ({_listed(names)}) for the {len(wanted)} of "
            f"model {checkpoint.name} ({', '.join(wanted)}), and their names do not tell which "
            f"they are: {REMEDY}, or choose a classical --method"
        )
    if pair.bands == len(wanted):
        _warn_of_others(checkpoint, pair, order)
    return order


def _warn_of_others(checkpoint: "Checkpoint", pair: ScenePair, order: Sequence[int]) -> None:
    """Warns where bands have no clear names, or others than the model's."""
    names = band_names(pair)
    taken = checkpoint.bands or ()
    if order:
        bands = in_places(order, taken)
        taken = tuple(taken[bands.index(band)] for band in range(len(bands)))
    known = known_bands(names)
    model = known_bands(taken)
    if known != model or (any(model) and not all(names)):
        _warn_of_guess(pair, taken, f"model {checkpoint.name}")


def _listed(names: Sequence[str | None]) -> str:
    return ", ".join(name or "no name" for name in names)
