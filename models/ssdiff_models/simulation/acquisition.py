"""A satellite over the landscape: light, haze, optics, two pixel grids, noise and DN."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.simulation.landscape import landscape, metres_per_pixel
from ssdiff_models.simulation.responses import channel_weights
from ssdiff_models.simulation.spectra import MATERIALS, WAVELENGTHS, reflectance
from ssdiff_models.simulation.texture import FloatArray, Random

__all__ = ["SceneSpec", "SimulatedPair", "simulate_pair"]

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
        return self.offset[axis] + (ratio - 1) / 2 - ratio * self.margin


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
    widest = _ms_sigma(min(sensor.ms_gains), sensor.ratio)
    border = sensor.ratio * (spec.margin + 2) + int(_REACH * widest) + 3
    radiance = _radiance(spec, spec.size + 2 * border)
    sharp = _optics(radiance, sensor.pan_gain) * np.float32(_EXPOSURE * sensor.full_scale)
    bands = sharp[:-1]
    inner = slice(border, border + spec.size)
    coarse = [
        _sample(band, gain, spec, border) for band, gain in zip(bands, sensor.ms_gains, strict=True)
    ]
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([spec.seed, 99])))
    pan = _noisy(sharp[-1, inner, inner], _PAN_ELECTRONS, sensor, rng)
    ms = _noisy(np.stack(coarse), _MS_ELECTRONS, sensor, rng)
    return SimulatedPair(
        pan=_quantise(pan, sensor),
        ms=_quantise(ms, sensor),
        truth=_quantise(bands[:, inner, inner], sensor),
        first=(spec.ms_centre(0), spec.ms_centre(1)),
    )


def _radiance(spec: SceneSpec, size: int) -> FloatArray:
    """Returns the apparent reflectance ``(bands + PAN, rows, cols)`` above the atmosphere."""
    weights = channel_weights(spec.sensor)
    colours = (reflectance() @ weights.T).astype(np.float32)
    palette = dict(zip(MATERIALS, colours, strict=True))
    grain = metres_per_pixel(spec.sensor.pan_gsd, spec.size)
    scene = landscape(size=size, grain=grain, palette=palette, seed=spec.seed)
    # Shadows see the sky only, which is blue, and so is the haze in front of everything.
    sky = _channels(weights, 0.09 + 0.2 * (480 / WAVELENGTHS) ** 2.5)
    haze = _channels(weights, 0.012 + 0.052 * (480 / WAVELENGTHS) ** 3.5)
    return scene.reflectance * (sky + (1 - sky) * scene.sunlight) + haze


def _channels(weights: npt.NDArray[np.float64], curve: npt.NDArray[np.float64]) -> FloatArray:
    return (weights @ curve).astype(np.float32)[:, None, None]


def _optics(image: FloatArray, gain: float) -> FloatArray:
    """Blurs every channel by the PAN's optics.

    That is a Gaussian whose response at the PAN's Nyquist frequency is `gain`.
    """
    sigma = np.sqrt(-2 * np.log(gain)) / np.pi
    taps = np.exp(-0.5 * (np.arange(-3, 4) / sigma) ** 2)
    taps /= taps.sum()
    padded = np.pad(image, ((0, 0), (3, 3), (3, 3)), mode="edge")
    rows, cols = image.shape[1:]
    tall = np.zeros((len(image), rows, padded.shape[2]), np.float32)
    blurred = np.zeros_like(image)
    for k, tap in enumerate(taps):
        tall += padded[:, k : k + rows] * np.float32(tap)
    for k, tap in enumerate(taps):
        blurred += tall[:, :, k : k + cols] * np.float32(tap)
    return blurred


def _ms_sigma(gain: float, ratio: int) -> float:
    """Returns the standard deviation, in PAN pixels, of the Gaussian of an MTF gain."""
    return float(ratio * np.sqrt(-2 * np.log(gain)) / np.pi)


def _sample(band: FloatArray, gain: float, spec: SceneSpec, border: int) -> FloatArray:
    """Filters ``(rows, cols)`` with the MS MTF and samples it at the centres of the MS pixels."""
    sigma = _ms_sigma(gain, spec.sensor.ratio)
    tall = _sample_rows(band, sigma, spec, spec.ms_centre(0) + border)
    return _sample_rows(tall.T, sigma, spec, spec.ms_centre(1) + border).T


def _sample_rows(image: FloatArray, sigma: float, spec: SceneSpec, first: float) -> FloatArray:
    # Tap by tap: the order of a matrix product's sum, hence its last bit, depends on threads.
    ratio = spec.sensor.ratio
    count = spec.size // ratio + 2 * spec.margin
    reach = int(np.ceil(_REACH * sigma))
    middle = int(np.round(first))
    positions = np.arange(middle - reach, middle + reach + 1)
    taps = np.exp(-0.5 * ((positions - first) / sigma) ** 2)
    taps /= taps.sum()
    sampled = np.zeros((count, image.shape[1]), np.float32)
    for start, tap in zip(positions, taps, strict=True):
        sampled += image[start : start + ratio * (count - 1) + 1 : ratio] * np.float32(tap)
    return sampled


def _noisy(dn: FloatArray, electrons: float, sensor: Sensor, rng: Random) -> FloatArray:
    """Adds photon and read noise; `electrons` fill a detector at the sensor's full scale."""
    per_dn = np.float32(electrons / sensor.full_scale)
    variance = np.maximum(dn, 0) * per_dn + np.float32(_READ_NOISE**2)
    sigma = np.sqrt(variance) / per_dn
    noise = rng.standard_normal(dn.shape, dtype=np.float32)
    return np.asarray(dn + sigma * noise, dtype=np.float32)


def _quantise(dn: FloatArray, sensor: Sensor) -> UintArray:
    return np.rint(np.clip(dn, 0, sensor.full_scale)).astype(np.uint16)
