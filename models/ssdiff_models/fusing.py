"""Fusing batches of prepared tiles with a model: normalisation, band groups, sampling, the mean of samples and back to DN."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.degrade import upsample
from ssdiff_models.denoiser import ResidualDenoiser
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.noise import gaussian_batch
from ssdiff_models.radiometry import SceneStatistics
from ssdiff_models.sampler import SamplerName, sample
from ssdiff_models.scene import MS_HALO, Patch
from ssdiff_models.tiles import Window

__all__ = ["BandRange", "FusionSettings", "ModelFuser", "PreparedTile", "band_groups"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionSettings:
    """What decides the pixels of a fusion, together with the model and the scene."""

    steps: int
    """Sampling steps, from 1."""
    tile: int
    """Distance between tiles in PAN pixels."""
    overlap: int
    """Pixels that neighbouring tiles share."""
    sampler: SamplerName = "ddim"
    seed: int = 0
    samples: int = 1
    """Samples averaged."""
    limits: tuple[float, float] | None = None
    """Least and greatest DN of a fused pixel; None: no bound."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"at least one sample is needed, got {self.samples}: choose another --samples")

    @classmethod
    def of(cls, checkpoint: Checkpoint, **changes: object) -> "FusionSettings":
        """Returns the model's own settings with `changes`; None stands for the model's value."""
        own: dict[str, object] = {"steps": checkpoint.steps, "tile": checkpoint.tile, "overlap": checkpoint.overlap}
        return cls(**(own | {name: value for name, value in changes.items() if value is not None}))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandRange:
    """The affine map between DN and the network's range: ``(dn - centre) / scale``."""

    centre: Tensor
    """``(bands, 1, 1)`` float32, DN."""
    scale: Tensor
    """``(bands, 1, 1)`` float32, DN."""

    def normalise(self, dn: Tensor) -> Tensor:
        """Maps DN to the network's range."""
        return (dn - self.centre) / self.scale

    def restore(self, values: Tensor) -> Tensor:
        """Maps the network's range to DN."""
        return values * self.scale.to(values.device) + self.centre.to(values.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTile:
    """One tile in the network's range; nothing but the network's own work is left to do."""

    window: Window
    pan: Tensor
    """``(1, rows, cols)``."""
    lms: Tensor
    """``(bands, rows, cols)``."""
    ms: Tensor
    """``(bands, rows/ratio, cols/ratio)``."""
    noise: Tensor
    """``(samples, bands, rows, cols)``."""
    blank: bool = False
    """True where no pixel is valid: nothing need be computed."""


def band_groups(scene: int, model: int) -> tuple[tuple[int, ...], ...]:
    """Returns which of the scene's bands go through the network together.

    A scene with more bands than the model runs in as few evenly spaced, overlapping groups of neighbours as cover it; with fewer, its last
    band is repeated. Bands that occur several times are averaged.
    """
    if scene <= model:
        return (tuple(min(band, scene - 1) for band in range(model)),)
    count = -(-scene // model)
    starts = [round(k * (scene - model) / (count - 1)) for k in range(count)]
    return tuple(tuple(range(start, start + model)) for start in starts)


@dataclass(frozen=True, kw_only=True)
class ModelFuser:
    """A model bound to a scene's radiometry and to settings."""

    checkpoint: Checkpoint
    statistics: SceneStatistics
    settings: FusionSettings
    precision: torch.dtype = torch.float32
    """Autocast dtype of the network."""
    pan_range: BandRange = field(init=False)
    ms_range: BandRange = field(init=False)

    def __post_init__(self) -> None:
        bands = (self.statistics.pan, *self.statistics.ms)
        if self.checkpoint.normalisation == "scene-mean":
            centre = torch.tensor([band.offset + band.scale for band in bands])[:, None, None]
            scale = torch.tensor([band.scale for band in bands])[:, None, None]
        else:
            centre = torch.zeros(len(bands), 1, 1)
            scale = torch.full((len(bands), 1, 1), float(self.checkpoint.full_scale or 1))
        object.__setattr__(self, "pan_range", BandRange(centre=centre[:1], scale=scale[:1]))
        object.__setattr__(self, "ms_range", BandRange(centre=centre[1:], scale=scale[1:]))
        multiple = self.multiple
        if self.settings.tile % multiple or self.settings.overlap % multiple:
            raise UsageError(
                f"tile {self.settings.tile} and overlap {self.settings.overlap} must be multiples of {multiple}, the model's window"
            )

    @property
    def multiple(self) -> int:
        """What tile sizes must be multiples of, in PAN pixels."""
        return int(getattr(self.checkpoint.network, "multiple", 4 * self.checkpoint.ratio))

    @property
    def bands(self) -> int:
        """MS bands of the scene."""
        return len(self.statistics.ms)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The band groups of the scene."""
        return band_groups(self.bands, self.checkpoint.band_count)

    def prepare(self, patch: Patch, window: Window) -> PreparedTile:
        """Normalises a patch, interpolates its LMS and draws its noise, on the CPU."""
        model = self.checkpoint
        halo_ms = self.ms_range.normalise(torch.from_numpy(patch.ms))
        inner = slice(MS_HALO, -MS_HALO)
        settings = self.settings
        noise = [gaussian_batch([window], bands=self.bands, seed=settings.seed, sample=k)[0] for k in range(settings.samples)]
        return PreparedTile(
            window=window,
            pan=self.pan_range.normalise(torch.from_numpy(patch.pan)[None]),
            lms=upsample(halo_ms, model.ratio, model.ms_phase, MS_HALO),
            ms=halo_ms[:, inner, inner],
            noise=torch.stack(noise),
            blank=not patch.valid.any(),
        )

    def fuse(self, lms: Tensor, pan: Tensor, ms: Tensor, noise: Tensor) -> Tensor:
        """Fuses a batch of tiles.

        Args:
            lms: ``(B, bands, rows, cols)``.
            pan: ``(B, 1, rows, cols)``.
            ms: ``(B, bands, rows/ratio, cols/ratio)``.
            noise: ``(B, samples, bands, rows, cols)``.

        Returns:
            ``(B, 2*bands, rows, cols)`` float32 in DN: the mean of the samples, then their standard deviation (0 with one sample).
        """
        total = lms.new_zeros(lms.shape)
        spread = lms.new_zeros(lms.shape)
        counts = [sum(group.count(band) for group in self.groups) for band in range(self.bands)]
        for group in self.groups:
            bands = list(group)
            mean, deviation = self._sample_group(lms[:, bands], pan, ms[:, bands], noise[:, :, bands], bands)
            for place, band in enumerate(bands):
                total[:, band] += mean[:, place] / counts[band]
                spread[:, band] += deviation[:, place] / counts[band]
        return torch.cat([self.ms_range.restore(total), spread * self.ms_range.scale.to(spread.device)], dim=1)

    def _sample_group(self, lms: Tensor, pan: Tensor, ms: Tensor, noise: Tensor, bands: Sequence[int]) -> tuple[Tensor, Tensor]:
        low, high = self._limits(bands)
        denoiser = ResidualDenoiser(
            network=self.checkpoint.network,
            lms=lms,
            pan=pan,
            ms=ms,
            residual_scale=self.checkpoint.residual_scale,
            low=low,
            high=high,
            precision=self.precision,
        )
        settings, schedule = self.settings, self.checkpoint.schedule
        results = [
            denoiser.fuse(sample(denoiser, noise[:, k], schedule, steps=settings.steps, sampler=settings.sampler))
            for k in range(settings.samples)
        ]
        if len(results) == 1:
            return results[0], torch.zeros_like(results[0])
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
