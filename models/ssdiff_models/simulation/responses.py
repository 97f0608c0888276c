"""Approximate spectral responses of the bands and the PAN of each kind of sensor, from centre and width."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.simulation.spectra import WAVELENGTHS

__all__ = ["Response", "channel_weights", "responses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A flat-topped spectral response."""

    centre: float
    """Centre wavelength in nm."""
    width: float
    """Full width at half maximum in nm."""
    slope: float = 0.0
    """Relative rise of the response over its width: detectors are not equally sensitive everywhere."""

    def weights(self) -> npt.NDArray[np.float64]:
        """Returns the response at `WAVELENGTHS`, weighted by the sun's spectrum, of sum 1."""
        position = (WAVELENGTHS - self.centre) / self.width
        response = np.exp(-np.log(2) * (2 * position) ** 6) * np.clip(
            1 + self.slope * position, 0, None
        )
        weights = response * _sunlight()
        return np.asarray(weights / weights.sum())


def _response(centre: float, width: float, slope: float = 0.0) -> Response:
    return Response(centre=centre, width=width, slope=slope)


_FOUR = {
    "blue": _response(485, 70),
    "green": _response(560, 80),
    "red": _response(660, 62),
    "nir": _response(830, 138),
}
_EIGHT = {
    "coastal": _response(427, 52),
    "blue": _response(480, 60),
    "green": _response(546, 70),
    "yellow": _response(606, 40),
    "red": _response(659, 60),
    "red_edge": _response(724, 40),
    "nir1": _response(832, 118),
    "nir2": _response(949, 180),
}
_LANDSAT = {
    "coastal": _response(443, 16),
    "blue": _response(482, 60),
    "green": _response(561, 57),
    "red": _response(655, 38),
    "nir": _response(865, 28),
    "swir1": _response(1609, 85),
    "swir2": _response(2201, 187),
}
# The PAN of the four-band sensors reaches into the infrared; WorldView's ends at 800 nm, Landsat's at 680 nm.
_FAMILIES = (
    (_FOUR, _response(672, 430, 0.35)),
    (_EIGHT, _response(625, 345, 0.25)),
    (_LANDSAT, _response(590, 173, 0.1)),
)


def _sunlight() -> npt.NDArray[np.float64]:
    """Returns a black body of 5800 K in photons, which is what detectors count, at an arbitrary scale."""
    micrometres = WAVELENGTHS / 1000
    return np.asarray(micrometres**-4 / np.expm1(14388 / (micrometres * 5800)))


def responses(sensor: Sensor) -> tuple[Response, ...]:
    """Returns the responses of the sensor's bands in their order, then that of its PAN.

    Raises:
        UsageError: When a band's name belongs to no known response.
    """
    for bands, pan in _FAMILIES:
        if all(name in bands for name in sensor.bands):
            return (*(bands[name] for name in sensor.bands), pan)
    raise UsageError(
        f"the bands {', '.join(sensor.bands)} of {sensor.title} have no known spectral response: simulate another --sensor"
    )


def channel_weights(sensor: Sensor) -> npt.NDArray[np.float64]:
    """Returns ``(bands + 1, wavelengths)`` weights of sum 1: the bands, then the PAN."""
    return np.stack([response.weights() for response in responses(sensor)])
