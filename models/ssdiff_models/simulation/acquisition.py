"""A satellite over the landscape: light, haze, optics, two pixel grids, noise and DN."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.simulation.chance import Random, generator
from ssdiff_models.simulation.landscape import landscape, metres_per_pixel
from ssdiff_models.simulation.responses import channel_weights
from ssdiff_models.simulation.spectra import MATERIALS, WAVELENGTHS, reflectance
from ssdiff_models.simulation.texture import FloatArray, floats

__all__ = ["SceneSpec", "SimulatedPair", "blurred_by_optics", "simulate_pair"]

_EXPOSURE = 0.9
_PAN_ELECTRONS = 24000.0
_MS_ELECTRONS = 60000.0
_READ_NOISE = 35.0
_REACH = 4.5
"""Standard deviations where the MS's Gaussian ends."""

UintArray = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """What to simulate."""

    sensor: Sensor
    """The instrument: bands, MTF, ratio, full scale, ground sampling distance."""
    size: int = 1024
    """Rows and columns of the PAN, in PAN pixels; a multiple of the sensor's ratio."""
    seed: int = 0
    """Chooses the landscape and the noise."""
    offset: tuple[float, float] = (0.62, -0.87)
    """How far the MS grid lies below and right of the PAN grid's corner, in PAN pixels."""
    margin: int = 3
    """MS pixels that the MS reaches beyond the PAN on every side, before the offset."""

    def __post_init__(self) -> None:
        ratio = self.sensor.ratio
        if self.size < 64 or self.size % ratio:
            raise UsageError(
                f"--size {self.size} must be a multiple of the ratio {ratio} and at least 64"
            )
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed} must not be negative")
        if self.margin < 0:
            raise UsageError(f"the margin of the MS must not be negative, got {self.margin}")
        if max(abs(shift) for shift in self.offset) > 2 * ratio:
            raise UsageError(
                f"an offset of {self.offset} PAN pixels is more than two MS pixels: "
                "choose a smaller one"
            )

    def ms_centre(self, axis: int) -> float:
        """Returns the PAN index of the centre of MS pixel 0 along an axis."""
        ratio = self.sensor.ratio
        middle = self.offset[axis] + (ratio - 1) / 2
        return middle - ratio * self.margin


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPair:
    """A PAN, the MS of the same scene, and what the MS would be at PAN resolution. All in DN."""

    pan: UintArray
    """``(rows, cols)``."""
    ms: UintArray
    """``(bands, rows, cols)``."""
    truth: UintArray
    """``(bands, rows, cols)`` on the PAN grid, free of noise."""
    first: tuple[float, float]
    """PAN row and column, fractional, of the centre of MS pixel (0, 0).

    PAN pixel (0, 0) has its centre at (0, 0).
    """


def simulate_pair(spec: SceneSpec) -> SimulatedPair:
    """Draws a landscape and takes its picture; the same `spec` gives the same pixels.

    The truth is the radiance through the PAN's optics in the MS bands. The MS is that truth through
    a Gaussian whose response at the MS Nyquist frequency is the sensor's MTF gain, sampled at the
    centres of the MS grid.
    """
    sensor = spec.sensor
    widest = _sigma(min(sensor.ms_gains), sensor.ratio)
    reach = int(_REACH * widest) + 3
    border = sensor.ratio * (spec.margin + 2) + reach
    radiance = _radiance(spec, spec.size + 2 * border)
    exposure = np.float32(_EXPOSURE * sensor.full_scale)
    sharp = blurred_by_optics(radiance, sensor.pan_gain) * exposure
    bands = zip(sharp[:-1], sensor.ms_gains, strict=True)
    coarse = [_sample(band, gain, spec, border) for band, gain in bands]
    inner = slice(border, border + spec.size)
    scene = sharp[:, inner, inner]
    rng = generator(spec.seed, 99)
    pan = _recorded(scene[-1], _PAN_ELECTRONS, sensor, rng)
    ms = _recorded(np.stack(coarse), _MS_ELECTRONS, sensor, rng)
    truth = _quantised(scene[:-1], sensor)
    first = (spec.ms_centre(0), spec.ms_centre(1))
    return SimulatedPair(pan=pan, ms=ms, truth=truth, first=first)


def _radiance(spec: SceneSpec, size: int) -> FloatArray:
    """Returns the apparent reflectance ``(bands + PAN, rows, cols)`` above the atmosphere."""
    weights = channel_weights(spec.sensor)
    colours = floats(reflectance() @ weights.T)
    palette = dict(zip(MATERIALS, colours, strict=True))
    grain = metres_per_pixel(spec.sensor.pan_gsd, spec.size)
    scene = landscape(size=size, grain=grain, palette=palette, seed=spec.seed)
    # Shadows see the sky only, which is blue, and so is the haze in front of everything.
    blue = 480 / WAVELENGTHS
    sky = _channels(weights, 0.09 + 0.2 * blue**2.5)
    haze = _channels(weights, 0.012 + 0.052 * blue**3.5)
    light = sky + (1 - sky) * scene.sunlight
    return scene.reflectance * light + haze


def _channels(weights: npt.NDArray[np.float64], curve: npt.NDArray[np.float64]) -> FloatArray:
    values = floats(weights @ curve)
    return values[:, None, None]


def blurred_by_optics(image: FloatArray, gain: float) -> FloatArray:
    """Blurs every channel by the PAN's optics.

    That is a Gaussian whose response at the PAN's Nyquist frequency is `gain`.
    """
    taps = _gaussian(np.arange(-3, 4), _sigma(gain, 1))
    channels, rows, cols = image.shape
    padded = np.pad(image, ((0, 0), (3, 3), (3, 3)), mode="edge")
    tall = np.zeros((channels, rows, cols + 6), np.float32)
    blurred = np.zeros_like(image)
    for k, tap in enumerate(taps):
        tall += padded[:, k : k + rows] * tap
    for k, tap in enumerate(taps):
        blurred += tall[:, :, k : k + cols] * tap
    return blurred


def _sigma(gain: float, ratio: int) -> float:
    """Returns the standard deviation, in PAN pixels, of the Gaussian of an MTF gain."""
    deviation = ratio * np.sqrt(-2 * np.log(gain))
    return float(deviation / np.pi)


def _gaussian(position: npt.NDArray[Any], sigma: float) -> FloatArray:
    """Returns weights of sum 1 at some positions."""
    taps = np.exp(-0.5 * (position / sigma) ** 2)
    return floats(taps / taps.sum())


def _sample(band: FloatArray, gain: float, spec: SceneSpec, border: int) -> FloatArray:
    """Filters ``(rows, cols)`` with the MS MTF and samples it at the centres of the MS pixels."""
    sigma = _sigma(gain, spec.sensor.ratio)
    tall = _sample_rows(band, sigma, spec, spec.ms_centre(0) + border)
    wide = _sample_rows(tall.T, sigma, spec, spec.ms_centre(1) + border)
    return wide.T


def _sample_rows(image: FloatArray, sigma: float, spec: SceneSpec, first: float) -> FloatArray:
    # Tap by tap: the order of a matrix product's sum, hence its last bit, depends on threads.
    ratio = spec.sensor.ratio
    count = spec.size // ratio + 2 * spec.margin
    reach = math.ceil(_REACH * sigma)
    middle = round(first)
    starts = np.arange(middle - reach, middle + reach + 1)
    taps = _gaussian(starts - first, sigma)
    _, cols = image.shape
    sampled = np.zeros((count, cols), np.float32)
    length = ratio * (count - 1) + 1
    for start, tap in zip(starts, taps, strict=True):
        sampled += image[start : start + length : ratio] * tap
    return sampled


def _recorded(dn: FloatArray, electrons: float, sensor: Sensor, rng: Random) -> UintArray:
    """Adds photon and read noise; `electrons` fill a detector at the sensor's full scale."""
    per_dn = np.float32(electrons / sensor.full_scale)
    photons = np.maximum(dn, 0) * per_dn
    variance = photons + np.float32(_READ_NOISE**2)
    sigma = np.sqrt(variance) / per_dn
    noise = rng.standard_normal(dn.shape, dtype=np.float32)
    return _quantised(dn + sigma * noise, sensor)


def _quantised(dn: FloatArray, sensor: Sensor) -> UintArray:
    whole = np.rint(np.clip(dn, 0, sensor.full_scale))
    return whole.astype(np.uint16)
