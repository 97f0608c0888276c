"""What a report shows: a part of the first sample, as every method made it."""

from dataclasses import dataclass, field

import numpy as np

from ssdiff_cli.jobs.evaluate.methods.on_arrays import Model
from ssdiff_cli.jobs.evaluate.samples.sample import Fused, Sample, Settings
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["Gallery", "Shown"]

LARGEST = 448
"""Side of the part that is shown, in pixels of the scored grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The inputs of the part that is shown."""

    name: str
    pan: FloatArray
    """``(rows, cols)``; empty where there is no PAN."""
    lms: FloatArray
    """``(bands, rows, cols)``; empty where there is no MS."""
    valid: BoolArray
    reference: FloatArray | None


@dataclass(slots=True, kw_only=True)
class Gallery:
    """Collects the images of the first sample."""

    settings: Settings
    model: Model | None = None
    shown: Shown | None = None
    fused: dict[str, FloatArray] = field(default_factory=dict)
    """``(bands, rows, cols)`` of each method."""
    sample: Sample | None = None
    """The sample they come from."""
    part: tuple[slice, slice] | None = None
    """The rows and columns of the sample that are shown."""

    def offer(self, fused: Fused) -> None:
        """Keeps what belongs to the first sample that may be shown."""
        if self.sample is None and fused.sample.shown:
            self._start(fused.sample)
        if fused.sample is self.sample and self.part is not None:
            self.fused[fused.method] = fused.image[:, *self.part].astype(np.float32)

    def _start(self, sample: Sample) -> None:
        rows, cols = (
            _middle(part, size) for part, size in zip(sample.inner, sample.valid.shape, strict=True)
        )
        self.sample, self.part = sample, (rows, cols)
        self.shown = Shown(
            name=sample.name,
            pan=sample.pan[..., rows, cols].astype(np.float32),
            lms=sample.lms[:, rows, cols].astype(np.float32),
            valid=sample.valid[rows, cols].copy(),
            reference=None
            if sample.reference is None
            else sample.reference[:, rows, cols].astype(np.float32),
        )


def _middle(part: slice, size: int) -> slice:
    """Returns the middle of the scored rows or columns, not larger than what is shown."""
    start, stop, _ = part.indices(size)
    extra = max(stop - start - LARGEST, 0) // 2
    return slice(start + extra, min(start + extra + LARGEST, stop))
