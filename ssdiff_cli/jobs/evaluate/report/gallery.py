"""What a report shows: a part of one sample, as every method made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ssdiff_cli.jobs.evaluate.methods.model import Model
from ssdiff_cli.jobs.evaluate.samples.sample import Sample
from ssdiff_cli.jobs.evaluate.scoring import Fused
from ssdiff_cli.jobs.evaluate.settings import Settings
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["Gallery"]

LARGEST = 448
"""Side of the part that is shown, in pixels of the scored grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """The images of one sample."""

    settings: Settings
    sample: Sample
    part: tuple[slice, slice]
    """Rows and columns of the sample that are shown."""
    model: Model | None = None
    fused: Mapping[str, FloatArray] = field(default_factory=dict)
    """``(bands, rows, cols)`` of the part by each method."""

    @classmethod
    def of(cls, sample: Sample, settings: Settings, model: Model | None) -> "Gallery":
        """Returns the middle of a sample, without fused images."""
        rows, cols = (
            _middle(inner, size)
            for inner, size in zip(sample.inner, sample.valid.shape, strict=True)
        )
        return cls(settings=settings, sample=sample, part=(rows, cols), model=model)

    def with_image(self, fused: Fused) -> "Gallery":
        """Adds a fused image; one of another sample is ignored."""
        if fused.sample is not self.sample:
            return self
        image = fused.image[:, *self.part].astype(np.float32)
        return replace(self, fused={**self.fused, fused.method: image})

    @property
    def pan(self) -> FloatArray:
        """``(rows, cols)`` of the part; empty where there is no PAN."""
        return self.sample.pan[..., *self.part].astype(np.float32)

    @property
    def lms(self) -> FloatArray:
        """``(bands, rows, cols)`` of the part; empty where there is no MS."""
        return self.sample.lms[:, *self.part].astype(np.float32)

    @property
    def reference(self) -> FloatArray | None:
        """``(bands, rows, cols)`` of the part, where there is one."""
        reference = self.sample.reference
        return None if reference is None else reference[:, *self.part].astype(np.float32)

    @property
    def truth(self) -> FloatArray:
        """What fused images are compared with: the reference, or the interpolated MS."""
        return self.lms if self.reference is None else self.reference

    @property
    def valid(self) -> BoolArray:
        """``(rows, cols)`` of the part: True where a pixel counts."""
        return self.sample.valid[self.part]

    @property
    def band_names(self) -> tuple[str, ...]:
        """The names of the bands, or their numbers."""
        count = len(self.truth)
        names = self.settings.sensor.bands
        return names if len(names) == count else tuple(str(k) for k in range(1, count + 1))


def _middle(inner: slice, size: int) -> slice:
    start, stop, _ = inner.indices(size)
    start += max(stop - start - LARGEST, 0) // 2
    return slice(start, min(start + LARGEST, stop))
