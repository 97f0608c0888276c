"""Approximate spectral responses of the bands and the PAN of each kind of sensor."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.simulation.spectra import WAVELENGTHS

__all__ = ["Response", "channel_weights", "responses"]

_SUN_KELVIN = 5800


@dataclass(frozen=True, slots=True)
class Response:
    """A flat-topped spectral response."""

    centre: float
    """Centre wavelength in nm."""
    width: float
    """Full width at half maximum in nm."""
    slope: float = 0.0
    """Relative rise over its width: detectors are not equally sensitive everywhere."""

    def weights(self) -> npt.NDArray[np.float64]:
        """Returns the response at `WAVELENGTHS`, weighted by the sun's spectrum, of sum 1."""
        position = (WAVELENGTHS - self.centre) / self.width
        flatness = (2 * position) ** 6
        top = np.exp(-np.log(2) * flatness)
        tilt = np.clip(1 + self.slope * position, 0, None)
        weights = top * tilt * _sunlight()
        return np.asarray(weights / weights.sum())


@dataclass(frozen=True, slots=True)
class _Family:
    """Sensors that have the same bands."""

    pan: Response
    bands: Mapping[str, Response]


def _families() -> Iterator[_Family]:
    """Yields the families of `responses.toml`."""
    path = resources.files(__package__).joinpath("responses.toml")
    text = path.read_text(encoding="utf-8")
    for table in tomllib.loads(text)["families"]:
        pan = Response(*table["pan"])
        bands = {name: Response(*numbers) for name, numbers in table["bands"].items()}
        yield _Family(pan, bands)


def _sunlight() -> npt.NDArray[np.float64]:
    """Returns a black body of 5800 K in photons, which detectors count, at an arbitrary scale."""
    micrometres = WAVELENGTHS / 1000
    energy = 14388 / (micrometres * _SUN_KELVIN)
    photons: npt.NDArray[np.float64] = micrometres**-4 / np.expm1(energy)
    return photons


def responses(sensor: Sensor) -> tuple[Response, ...]:
    """Returns the responses of the sensor's bands in their order, then that of its PAN.

    Raises:
        UsageError: When a band's name belongs to no known response.
    """
    for family in _families():
        if set(sensor.bands) <= set(family.bands):
            bands = [family.bands[name] for name in sensor.bands]
            return (*bands, family.pan)
    raise UsageError(
        f"the bands {', '.join(sensor.bands)} of {sensor.title} have no known spectral response: "
        "simulate another --sensor"
    )


def channel_weights(sensor: Sensor) -> npt.NDArray[np.float64]:
    """Returns ``(bands + 1, wavelengths)`` weights of sum 1: the bands, then the PAN."""
    weights = [response.weights() for response in responses(sensor)]
    return np.stack(weights)
