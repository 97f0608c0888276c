"""Samples of a PAN/MS pair of rasters: degraded by Wald's protocol, or as they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch.nn.functional import max_pool2d

from ssdiff_cli.jobs.evaluate.samples.sample import BLOCK, Sample, crop_slices
from ssdiff_cli.jobs.evaluate.samples.windows import (
    aligned,
    has_block,
    pieces,
    random_windows,
    window_count,
    window_side,
)
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.errors import InputError
from ssdiff_models.resampling.degrade import reduce_ms, reduce_pan
from ssdiff_models.resampling.upsample import MS_HALO, upsample, upsample_image
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import BoolArray, FloatArray, Patch
from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics
from ssdiff_models.scene.windows import Window
from ssdiff_models.scene.zero_signal import AboveZero, black_levels

__all__ = ["PairSamples", "Validity", "full_samples", "pair_sensor", "reduced_samples"]

Validity = Callable[[Window], BoolArray]
"""Returns which pixels of a window are valid in all products."""

SCENE = "the scene"
MARGIN = 64
"""PAN pixels around a window or piece that the methods see and that are not scored."""
REFLECTANCE = 10
"""Largest value of floating-point reflectances; above, the data are DN."""
DN_SCALE = 10_000
"""DN of a reflectance of 1; Q2n rounds to integers."""


def pair_sensor(pair: ScenePair, sensor: Sensor) -> Sensor:
    """Returns the sensor with the names of the pair's bands and their gains."""
    descriptions = pair.ms.dataset.descriptions
    names = tuple(descriptions[index - 1] for index in pair.ms.indexes)
    bands = tuple(name or f"band {k}" for k, name in enumerate(names, 1))
    return replace(sensor, bands=bands, ms_gains=sensor.gains(pair.bands, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one sample is read and scored."""

    name: str
    """Name of the unit."""
    read: Window
    scored: Window
    shown: bool = True
    """Whether a report may show it."""

    @property
    def inner(self) -> tuple[slice, slice]:
        """Rows and columns of what is read that are scored."""
        return self.scored.within(self.read)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSamples:
    """What of a pair is scored: the scene, its pieces, or some windows."""

    pair: ScenePair
    area: Window
    """What is scored, or sampled; on model pixels."""
    multiple: int
    """Sides of samples are multiples of it."""
    asked: int | None
    """Number of windows; None is the whole scene."""
    in_pieces: bool
    """Whether a whole scene comes in pieces."""
    scale: int
    """Factor from values above black to DN."""
    signal: AboveZero
    """The pair without its black."""

    @classmethod
    def of(
        cls, pair: ScenePair, area: Window, *, windows: int | None, reduced: bool
    ) -> "PairSamples":
        """Decides where to score.

        Args:
            pair: The scene.
            area: The part of it that can be scored.
            windows: Number of windows; None is the whole scene unless it is large.
            reduced: Whether the pair is degraded.

        Raises:
            InputError: When the area is too small.
        """
        multiple = pair.ratio**2 if reduced else pair.ratio
        area = aligned(area, pair.ratio, multiple)
        return cls(
            pair=pair,
            area=area,
            multiple=multiple,
            asked=window_count(area, windows),
            in_pieces=not reduced,
            scale=_dn_scale(pair),
            signal=AboveZero(source=pair, zeros=black_levels(pair.statistics())),
        )

    @property
    def count(self) -> int:
        """Largest number of samples."""
        places = sum(1 for _ in self.places())
        return places if self.asked is None else min(self.asked, places)

    def places(self) -> Iterator[Place]:
        """Yields where to read and score; all windows of a lattice, as some may be empty."""
        if self.asked is not None:
            side = window_side(self.area, self.asked)
            for window in random_windows(self.area, self.multiple, side):
                name = f"window at row {window.row}, column {window.col}"
                yield Place(name=name, read=self._with_margin(window), scored=window)
        elif self.in_pieces:
            parts = list(pieces(self.area))
            for k, part in enumerate(parts):
                shown = k == len(parts) // 2
                yield Place(name=SCENE, read=self._with_margin(part), scored=part, shown=shown)
        else:
            yield Place(name=SCENE, read=self.area, scored=self.area)

    def _with_margin(self, window: Window) -> Window:
        grown = window.expand(MARGIN).intersection(self.area)
        return aligned(grown or window, self.pair.ratio, self.multiple)

    def patch(self, window: Window) -> Patch:
        """Reads a window in DN above black."""
        patch = self.signal.read(window)
        if self.scale == 1:
            return patch
        return Patch(pan=patch.pan * self.scale, ms=patch.ms * self.scale, valid=patch.valid)

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of the scene in DN above black."""
        statistics = self.signal.statistics()
        return SceneStatistics.of(
            pan=_scaled(statistics.pan, self.scale),
            ms=tuple(_scaled(band, self.scale) for band in statistics.ms),
        )


def _dn_scale(pair: ScenePair) -> int:
    if pair.ms.dtype.kind != "f":
        return 1
    largest = max(band.maximum for band in pair.statistics().ms)
    return DN_SCALE if largest <= REFLECTANCE else 1


def _scaled(band: BandStatistics, scale: float) -> BandStatistics:
    return replace(
        band,
        mean=band.mean * scale,
        std=band.std * scale,
        minimum=band.minimum * scale,
        maximum=band.maximum * scale,
        zero=band.zero * scale,
    )


def full_samples(scene: PairSamples, validity: Validity | None = None) -> Iterator[Sample]:
    """Yields the pair's own pixels; `validity` is that of given products.

    Raises:
        InputError: When no sample has a block of valid pixels.
    """
    return _samples(scene, partial(_full_sample, scene, validity))


def reduced_samples(scene: PairSamples, sensor: Sensor, crop: int) -> Iterator[Sample]:
    """Yields the pair degraded by its ratio (Wald): the MS is the reference.

    Raises:
        InputError: When no sample has a block of valid pixels, or it is too small.
    """
    return _samples(scene, partial(_reduced_sample, scene, sensor, crop))


def _samples(scene: PairSamples, make: Callable[[Place], Sample | None]) -> Iterator[Sample]:
    samples = (make(place) for place in scene.places())
    usable = (sample for sample in samples if sample is not None)
    empty = True
    for sample in islice(usable, scene.asked):
        empty = False
        yield sample
    if empty:
        raise InputError(
            f"{scene.pair.ms.path}: no block of {BLOCK} x {BLOCK} pixels is entirely valid in PAN "
            "and MS: nothing can be scored"
        )


def _full_sample(scene: PairSamples, validity: Validity | None, place: Place) -> Sample | None:
    pair = scene.pair
    patch = scene.patch(place.read)
    valid = patch.valid if validity is None else patch.valid & validity(place.read)
    scored = valid[place.inner]
    # A window needs a block; a piece may hold a part of the last, mirrored one only.
    if not (scored.any() if scene.asked is None else has_block(scored, BLOCK)):
        return None
    lms = upsample(torch.from_numpy(patch.ms), pair.ratio, pair.ms_phase)
    low = _reduced_pan(patch.pan, pair)[None]
    return Sample(
        name=place.name,
        pan=patch.pan,
        ms=_without_halo(patch.ms),
        lms=lms.numpy(),
        valid=valid,
        inner=place.inner,
        phase=pair.ms_phase,
        pan_low=_interpolated(low, pair)[0],
        window=place.read,
        statistics=scene.statistics(),
        shown=place.shown,
    )


def _reduced_sample(scene: PairSamples, sensor: Sensor, crop: int, place: Place) -> Sample | None:
    pair = scene.pair
    ratio = pair.ratio
    patch = scene.patch(place.read)
    reference = _without_halo(patch.ms)
    rows, cols = reference.shape[1:]
    under: BoolArray = np.all(patch.valid.reshape(rows, ratio, cols, ratio), axis=(1, 3))
    # Filled holes reach through the MTF and the interpolator: four reduced MS pixels.
    valid = _eroded(under, 4 * ratio)
    inner = crop_slices(pair.ms.path, rows, cols, crop)
    if not has_block(valid[inner], BLOCK):
        return None
    exact = torch.from_numpy(reference).double()
    ms = reduce_ms(exact, sensor.ms_gains, ratio, pair.ms_phase).float().numpy()
    return Sample(
        name=place.name,
        pan=_reduced_pan(patch.pan, pair),
        ms=ms,
        lms=_interpolated(ms, pair),
        valid=valid,
        inner=inner,
        phase=pair.ms_phase,
        reference=reference,
        statistics=scene.statistics(),
    )


def _without_halo(ms: FloatArray) -> FloatArray:
    return np.ascontiguousarray(ms[:, MS_HALO:-MS_HALO, MS_HALO:-MS_HALO])


def _interpolated(images: FloatArray, pair: ScenePair) -> FloatArray:
    lms: FloatArray = upsample_image(torch.from_numpy(images), pair.ratio, pair.ms_phase).numpy()
    return lms


def _reduced_pan(pan: FloatArray, pair: ScenePair) -> FloatArray:
    """Returns ``(rows, cols)`` on the MS model grid."""
    rows, cols = pan.shape
    shape = (rows // pair.ratio, cols // pair.ratio)
    first = (pair.ms_phase, pair.ms_phase)
    reduced: FloatArray = reduce_pan(
        torch.from_numpy(pan), pair.ratio, first=first, shape=shape
    ).numpy()
    return reduced


def _eroded(valid: BoolArray, reach: int) -> BoolArray:
    """Returns the pixels with no invalid one within `reach` rows and columns in the image."""
    if valid.all():
        return valid
    holes = torch.from_numpy(~valid).float()[None, None]
    near = max_pool2d(holes, 2 * reach + 1, stride=1, padding=reach)
    far: BoolArray = (near[0, 0] == 0).numpy()
    return far
