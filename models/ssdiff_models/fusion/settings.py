"""What decides the pixels of a fusion besides the model and the scene."""

from dataclasses import dataclass

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.consistency.clipping import CLIP_ITERATIONS
from ssdiff_models.diffusion.sampler import SamplerName
from ssdiff_models.errors import UsageError

__all__ = ["FusionSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionSettings:
    """What decides the pixels of a fusion besides the model and the scene."""

    steps: int
    """Sampling steps, from 1."""
    tile: int
    """Distance between tiles in PAN pixels."""
    overlap: int
    """Pixels that neighbouring tiles share."""
    sampler: SamplerName = "ddim"
    seed: int = 0
    samples: int = 1
    """Samples that are averaged."""
    limits: tuple[float, float] | None = None
    """Least and greatest DN of a fused pixel; None: no bound."""
    sharpness: float = 1.0
    """Detail of the result in parts of the PAN's, 0 to 2; what the network sees is so crisp."""
    consistency: int = 0
    """Iterations of the projection on images that give the MS back through the MTF; 0: none."""
    clip_iterations: int = CLIP_ITERATIONS
    """Times that the projection gives back what the limits clipped."""
    order: tuple[int, ...] = ()
    """The scene's bands by wavelength (`spectral_order`); empty: they have the model's order."""
    closest_bands: tuple[int, ...] = ()
    """The scene's band for each of the model's, where the scene has fewer (`closest_bands`)."""
    gains: tuple[float, ...] = ()
    """MTF gain of each of the scene's bands, for `consistency`; empty: the generic one."""

    @property
    def from_zero(self) -> bool:
        """Whether the fusion starts from the mean of the noise: one step of one sample does."""
        return self.steps == 1 and self.samples == 1

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(
                f"at least one sample is needed, got {self.samples}: choose another --samples"
            )

        if not 0 <= self.sharpness <= 2:
            raise UsageError(
                f"the sharpness must be between 0 and 2, got {self.sharpness}: "
                "1 is as crisp as the PAN; choose another --sharpness"
            )

    @classmethod
    def of(cls, checkpoint: Checkpoint, **changes: object) -> "FusionSettings":
        """Returns the model's own settings with `changes`; None stands for the model's value.

        Raises:
            UsageError: When a network without diffusion is to take several steps or samples.
        """
        own = {name: getattr(checkpoint, name) for name in ("steps", "tile", "overlap")}
        given = {name: value for name, value in changes.items() if value is not None}
        settings = cls(**own | given)
        if not checkpoint.network.diffuses and (settings.steps, settings.samples) != (1, 1):
            raise UsageError(
                f"model {checkpoint.name} knows no diffusion: it takes one step and has no samples "
                "that differ; leave out --steps, --samples and --uncertainty"
            )
        return settings
