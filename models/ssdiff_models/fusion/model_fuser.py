"""Fusing batches of tiles with a model: LMS, noise, band groups, sampling, consistency, the mean of samples and back to DN."""

from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from threading import Event

import torch
from torch import Tensor

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.consistency.clipping import ClipCounter, Limits
from ssdiff_models.consistency.project import project
from ssdiff_models.consistency.target import GridTarget, Target
from ssdiff_models.diffusion.denoiser import Denoiser, ResidualDenoiser
from ssdiff_models.diffusion.noise import gaussian_batch
from ssdiff_models.diffusion.sampler import sample
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.fusion.inputs import BandRange, InputTile, NetworkImages
from ssdiff_models.fusion.prior import measure_prior
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.resampling.upsample import MS_HALO, upsample
from ssdiff_models.scene.band_matching import band_groups, spectral_order
from ssdiff_models.scene.sensors import get
from ssdiff_models.scene.source import Source
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["BandRange", "FusionSettings", "InputTile", "ModelFuser", "NetworkImages", "band_groups"]


def _until(stop: Event | None, denoiser: Denoiser) -> Denoiser:
    """Returns a denoiser that gives up between two steps: many steps on a large tile take a while."""

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        if stop is not None and stop.is_set():
            raise CancelledError
        return denoiser(x_t, t)

    return denoise


def _column(values: Tensor, like: Tensor) -> Tensor:
    return values[:, None, None].to(like.device)


@dataclass(frozen=True, kw_only=True)
class ModelFuser:
    """A model bound to a scene's radiometry and to settings."""

    checkpoint: Checkpoint
    statistics: SceneStatistics
    settings: FusionSettings
    precision: torch.dtype = torch.float32
    """Autocast dtype of the network."""
    clip_counter: ClipCounter | None = field(default=None, compare=False, repr=False)
    """Counts the pixels that the projection moved to a limit, where the caller wants to know."""
    pan_range: BandRange = field(init=False)
    ms_range: BandRange = field(init=False)

    @classmethod
    def for_scene(
        cls,
        checkpoint: Checkpoint,
        source: Source,
        settings: FusionSettings,
        *,
        precision: torch.dtype = torch.float32,
        statistics: SceneStatistics | None = None,
        clip_counter: ClipCounter | None = None,
    ) -> "ModelFuser":
        """Returns the model bound to a scene, or to given statistics; the prior is measured where the model needs it and they have none."""
        found = statistics or source.statistics()
        if checkpoint.prior != "lms" and found.prior is None:
            found = replace(found, prior=measure_prior(source, found, phase=checkpoint.ms_phase))
        return cls(
            checkpoint=checkpoint,
            statistics=found,
            settings=settings,
            precision=precision,
            clip_counter=clip_counter,
        )

    def __post_init__(self) -> None:
        if self.checkpoint.prior != "lms" and self.statistics.prior is None:
            raise ModelError(
                f"model {self.checkpoint.name} needs the scene's prior {self.checkpoint.prior}: use ModelFuser.for_scene"
            )
        bands = (self.statistics.pan, *self.statistics.ms)
        if self.checkpoint.normalisation == "scene-mean":
            centre = torch.tensor([band.offset + band.scale for band in bands])[:, None, None]
            scale = torch.tensor([band.scale for band in bands])[:, None, None]
        else:
            centre = torch.tensor([band.zero for band in bands])[:, None, None]
            scale = torch.full((len(bands), 1, 1), float(self.checkpoint.full_scale or 1))
        object.__setattr__(self, "pan_range", BandRange(centre=centre[:1], scale=scale[:1]))
        object.__setattr__(self, "ms_range", BandRange(centre=centre[1:], scale=scale[1:]))
        # The order that convolutions like best, and one order for all callers: another one iterations otherwise.
        self.checkpoint.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        multiple = self.multiple
        if self.settings.tile % multiple or self.settings.overlap % multiple:
            raise UsageError(
                f"tile {self.settings.tile} and overlap {self.settings.overlap} must be multiples of {multiple}, the model's window"
            )

    @property
    def multiple(self) -> int:
        """What tile sizes must be multiples of, in PAN pixels."""
        return self.checkpoint.network.multiple

    @property
    def bands(self) -> int:
        """MS bands of the scene."""
        return len(self.statistics.ms)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The band groups of the scene: which of its bands the network gets, in the network's order."""
        if self.settings.partners:
            return (self.settings.partners,)
        order = self.settings.order or tuple(range(self.bands))
        count = self.checkpoint.band_count
        places = (self.settings.order and spectral_order(self.checkpoint.bands or ())) or tuple(
            range(count)
        )
        groups = band_groups(self.bands, count)
        return tuple(
            tuple(order[group[places.index(place)]] for place in range(count)) for group in groups
        )

    @property
    def layers(self) -> int:
        """Layers of a fused tile: the bands, and their standard deviations where several samples are drawn."""
        return self.bands if self.settings.samples == 1 else 2 * self.bands

    def fuse(
        self,
        pan: Tensor,
        ms: Tensor,
        windows: Sequence[Window],
        stop: Event | None = None,
        given: Target | None = None,
    ) -> Tensor:
        """Fuses a batch of tiles on the device that they are on.

        Args:
            pan: ``(B, 1, rows, cols)``, DN.
            ms: ``(B, bands, rows/ratio + 2*MS_HALO, cols/ratio + 2*MS_HALO)``, DN.
            windows: Where the tiles lie.
            stop: Set when nobody waits for the result any more.
            given: The MS pixels of the batch in DN that the consistency is with, where they are not `ms`.

        Returns:
            ``(B, layers, rows, cols)`` float32 in DN: the mean of the samples, then their standard deviation where there are several.

        Raises:
            CancelledError: After `stop` was set.
        """
        images = self.images(pan, ms)
        own = GridTarget(pixels=images.ms, phase=(self.checkpoint.ms_phase,) * 2)
        target = own if given is None else given.mapped(self.ms_range.normalise)
        total = torch.zeros_like(images.lms)
        spread = torch.zeros_like(total) if self.settings.samples > 1 else None
        counts = [sum(group.count(band) for group in self.groups) for band in range(self.bands)]
        for group in self.groups:
            mean, deviation = self._sample_group(images, target, group, windows, stop)
            for place, band in enumerate(group):
                total[:, band] += mean[:, place] / counts[band]
                if spread is not None and deviation is not None:
                    spread[:, band] += deviation[:, place] / counts[band]
        fused = self.ms_range.restore(total)
        return (
            fused
            if spread is None
            else torch.cat([fused, spread * self.ms_range.scale.to(spread.device)], dim=1)
        )

    def images(self, pan: Tensor, ms: Tensor) -> NetworkImages:
        """Normalises, interpolates the LMS, and makes the prior image of it; the arguments are those of `fuse`."""
        inner, halo_ms = slice(MS_HALO, -MS_HALO), self.ms_range.normalise(ms)
        flat = upsample(halo_ms.flatten(0, 1), self.checkpoint.ratio, self.checkpoint.ms_phase)
        lms = flat.view(*halo_ms.shape[:2], *flat.shape[1:])
        prior = self.statistics.prior
        if self.checkpoint.prior != "lms" and prior is not None:
            lms = self.ms_range.normalise(prior.image(self.ms_range.restore(lms), pan))
        return NetworkImages(
            pan=self.pan_range.normalise(pan), lms=lms, ms=halo_ms[:, :, inner, inner]
        )

    def _consistent(self, fused: Tensor, target: Target, bands: Sequence[int]) -> Tensor:
        """Projects one sample on what gives the MS back, where that was asked for; the spread is then that of what is shipped."""
        iterations = self.settings.consistency
        if not iterations:
            return fused
        gains = self.settings.gains or get("generic").gains(self.bands)
        low, high = self._limits(bands)
        limits = None
        if low is not None and high is not None:
            limits = Limits(
                low=_column(low, fused),
                high=_column(high, fused),
                clip_iterations=self.settings.clip_iterations,
            )
        projected = project(
            fused,
            target.mapped(lambda pixels: pixels[:, list(bands)]),
            gains=[gains[band] for band in bands],
            ratio=self.checkpoint.ratio,
            iterations=iterations,
            limits=limits,
        )
        if limits is not None and self.clip_counter is not None:
            self.clip_counter.add(bands, fused, projected, limits)
        return projected

    def _sample_group(
        self,
        images: NetworkImages,
        target: Target,
        group: Sequence[int],
        windows: Sequence[Window],
        stop: Event | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Returns mean and standard deviation of the samples of one band group, in the network's range."""
        bands, settings, schedule = list(group), self.settings, self.checkpoint.schedule
        low, high = self._limits(bands)
        denoiser = ResidualDenoiser(
            network=self.checkpoint.network,
            lms=images.lms[:, bands],
            pan=images.pan,
            ms=images.ms[:, bands],
            residual_scale=self.checkpoint.residual_scale,
            low=low,
            high=high,
            precision=self.precision,
        )
        results = []
        for k in range(settings.samples):
            noise = gaussian_batch(
                windows, bands=self.bands, seed=settings.seed, sample=k, device=images.lms.device
            )
            steps = sample(
                _until(stop, denoiser),
                noise[:, bands],
                schedule,
                steps=settings.steps,
                sampler=settings.sampler,
            )
            results.append(self._consistent(denoiser.fuse(steps), target, bands))
        if len(results) == 1:
            return results[0], None
        stack = torch.stack(results)
        return stack.mean(0), stack.std(0)

    def _limits(self, bands: Sequence[int]) -> tuple[Tensor | None, Tensor | None]:
        if self.settings.limits is None:
            return None, None
        centre, scale = self.ms_range.centre[bands, 0, 0], self.ms_range.scale[bands, 0, 0]
        low, high = ((torch.tensor(limit) - centre) / scale for limit in self.settings.limits)
        return low, high

    def check(self, ratio: int) -> None:
        """Makes sure that the scene's ratio is the model's.

        Raises:
            ModelError: When it is not.
        """
        if ratio != self.checkpoint.ratio:
            raise ModelError(
                f"model {self.checkpoint.name} was trained for ratio {self.checkpoint.ratio}, the scene has {ratio}: choose another --model"
            )
