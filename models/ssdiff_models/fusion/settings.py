"""What decides the pixels of a fusion, together with the model and the scene."""

from dataclasses import dataclass

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.consistency.clipping import CLIP_ITERATIONS
from ssdiff_models.diffusion.sampler import SamplerName
from ssdiff_models.errors import UsageError

__all__ = ["FusionSettings"]


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
    consistency: int = 0
    """Rounds of the projection on images that give the MS back through the MTF; 0: none."""
    clip_iterations: int = CLIP_ITERATIONS
    """How often what the limits cut off the projected image is given back."""
    order: tuple[int, ...] = ()
    """The scene's bands by wavelength (`spectrum.spectral_order`); none: they come in the model's order."""
    partners: tuple[int, ...] = ()
    """Where the scene has fewer bands than the model: the scene's band that goes into each of the model's (`spectrum.partners`)."""
    gains: tuple[float, ...] = ()
    """MTF gain of each of the scene's bands, for `consistency`; none: the generic one."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(
                f"at least one sample is needed, got {self.samples}: choose another --samples"
            )

    @classmethod
    def of(cls, checkpoint: Checkpoint, **changes: object) -> "FusionSettings":
        """Returns the model's own settings with `changes`; None stands for the model's value."""
        own: dict[str, object] = {
            "steps": checkpoint.steps,
            "tile": checkpoint.tile,
            "overlap": checkpoint.overlap,
        }
        return cls(**(own | {name: value for name, value in changes.items() if value is not None}))  # type: ignore[arg-type]
