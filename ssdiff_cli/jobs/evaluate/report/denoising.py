"""How the model denoises, step by step, split into what the MS could see and what is finer."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_cli.jobs.evaluate.methods import array_source
from ssdiff_cli.jobs.evaluate.plan import Model, Sample
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_models.diffusion.denoiser import ResidualDenoiser
from ssdiff_models.diffusion.noise import gaussian_batch
from ssdiff_models.diffusion.sampler import SAMPLERS
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.resampling.degrade import correlate
from ssdiff_models.resampling.mtf import lowpass_kernel
from ssdiff_models.scene.source import FloatArray, Patch
from ssdiff_models.scene.windows import Window

__all__ = ["STEPS", "Moment", "denoising"]

STEPS = 6
"""Steps that are shown, whatever the number of the scored images."""
SIDE = 128
"""Side of the part that is shown, rounded up to the network's multiple."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One step of the sampler; images are ``(bands, rows, cols)``."""

    t: int
    """Time step, falling from nearly pure noise."""
    state: FloatArray
    """The noisy residual x_t, in the network's range."""
    estimate: FloatArray
    """LMS plus the residual estimated from x_t, DN."""
    low: FloatArray
    """The estimate at the MS's resolution, DN."""
    high: FloatArray
    """The rest of the estimate, DN."""


def denoising(gallery: Gallery, model: Model) -> list[Moment]:
    """Returns the steps of a model on the middle of the part that is shown."""
    window = _middle(gallery.part, model)
    # As in `ThreadRunner`: threads that wait for each other take many times as long.
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return pool.submit(lambda: list(_moments(model, gallery.sample, window))).result()


def _middle(part: tuple[slice, slice], model: Model) -> Window:
    multiple = model.checkpoint.network.multiple
    side = -(-SIDE // multiple) * multiple
    starts = []
    for span in part:
        start = span.start + (span.stop - span.start - SIDE) // 2
        starts.append(max(start, 0) // multiple * multiple)
    return Window(row=starts[0], col=starts[1], rows=side, cols=side)


@torch.inference_mode()
def _moments(model: Model, sample: Sample, window: Window) -> Iterator[Moment]:
    checkpoint = model.checkpoint
    device = model.device.device
    source = array_source(sample, checkpoint)
    fuser = model.fuser(source, sample.statistics)
    patch = source.read(window)
    noise = gaussian_batch(
        [window], bands=fuser.bands, seed=model.settings.seed, sample=0, device=device
    )
    sampler = SAMPLERS[model.settings.sampler]
    denoisers = []
    runs = []
    for group in fuser.groups:
        bands = list(group)
        denoiser = _denoiser(fuser, patch, bands, device)
        denoisers.append(denoiser)
        runs.append(sampler(denoiser, noise[:, bands], checkpoint.schedule, STEPS))
    lowpass = lowpass_kernel(checkpoint.ratio)
    for steps in zip(*runs, strict=True):
        fused = [
            denoiser.fuse(step.x0_hat) for denoiser, step in zip(denoisers, steps, strict=True)
        ]
        state = _assembled([step.x_t for step in steps], fuser)
        estimate = fuser.ms_range.restore(_assembled(fused, fuser))
        low = correlate(estimate.double(), [lowpass]).float()
        yield Moment(
            t=steps[0].t,
            state=state.numpy(),
            estimate=estimate.numpy(),
            low=low.numpy(),
            high=(estimate - low).numpy(),
        )


def _assembled(images: Sequence[Tensor], fuser: ModelFuser) -> Tensor:
    """Returns ``(bands, rows, cols)`` from the images ``(1, bands, rows, cols)`` of band groups.

    A band of several groups is the mean of its images.
    """
    total = torch.zeros(fuser.bands, *images[0].shape[2:])
    counts = [sum(group.count(band) for group in fuser.groups) for band in range(fuser.bands)]
    for image, group in zip(images, fuser.groups, strict=True):
        for index, band in enumerate(group):
            total[band] += image[0, index].cpu() / counts[band]
    return total


def _denoiser(
    fuser: ModelFuser, patch: Patch, bands: list[int], device: torch.device
) -> ResidualDenoiser:
    """Returns the model bound to some bands of one tile, in the network's range."""
    checkpoint = fuser.checkpoint
    pan = torch.from_numpy(patch.pan)[None, None]
    images = fuser.images(pan, torch.from_numpy(patch.ms)[None])
    return ResidualDenoiser(
        network=checkpoint.network,
        lms=images.lms[:, bands].to(device),
        pan=images.pan.to(device),
        ms=images.ms[:, bands].to(device),
        residual_scale=checkpoint.residual_scale,
    )
