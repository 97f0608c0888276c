"""More training scenes out of few: other sharpness, scale, PAN, registration, noise and contrast.

A network that has seen few sensors takes their sharpness for granted and blurs what is crisper.
The prior of each variant is measured on the variant.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from ssdiff_models.errors import InputError
from ssdiff_models.resampling.degrade import reduce_pan
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.simulation import SceneSpec, simulate_pair
from ssdiff_models.training.wald_scene import Degradation, WaldScene, from_reference

__all__ = ["simulated", "variants"]

HALVED = 128
"""Least side of a scene that is halved."""
DARK = 0.01
"""Sharpened images keep above this part of their mean."""
GAMMAS = (1.0, 1.5, 2.0)
"""Exponents that turn simulated scenes into scenes of higher contrast."""
NOISE = 0.03
"""Most noise in PAN and MS, as a part of their means."""
SIDE = 768
"""Side of a simulated PAN."""


class _Draw:
    """Uniform numbers in the order of the calls."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def between(self, low: float, high: float) -> float:
        share = float(torch.rand(1, generator=self._generator))
        return low + (high - low) * share

    def shares(self, count: int) -> Tensor:
        """Returns positive weights that add up to one, uniform over all such."""
        numbers = torch.rand(count, generator=self._generator)
        weights = -numbers.clamp(min=1e-9).log()
        return weights / weights.sum()


def variants(scene: WaldScene, degradation: Degradation, seed: int) -> Iterator[WaldScene]:
    """Yields variants of a scene: half the scale, sharper, with another PAN, and with noise.

    The gains of the degradation vary by a fifth where PAN or scale vary.
    """
    draw = _Draw(seed)
    images = torch.cat([scene.gt, scene.pan])
    if min(images.shape[-2:]) >= HALVED:
        share = _halved(scene.valid[None].float())[0]
        half = replace(scene, valid=share > 0.999)
        small = _halved(images)
        yield from _made(half, "half", small, degradation)
        sharp = _sharpened(small, draw.between(0.2, 0.8))
        yield from _made(half, "half-sharp", sharp, _varied(degradation, draw))
    sharp = _sharpened(images, draw.between(0.2, 1.0))
    yield from _made(scene, "sharp", sharp, degradation)
    other = torch.cat([scene.gt, _other_pan(scene, draw)])
    yield from _made(scene, "other-pan", other, _varied(degradation, draw))
    pan = draw.between(0, NOISE)
    ms = draw.between(0, NOISE)
    noisy = scene.with_noise(pan=pan, ms=ms, prior=degradation.prior, seed=seed)
    yield replace(noisy, name=f"{scene.name}#noisy")


def _made(
    scene: WaldScene, kind: str, images: Tensor, degradation: Degradation
) -> Iterator[WaldScene]:
    """Yields the variant of bands and PAN, unless it has no valid pixel."""
    means = torch.tensor(scene.means)[:, None, None]
    dn = (images + 1).clamp(min=DARK) * means
    name = f"{scene.name}#{kind}"
    try:
        made = from_reference(name, degradation, pan=dn[-1], gt=dn[:-1], valid=scene.valid)
    except InputError:
        return
    yield replace(made, sensor=scene.sensor)


def _halved(images: Tensor) -> Tensor:
    halved: Tensor = avg_pool2d(images[None], 2)[0]
    return halved


def _sharpened(images: Tensor, amount: float) -> Tensor:
    """Adds `amount` of what a 3 x 3 binomial filter takes away."""
    taps = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(taps, taps)[None, None]
    padded = pad(images[:, None], (1,) * 4, mode="reflect")
    low = conv2d(padded, kernel)[:, 0]
    return images + amount * (images - low)


def _other_pan(scene: WaldScene, draw: _Draw) -> Tensor:
    """Returns a PAN of another response, sharpness and registration, up to a third of a pixel."""
    share = draw.between(0, 0.6)
    weights = draw.shares(len(scene.gt))
    response = (weights[:, None, None] * scene.gt).sum(0)
    pan = (1 - share) * scene.pan[0] + share * response
    sharper = _sharpened(pan[None], draw.between(-0.4, 0.5))[0]
    row = draw.between(-0.35, 0.35)
    col = draw.between(-0.35, 0.35)
    return shift_image(sharper, (row, col))[None]


def _varied(degradation: Degradation, draw: _Draw) -> Degradation:
    gains = [gain * draw.between(0.8, 1.2) for gain in degradation.gains]
    usual = tuple(min(max(gain, 0.1), 0.6) for gain in gains)
    return replace(degradation, gains=usual)


def simulated(
    sensor: Sensor, bands: tuple[int, ...], degradation: Degradation, seed: int
) -> Iterator[WaldScene]:
    """Yields simulated scenes at reduced and at full resolution, with rising contrast.

    `bands` are indexes of the sensor's bands, in the model's order.
    """
    middle = slice(SIDE // 6, SIDE // 2)
    for number, gamma in enumerate(GAMMAS):
        spec = SceneSpec(sensor=sensor, size=SIDE, seed=seed + number)
        pair = simulate_pair(spec)
        pan = _contrasted(pair.pan[None], gamma)[0]
        ms = _contrasted(pair.ms[list(bands)], gamma)
        truth = _contrasted(pair.truth[list(bands)], gamma)
        name = f"simulated/{sensor.name}-{number}"
        shape = (ms.shape[1], ms.shape[2])
        coarse = reduce_pan(pan, degradation.ratio, first=pair.first, shape=shape)
        reduced = from_reference(name, degradation, pan=coarse, gt=ms)
        yield replace(reduced, sensor="simulated")
        centre = {"pan": pan[middle, middle], "gt": truth[:, middle, middle]}
        full = from_reference(f"{name}#full", degradation, **centre)
        yield replace(full, sensor="simulated")


def _contrasted(pixels: np.ndarray, gamma: float) -> Tensor:
    images = torch.from_numpy(pixels.astype("float32"))
    means = images.mean((1, 2), keepdim=True)
    return (images.clamp(min=1) / means) ** gamma * means
