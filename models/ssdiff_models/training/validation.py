"""Scores of a network on reduced-resolution scenes: what is fused from the whole scene against its truth."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ssdiff_models.diffusion.denoiser import ResidualDenoiser
from ssdiff_models.diffusion.sampler import SamplerName, sample
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import InputError
from ssdiff_models.metrics import ergas, q2n, sam
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["Score", "errors", "fuse_scene", "score", "score_lms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Quality on one scene."""

    name: str
    sam: float
    """Degrees."""
    ergas: float
    q2n: float
    """NaN where no block of 32 x 32 pixels is wholly valid."""


@torch.no_grad()
def fuse_scene(
    network: nn.Module,
    scene: WaldScene,
    *,
    schedule: Schedule,
    residual_scale: float = 1.0,
    steps: int = 1,
    sampler: SamplerName = "ddim",
    seed: int = 1,
) -> Tensor:
    """Returns the fused scene ``(bands, rows, cols)``, normalised, made in one piece without tiles."""
    multiple = int(getattr(network, "multiple", 1))
    rows, cols = scene.gt.shape[-2:]
    ratio = rows // scene.ms.shape[-2]
    more_rows, more_cols = -rows % multiple, -cols % multiple
    lms, pan = (
        pad(image[None], (0, more_cols, 0, more_rows), mode="replicate")
        for image in (scene.prior, scene.pan)
    )
    ms = pad(scene.ms[None], (0, more_cols // ratio, 0, more_rows // ratio), mode="replicate")
    device = next(network.parameters()).device
    lms, pan, ms = lms.to(device), pan.to(device), ms.to(device)
    denoiser = ResidualDenoiser(
        network=network, lms=lms, pan=pan, ms=ms, residual_scale=residual_scale
    )
    noise = torch.randn(lms.shape, generator=torch.Generator().manual_seed(seed)).to(device)
    return denoiser.fuse(sample(denoiser, noise, schedule, steps=steps, sampler=sampler))[
        0, :, :rows, :cols
    ].cpu()


def score(scene: WaldScene, fused: Tensor, ratio: int = 4) -> Score:
    """Scores a normalised fused scene in DN, on its valid pixels."""
    angle, error = errors(scene, fused, ratio)
    truth, image = scene.denormalise(scene.gt), scene.denormalise(fused)
    return Score(name=scene.name, sam=angle, ergas=error, q2n=_q2n(image, truth, scene))


def errors(scene: WaldScene, fused: Tensor, ratio: int = 4) -> tuple[float, float]:
    """Returns SAM and ERGAS alone, as `score`: the index Q2n takes many times as long where there are many bands."""
    truth, image, valid = scene.denormalise(scene.gt), scene.denormalise(fused), scene.valid.numpy()
    return sam(image, truth, valid=valid), ergas(image, truth, ratio=ratio, valid=valid)


def _q2n(image: Tensor, truth: Tensor, scene: WaldScene) -> float:
    # The index counts in integers; reflectances in 0..1 are written as thousands of them first, which changes nothing else.
    factor = 1.0 if max(scene.means) >= 10 else 10_000.0
    try:
        return q2n(image * factor, truth * factor, valid=scene.valid.numpy())
    except InputError:
        return math.nan


def score_lms(scene: WaldScene, ratio: int = 4) -> Score:
    """Scores plain interpolation (EXP)."""
    return score(scene, scene.lms, ratio)
