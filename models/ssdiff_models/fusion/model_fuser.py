"""Fuses batches of tiles: LMS, prior, noise, sampling, consistency, mean of samples, DN."""

from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Self

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
from ssdiff_models.fusion.inputs import BandRange, InputBatch, NetworkImages
from ssdiff_models.fusion.prior import RatioPrior, measure_prior
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.resampling.detail import detail_factor, with_detail
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.resampling.upsample import upsample
from ssdiff_models.scene.band_matching import band_groups, spectral_order
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.sensors import get
from ssdiff_models.scene.source import Source
from ssdiff_models.scene.statistics import SceneStatistics

__all__ = ["ModelFuser"]


def _stoppable(stop: Event | None, denoiser: Denoiser) -> Denoiser:
    """Returns a denoiser that stops between two steps: many steps on a large tile take a while."""

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        if stop is not None and stop.is_set():
            raise CancelledError
        return denoiser(x_t, t)

    return denoise


@dataclass(frozen=True, kw_only=True)
class ModelFuser:
    """A model bound to a scene's radiometry and to settings; made by `for_scene`."""

    checkpoint: Checkpoint
    statistics: SceneStatistics
    settings: FusionSettings
    pan_range: BandRange
    ms_range: BandRange
    prior: RatioPrior | None
    """The prior of a model that does not start from the LMS."""
    pan_detail: float = 1.0
    """Factor on the detail of the PAN that the network sees; see `fusion.crispness`."""
    precision: torch.dtype = torch.float32
    """Autocast dtype of the network."""
    clip_counter: ClipCounter | None = field(default=None, compare=False, repr=False)
    """Counts the pixels that the projection moved to a limit, where the caller wants to know."""

    @classmethod
    def for_scene(
        cls,
        checkpoint: Checkpoint,
        source: Source,
        settings: FusionSettings,
        *,
        precision: torch.dtype = torch.float32,
        statistics: SceneStatistics | None = None,
        prior: RatioPrior | None = None,
    ) -> Self:
        """Returns the model bound to a scene, whose statistics and prior are measured if unknown.

        Raises:
            InputError: When a band is constant, or the prior cannot be measured.
            UsageError: When tile and overlap are no multiples of the model's window.
        """
        statistics = statistics or source.statistics()
        if checkpoint.prior == "lms":
            prior = None
        elif prior is None:
            grid = ModelGrid(ratio=source.ratio, phase=checkpoint.ms_phase)
            prior = measure_prior(source, statistics, grid, settings.order)
        return cls(
            # One memory order for all callers: another one rounds otherwise.
            checkpoint=replace(checkpoint, network=checkpoint.network.prepared()),
            statistics=statistics,
            settings=settings,
            pan_range=BandRange.of(checkpoint, [statistics.pan]),
            ms_range=BandRange.of(checkpoint, statistics.ms),
            prior=prior,
            pan_detail=detail_factor(settings.sharpness),
            precision=precision,
        )

    def __post_init__(self) -> None:
        if self.checkpoint.prior != "lms" and self.prior is None:
            raise ModelError(
                f"model {self.checkpoint.name} needs the scene's prior {self.checkpoint.prior}: "
                "use ModelFuser.for_scene"
            )
        multiple = self.multiple
        tile, overlap = self.settings.tile, self.settings.overlap
        if tile % multiple or overlap % multiple:
            raise UsageError(
                f"tile {tile} and overlap {overlap} must be multiples of {multiple}, "
                "the model's window"
            )

    @property
    def multiple(self) -> int:
        """Tile sizes are multiples of this, in PAN pixels."""
        return self.checkpoint.network.multiple

    @property
    def bands(self) -> int:
        """MS bands of the scene."""
        return len(self.statistics.ms)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The band groups of the scene: its bands in the network's order."""
        if self.settings.closest_bands:
            return (self.settings.closest_bands,)
        order = self.settings.order or tuple(range(self.bands))
        count = self.checkpoint.band_count
        places = tuple(range(count))
        if self.settings.order:
            places = spectral_order(self.checkpoint.bands or ()) or places
        ranks = [places.index(place) for place in range(count)]
        groups = band_groups(self.bands, count)
        return tuple(tuple(order[group[rank]] for rank in ranks) for group in groups)

    @property
    def layers(self) -> int:
        """Layers of a fused tile: bands, and standard deviations of several samples."""
        return self.bands if self.settings.samples == 1 else 2 * self.bands

    def fuse(self, batch: InputBatch, stop: Event | None = None) -> Tensor:
        """Returns fused tiles ``(B, layers, rows, cols)``, float32, in DN.

        Layers are the mean of the samples, and their standard deviation where there are several.

        Raises:
            CancelledError: After `stop` was set, because the result is no longer wanted.
        """
        images = self.images(batch.pan, batch.ms)
        target: Target = GridTarget(pixels=images.ms, phase=(self.checkpoint.ms_phase,) * 2)
        if batch.native_ms is not None:
            target = batch.native_ms.mapped(self.ms_range.normalise)
        means: list[Tensor] = []
        deviations: list[Tensor] = []
        for group in self.groups:
            samples = []
            for k in range(self.settings.samples):
                start = self._start(batch, images, k)
                samples.append(self._sample(images, target, group, start, stop))
            if len(samples) == 1:
                means += samples
            else:
                stack = torch.stack(samples)
                means.append(stack.mean(0))
                deviations.append(stack.std(0))
        fused = self.ms_range.restore(self._joined(means))
        if not deviations:
            return fused
        spread = self._joined(deviations) * self.ms_range.scale.to(fused.device)
        return torch.cat([fused, spread], dim=1)

    def _joined(self, images: Sequence[Tensor]) -> Tensor:
        """Joins images of the band groups; a band of several groups is the mean of its images."""
        first = images[0]
        joined = first.new_zeros(first.shape[0], self.bands, *first.shape[2:])
        counts = [sum(group.count(band) for group in self.groups) for band in range(self.bands)]
        for image, group in zip(images, self.groups, strict=True):
            for place, band in enumerate(group):
                joined[:, band] += image[:, place] / counts[band]
        return joined

    def images(self, pan: Tensor, ms: Tensor) -> NetworkImages:
        """Makes images of an `InputBatch` what the network sees.

        The PAN is as crisp as the settings ask for, the LMS is interpolated, the prior applied,
        and all are normalised.
        """
        pan = with_detail(pan[:, 0], self.pan_detail)[:, None]
        halo_ms = self.ms_range.normalise(ms)
        model = self.checkpoint
        flat = upsample(halo_ms.flatten(0, 1), model.ratio, model.ms_phase)
        lms = flat.view(*halo_ms.shape[:2], *flat.shape[1:])
        if self.prior is not None:
            lms = self.ms_range.normalise(self.prior.image(self.ms_range.restore(lms), pan))
        inner = slice(MS_HALO, -MS_HALO)
        return NetworkImages(
            pan=self.pan_range.normalise(pan), lms=lms, ms=halo_ms[:, :, inner, inner]
        )

    def _start(self, batch: InputBatch, images: NetworkImages, k: int) -> Tensor:
        """Returns the state ``(B, bands, rows, cols)`` that a sample starts from."""
        if self.settings.from_zero:
            return torch.zeros_like(images.lms)
        noise = gaussian_batch(
            batch.windows,
            bands=self.bands,
            seed=self.settings.seed,
            sample=k,
            device=images.lms.device,
        )
        # A band has the noise of its place by wavelength, so that a file's order changes nothing.
        order = self.settings.order
        return noise[:, [order.index(band) for band in range(self.bands)]] if order else noise

    def _sample(
        self,
        images: NetworkImages,
        target: Target,
        group: Sequence[int],
        start: Tensor,
        stop: Event | None,
    ) -> Tensor:
        """Returns one sample of a band group, in the network's range."""
        bands = list(group)
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
        x_0 = sample(
            _stoppable(stop, denoiser),
            start[:, bands],
            self.checkpoint.schedule,
            steps=self.settings.steps,
            sampler=self.settings.sampler,
        )
        return self._consistent(denoiser.fuse(x_0), target, bands)

    def _limits(self, bands: Sequence[int]) -> tuple[Tensor | None, Tensor | None]:
        """Returns the least and greatest value of each band in the network's range."""
        if self.settings.limits is None:
            return None, None
        centre = self.ms_range.centre[bands, 0, 0]
        scale = self.ms_range.scale[bands, 0, 0]
        low, high = ((torch.tensor(limit) - centre) / scale for limit in self.settings.limits)
        return low, high

    def _consistent(self, fused: Tensor, target: Target, bands: list[int]) -> Tensor:
        """Projects a sample on the images that give the MS back, where the settings ask for it."""
        if not self.settings.consistency:
            return fused
        gains = self.settings.gains or get("generic").gains(self.bands)
        limits = None
        low, high = self._limits(bands)
        if low is not None and high is not None:
            limits = Limits(
                low=low[:, None, None].to(fused.device),
                high=high[:, None, None].to(fused.device),
                clip_iterations=self.settings.clip_iterations,
            )
        projected = project(
            fused,
            target.mapped(lambda pixels: pixels[:, bands]),
            gains=[gains[band] for band in bands],
            ratio=self.checkpoint.ratio,
            iterations=self.settings.consistency,
            limits=limits,
        )
        if limits is not None and self.clip_counter is not None:
            self.clip_counter.add(bands, fused, projected, limits)
        return projected

    def check(self, ratio: int) -> None:
        """Checks the ratio of a scene.

        Raises:
            ModelError: When it is not the model's.
        """
        if ratio != self.checkpoint.ratio:
            raise ModelError(
                f"model {self.checkpoint.name} was trained for ratio {self.checkpoint.ratio}, "
                f"the scene has {ratio}: choose another --model"
            )
