"""How the model denoises: its states and estimates step by step, split into what the MS could see and what is finer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_cli.jobs.evaluate.methods.on_arrays import Model, at_phase
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_cli.jobs.evaluate.samples.sample import Sample
from ssdiff_models.diffusion.denoiser import ResidualDenoiser
from ssdiff_models.diffusion.noise import gaussian_batch
from ssdiff_models.diffusion.sampler import SAMPLERS
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.resampling.degrade import correlate
from ssdiff_models.resampling.taps import lowpass_kernel
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.source import FloatArray, Patch
from ssdiff_models.scene.windows import Window

__all__ = ["STEPS", "Moment", "denoising"]

STEPS = 6
"""Steps that are shown, whatever number the scores were made with."""
SIDE = 128
"""Side of the part that is shown, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One step of the sampler; images ``(bands, rows, cols)`` of all bands of the scene."""

    t: int
    """Time step, from nearly pure noise down."""
    state: FloatArray
    """The noisy residual x_t, in the network's range."""
    estimate: FloatArray
    """LMS plus the residual estimated from it, DN."""
    low: FloatArray
    """What of the estimate the MS's resolution can carry, DN."""
    high: FloatArray
    """The rest, DN."""


def denoising(gallery: Gallery) -> list[Moment]:
    """Returns the steps of the gallery's model on the middle of what is shown."""
    model, sample = gallery.model, gallery.sample
    assert model is not None
    assert sample is not None
    window = _middle(gallery, model)
    # As in `ThreadRunner`: on a busy machine, threads that wait for each other inside an operator take many times as long.
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return pool.submit(lambda: list(_moments(model, sample, window))).result()


def _middle(gallery: Gallery, model: Model) -> Window:
    assert gallery.part is not None
    assert gallery.sample is not None
    multiple = int(getattr(model.checkpoint.network, "multiple", 4 * model.checkpoint.ratio))
    starts = [
        max(part.start + (part.stop - part.start - SIDE) // 2, 0) // multiple * multiple
        for part in gallery.part
    ]
    side = -(-SIDE // multiple) * multiple
    return Window(row=starts[0], col=starts[1], rows=side, cols=side)


@torch.inference_mode()
def _moments(model: Model, sample: Sample, window: Window) -> Iterator[Moment]:
    checkpoint = model.checkpoint
    ms = at_phase(sample, checkpoint.ratio, checkpoint.ms_phase)
    source = ArraySource(pan=sample.pan.astype(np.float32), ms=ms, ratio=checkpoint.ratio)
    fuser = model.fuser(source, sample.statistics)
    patch, device = source.read(window), model.device.device
    noise = gaussian_batch(
        [window], bands=fuser.bands, seed=model.settings.seed, sample=0, device=device
    )
    denoisers = [_denoiser(fuser, patch, list(group), device) for group in fuser.groups]
    sampler = SAMPLERS[model.settings.sampler]
    runs = [
        sampler(denoiser, noise[:, list(group)], checkpoint.schedule, STEPS)
        for denoiser, group in zip(denoisers, fuser.groups, strict=True)
    ]
    for steps in zip(*runs, strict=True):
        states = [step.x_t for step in steps]
        estimates = [
            denoiser.fuse(step.x0_hat) for denoiser, step in zip(denoisers, steps, strict=True)
        ]
        estimate = fuser.ms_range.restore(_assembled(estimates, fuser))
        low = correlate(estimate.double(), [lowpass_kernel(checkpoint.ratio)]).float()
        yield Moment(
            t=steps[0].t,
            state=_assembled(states, fuser).numpy(),
            estimate=estimate.numpy(),
            low=low.numpy(),
            high=(estimate - low).numpy(),
        )


def _assembled(images: list[Tensor], fuser: ModelFuser) -> Tensor:
    """Returns all bands of the scene from the images ``(1, bands, rows, cols)`` of its groups; bands of several are averaged."""
    total = torch.zeros(fuser.bands, *images[0].shape[2:])
    counts = [sum(group.count(band) for group in fuser.groups) for band in range(fuser.bands)]
    for image, group in zip(images, fuser.groups, strict=True):
        for place, band in enumerate(group):
            total[band] += image[0, place].cpu() / counts[band]
    return total


def _denoiser(
    fuser: ModelFuser, patch: Patch, bands: list[int], device: torch.device
) -> ResidualDenoiser:
    """Returns the model bound to one tile, in the network's range."""
    checkpoint = fuser.checkpoint
    images = fuser.images(torch.from_numpy(patch.pan)[None, None], torch.from_numpy(patch.ms)[None])
    return ResidualDenoiser(
        network=checkpoint.network,
        lms=images.lms[:, bands].to(device),
        pan=images.pan.to(device),
        ms=images.ms[:, bands].to(device),
        residual_scale=checkpoint.residual_scale,
    )
