"""What a report shows: a part of one sample as every method made it, and how wrong it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ssdiff_cli.jobs.evaluate.plan import Model, Sample, Settings
from ssdiff_cli.jobs.evaluate.report.spots import Spot, View, find_spots
from ssdiff_cli.jobs.evaluate.scoring import Fused
from ssdiff_models.metrics.full_resolution import REACH
from ssdiff_models.resampling.degrade import mtf_filter
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["BandFigures", "CloseUp", "Gallery"]

LARGEST = 448
"""Side of the part that is shown, in pixels of the scored grid."""
SMALLEST_MEAN = 1e-6
"""Mean of a band below which errors are not divided by it."""
AROUND = 256
"""Side of what is kept around a place that is looked at closely, in PAN pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFigures:
    """The error of one method in each band."""

    rmse: tuple[float, ...]
    """Root mean squared error over the band's mean, in percent."""
    correlation: tuple[float, ...]
    """With the truth; NaN for a constant band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseUp:
    """A place of a sample that is looked at closely; the rows and columns are the sample's."""

    name: str
    """What is to be seen."""
    spot: Spot
    around: Spot
    """Its surroundings."""

    @property
    def inner(self) -> Spot:
        """The spot in its surroundings."""
        rows, cols = (
            slice(own.start - wide.start, own.stop - wide.start)
            for own, wide in zip(self.spot, self.around, strict=True)
        )
        return rows, cols


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """The images of one sample."""

    settings: Settings
    sample: Sample
    part: Spot
    """Rows and columns of the sample that are shown."""
    model: Model | None = None
    fused: Mapping[str, FloatArray] = field(default_factory=dict)
    """``(bands, rows, cols)`` of the part by each method."""
    closeups: tuple[CloseUp, ...] = ()
    """At full resolution, where eyes find fault."""
    surroundings: Mapping[str, tuple[FloatArray, ...]] = field(default_factory=dict)
    """``(bands, rows, cols)`` around each of them by each method."""

    @classmethod
    def of(cls, sample: Sample, settings: Settings, model: Model | None) -> "Gallery":
        """Returns the middle of a sample, without fused images."""
        rows = _middle(sample.inner[0], sample.valid.shape[0])
        cols = _middle(sample.inner[1], sample.valid.shape[1])
        gallery = cls(settings=settings, sample=sample, part=(rows, cols), model=model)
        return replace(gallery, closeups=tuple(_closeups(sample, gallery.band_names)))

    def with_image(self, fused: Fused) -> "Gallery":
        """Adds a fused image; one of another sample is ignored."""
        if fused.sample is not self.sample:
            return self
        image = fused.image[:, *self.part].astype(np.float32)
        around = [fused.image[:, *place.around].astype(np.float32) for place in self.closeups]
        return replace(
            self,
            fused={**self.fused, fused.method: image},
            surroundings={**self.surroundings, fused.method: tuple(around)},
        )

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

    def error_map(self, fused: FloatArray) -> FloatArray:
        """Returns ``(rows, cols)``: the root mean square over bands of the relative error.

        It is in percent of the bands' means, and 0 where it means nothing.
        """
        truth = self.truth
        means = np.abs(truth[:, self.valid].mean(axis=1)).clip(SMALLEST_MEAN)
        error = (self._comparable(fused) - truth) / means[:, None, None]
        percent = 100 * np.sqrt((error**2).mean(axis=0))
        result: FloatArray = np.where(self._trusted(), percent, 0).astype(np.float32)
        return result

    def band_figures(self, fused: FloatArray) -> BandFigures:
        """Returns the error and the correlation of each band over the valid pixels."""
        mask = self._trusted()
        rmse = []
        correlation = []
        for band, truth in zip(self._comparable(fused), self.truth, strict=True):
            a = band[mask]
            b = truth[mask]
            mean = max(abs(float(b.mean())), SMALLEST_MEAN)
            error = np.sqrt(np.mean((a - b) ** 2))
            rmse.append(100 * float(error / mean))
            constant = a.std() == 0 or b.std() == 0
            correlation.append(np.nan if constant else float(np.corrcoef(a, b)[0, 1]))
        return BandFigures(rmse=tuple(rmse), correlation=tuple(correlation))

    def _comparable(self, fused: FloatArray) -> FloatArray:
        """Returns the image, or without a reference what the sensor's MTF leaves of it."""
        if self.reference is not None:
            return fused
        gains = self.settings.sensor.ms_gains
        seen: FloatArray = mtf_filter(torch.from_numpy(fused), gains, self.settings.ratio).numpy()
        return seen

    def _trusted(self) -> BoolArray:
        """Returns the pixels without the border where the MTF sees beyond the part."""
        if self.reference is not None:
            return self.valid
        inside = np.zeros_like(self.valid)
        inside[REACH:-REACH, REACH:-REACH] = True
        trusted: BoolArray = self.valid & inside
        return trusted if trusted.any() else self.valid


def _closeups(sample: Sample, bands: Sequence[str]) -> Iterator[CloseUp]:
    if sample.pan_low is None or sample.target is None:
        return
    ratio = sample.lms.shape[1] // sample.target.pixels.shape[1]
    scored = np.zeros_like(sample.valid)
    scored[sample.inner] = True
    view = View(
        pan=sample.pan.astype(np.float32),
        pan_low=sample.pan_low.astype(np.float32),
        lms=sample.lms.astype(np.float32),
        valid=sample.valid & scored,
        bands=bands,
        ratio=ratio,
    )
    for name, spot in find_spots(view).items():
        rows, cols = (
            _around(own, size) for own, size in zip(spot, sample.valid.shape, strict=True)
        )
        yield CloseUp(name=name, spot=spot, around=(rows, cols))


def _around(own: slice, size: int) -> slice:
    side = min(AROUND, size)
    start: int = (own.start + own.stop - side) // 2
    start = min(max(start, 0), size - side)
    return slice(start, start + side)


def _middle(inner: slice, size: int) -> slice:
    start, stop, _ = inner.indices(size)
    start += max(stop - start - LARGEST, 0) // 2
    return slice(start, min(start + LARGEST, stop))
