"""More training scenes out of few: what the same places would look like to other sensors, at other scales, less well registered.

A network that has seen a handful of sensors takes their sharpness for granted and blurs what is crisper. These variants change,
for a whole scene, how sharp PAN and reference are, what the PAN sees of the bands, how well the two lie on each other, and how
noisy they are; simulated scenes add high contrast. The numbers of the prior follow, since each variant measures its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.errors import InputError
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.simulation import SceneSpec, simulate_pair
from ssdiff_models.training.wald_scene import WaldScene, from_pair, from_reference, noisy

__all__ = ["Making", "simulated", "variants"]

HALVED = 128
"""Least side of a scene that is worth halving."""
DARK = 0.01
"""Sharpened images keep above this part of their mean."""
GAMMAS = (1.0, 1.5, 2.0)
"""Exponents that turn simulated scenes into scenes of higher contrast."""
NOISE = 0.03
"""Most noise in PAN and MS, as a part of their means."""
SIDE = 768
"""Side of a simulated PAN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How scenes become training scenes."""

    gains: tuple[float, ...]
    """MTF gain of each band at Nyquist."""
    ratio: int
    prior: PriorName
    seed: int


class _Draw:
    """Uniform numbers in the order of the calls."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(1, generator=self._generator))

    def shares(self, count: int) -> Tensor:
        """Returns non-negative weights that add up to one, uniform over all such."""
        weights = -torch.rand(count, generator=self._generator).clamp(min=1e-9).log()
        return weights / weights.sum()


def variants(scene: WaldScene, making: Making) -> Iterator[WaldScene]:
    """Yields variants of a scene that has its full resolution: half the scale, sharper, with another PAN, and with noise.

    Args:
        scene: The scene as it is.
        making: With the sensor's own MTF gains, which are varied by a fifth where the PAN is.
    """
    draw = _Draw(making.seed)
    images = torch.cat([scene.gt, scene.pan])
    if min(images.shape[-2:]) >= HALVED:
        small, valid = _halved(images), _halved(scene.valid[None].float())[0] > 0.999
        yield from _made(scene, "half", small, valid, making)
        yield from _made(
            scene,
            "half-sharp",
            _sharpened(small, draw.between(0.2, 0.8)),
            valid,
            _varied(making, draw),
        )
    yield from _made(
        scene, "sharp", _sharpened(images, draw.between(0.2, 1.0)), scene.valid, making
    )
    other = torch.cat([scene.gt, _other_pan(scene, draw)])
    yield from _made(scene, "other-pan", other, scene.valid, _varied(making, draw))
    yield _noisy(scene, making, draw)


def _made(
    scene: WaldScene, kind: str, images: Tensor, valid: Tensor, making: Making
) -> Iterator[WaldScene]:
    dn = (images + 1).clamp(min=DARK) * torch.tensor(scene.means)[:, None, None]
    name = f"{scene.name}#{kind}"
    try:
        made = from_reference(
            name,
            pan=dn[-1],
            gt=dn[:-1],
            gains=making.gains,
            ratio=making.ratio,
            valid=valid,
            prior=making.prior,
        )
    except InputError:  # a variant without a valid pixel is no loss
        return
    yield replace(made, sensor=scene.sensor)


def _halved(images: Tensor) -> Tensor:
    halved: Tensor = avg_pool2d(images[None], 2)[0]
    return halved


def _sharpened(images: Tensor, amount: float) -> Tensor:
    """Adds `amount` of what a 3 x 3 binomial takes away."""
    taps = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(taps, taps)[None, None]
    low = conv2d(pad(images[:, None], (1,) * 4, mode="reflect"), kernel)[:, 0]
    return images + amount * (images - low)


def _other_pan(scene: WaldScene, draw: _Draw) -> Tensor:
    """Returns a PAN that sees the bands otherwise, is blurred or sharpened, and lies up to a third of a pixel off."""
    share, weights = draw.between(0, 0.6), draw.shares(len(scene.gt))
    pan = (1 - share) * scene.pan[0] + share * (weights[:, None, None] * scene.gt).sum(0)
    sharper = _sharpened(pan[None], draw.between(-0.4, 0.5))[0]
    return shift_image(sharper, (draw.between(-0.35, 0.35), draw.between(-0.35, 0.35)))[None]


def _noisy(scene: WaldScene, making: Making, draw: _Draw) -> WaldScene:
    pan, ms = draw.between(0, NOISE), draw.between(0, NOISE)
    made = noisy(scene, pan=pan, ms=ms, ratio=making.ratio, prior=making.prior, seed=making.seed)
    return replace(made, name=f"{scene.name}#noisy")


def _varied(making: Making, draw: _Draw) -> Making:
    gains = tuple(min(max(gain * draw.between(0.8, 1.2), 0.1), 0.6) for gain in making.gains)
    return replace(making, gains=gains)


def simulated(sensor: Sensor, bands: tuple[int, ...], making: Making) -> Iterator[WaldScene]:
    """Yields simulated scenes of some bands of a sensor, at reduced and at full resolution, with rising contrast.

    Args:
        sensor: Any.
        bands: Their indexes among the sensor's, in the model's order.
        making: Its gains are not used, the sensor's own are.
    """
    gains = tuple(sensor.gains(len(sensor.bands))[band] for band in bands)
    middle = slice(SIDE // 6, SIDE // 2)
    for number, gamma in enumerate(GAMMAS):
        pair = simulate_pair(SceneSpec(sensor=sensor, size=SIDE, seed=making.seed + number))
        pan = _contrasted(torch.from_numpy(pair.pan.astype("float32"))[None], gamma)[0]
        ms, truth = (
            _contrasted(torch.from_numpy(image.astype("float32"))[list(bands)], gamma)
            for image in (pair.ms, pair.truth)
        )
        name, fields = (
            f"simulated/{sensor.name}-{number}",
            {"gains": gains, "ratio": making.ratio, "prior": making.prior},
        )
        reduced = from_pair(name, pan=pan, ms=ms, first=pair.first, **fields)  # type: ignore[arg-type]
        centre = {"pan": pan[middle, middle], "gt": truth[:, middle, middle]}
        full = from_reference(f"{name}#full", **centre, **fields)  # type: ignore[arg-type]
        yield replace(reduced, sensor="simulated")
        yield replace(full, sensor="simulated")


def _contrasted(images: Tensor, gamma: float) -> Tensor:
    means = images.mean((1, 2), keepdim=True)
    return (images.clamp(min=1) / means) ** gamma * means
