"""Approximate spectral responses of the bands and the PAN of each kind of sensor."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.simulation.spectra import WAVELENGTHS

__all__ = ["Response", "channel_weights", "responses"]


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
        top = np.exp(-np.log(2) * (2 * position) ** 6)
        tilt = np.clip(1 + self.slope * position, 0, None)
        weights = top * tilt * _sunlight()
        return np.asarray(weights / weights.sum())


@dataclass(frozen=True, slots=True)
class _Family:
    """Sensors that have the same bands."""

    pan: Response
    bands: Mapping[str, Response]


# The PAN of four-band sensors reaches into the infrared; WorldView's ends at 800, Landsat's at 680.
_FAMILIES = (
    _Family(
        Response(672, 430, 0.35),
        {
            "blue": Response(485, 70),
            "green": Response(560, 80),
            "red": Response(660, 62),
            "nir": Response(830, 138),
        },
    ),
    _Family(
        Response(625, 345, 0.25),
        {
            "coastal": Response(427, 52),
            "blue": Response(480, 60),
            "green": Response(546, 70),
            "yellow": Response(606, 40),
            "red": Response(659, 60),
            "red_edge": Response(724, 40),
            "nir1": Response(832, 118),
            "nir2": Response(949, 180),
        },
    ),
    _Family(
        Response(590, 173, 0.1),
        {
            "coastal": Response(443, 16),
            "blue": Response(482, 60),
            "green": Response(561, 57),
            "red": Response(655, 38),
            "nir": Response(865, 28),
            "swir1": Response(1609, 85),
            "swir2": Response(2201, 187),
        },
    ),
)


def _sunlight() -> npt.NDArray[np.float64]:
    """Returns a black body of 5800 K in photons, which detectors count, at an arbitrary scale."""
    micrometres = WAVELENGTHS / 1000
    return np.asarray(micrometres**-4 / np.expm1(14388 / (micrometres * 5800)))


def responses(sensor: Sensor) -> tuple[Response, ...]:
    """Returns the responses of the sensor's bands in their order, then that of its PAN.

    Raises:
        UsageError: When a band's name belongs to no known response.
    """
    for family in _FAMILIES:
        if set(sensor.bands) <= set(family.bands):
            return (*(family.bands[name] for name in sensor.bands), family.pan)
    raise UsageError(
        f"the bands {', '.join(sensor.bands)} of {sensor.title} have no known spectral response: "
        "simulate another --sensor"
    )


def channel_weights(sensor: Sensor) -> npt.NDArray[np.float64]:
    """Returns ``(bands + 1, wavelengths)`` weights of sum 1: the bands, then the PAN."""
    return np.stack([response.weights() for response in responses(sensor)])
