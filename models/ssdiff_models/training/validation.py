"""Scores of a model on reduced-resolution scenes, each fused in one piece."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.diffusion.denoiser import ResidualDenoiser
from ssdiff_models.diffusion.sampler import SamplerName, sample
from ssdiff_models.errors import InputError
from ssdiff_models.metrics import ergas, q2n, sam
from ssdiff_models.training.tiled_network import TiledNetwork
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["Score", "errors", "fuse_scene", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Quality on one scene."""

    sam: float
    """Degrees."""
    ergas: float
    q2n: float
    """NaN where no block of 32 x 32 pixels is wholly valid."""


@torch.no_grad()
def fuse_scene(
    model: Checkpoint,
    scene: WaldScene,
    *,
    steps: int = 1,
    sampler: SamplerName = "ddim",
    seed: int = 1,
) -> Tensor:
    """Returns the fused scene ``(bands, rows, cols)``, normalised.

    It is made without tiles, but for a network whose pixels depend on the whole tile.
    One step starts from the mean of the noise, several from noise.
    """
    network = model.network
    multiple = network.multiple
    device = next(network.parameters()).device
    bands, rows, cols = scene.gt.shape
    down = -rows % multiple
    right = -cols % multiple

    def grown(image: Tensor, ratio: int) -> Tensor:
        margins = (0, right // ratio, 0, down // ratio)
        return pad(image[None], margins, mode="replicate").to(device)

    denoiser = ResidualDenoiser(
        network=network if network.receptive_radius is not None else TiledNetwork.of(model),
        lms=grown(scene.prior, 1),
        pan=grown(scene.pan, 1),
        ms=grown(scene.ms, scene.ratio),
        residual_scale=model.residual_scale,
    )
    shape = (1, bands, rows + down, cols + right)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(shape, generator=generator) if steps > 1 else torch.zeros(shape)
    state = sample(denoiser, noise.to(device), model.schedule, steps=steps, sampler=sampler)
    fused = denoiser.fuse(state)[0]
    return fused[:, :rows, :cols].cpu()


def score(scene: WaldScene, fused: Tensor) -> Score:
    """Scores a normalised fused scene in DN, on its valid pixels."""
    angle, error = errors(scene, fused)
    return Score(sam=angle, ergas=error, q2n=_q2n(scene, fused))


def errors(scene: WaldScene, fused: Tensor) -> tuple[float, float]:
    """Returns SAM in degrees and ERGAS alone: with many bands, Q2n takes many times as long."""
    truth = scene.denormalise(scene.gt)
    image = scene.denormalise(fused)
    valid = scene.valid.numpy()
    angle = sam(image, truth, valid=valid)
    error = ergas(image, truth, ratio=scene.ratio, valid=valid)
    return angle, error


def _q2n(scene: WaldScene, fused: Tensor) -> float:
    # Q2n counts in integers, so reflectances from 0 to 1 are scaled first.
    factor = 1.0 if max(scene.means) >= 10 else 10_000.0
    image = scene.denormalise(fused) * factor
    truth = scene.denormalise(scene.gt) * factor
    try:
        return q2n(image, truth, valid=scene.valid.numpy())
    except InputError:
        return math.nan
