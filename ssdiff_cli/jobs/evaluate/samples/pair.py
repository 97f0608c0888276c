"""Samples of a PAN/MS pair of rasters: degraded by Wald's protocol, or as they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

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
"""Tells which pixels of a window are valid elsewhere, too."""

WHOLE = "the scene"
MARGIN = 64
"""PAN pixels around a window or piece that feed the methods and are not scored."""


def pair_sensor(pair: ScenePair, sensor: Sensor) -> Sensor:
    """Returns the sensor with the gains of the pair's bands, matched by their descriptions where these are known."""
    descriptions = pair.ms.dataset.descriptions
    names = tuple(descriptions[index - 1] for index in pair.ms.indexes)
    gains = sensor.gains(pair.bands, names)
    return replace(
        sensor, bands=tuple(name or f"band {k}" for k, name in enumerate(names, 1)), ms_gains=gains
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one sample is read and scored."""

    name: str
    """Of the unit that it belongs to."""
    around: Window
    """What is read."""
    scored: Window
    shown: bool = True
    """Whether a report may show it."""


class PairSamples:
    """The windows or pieces of a pair that are scored."""

    def __init__(
        self, pair: ScenePair, *, area: Window, multiple: int, windows: int | None, in_pieces: bool
    ) -> None:
        """Decides where to score.

        Args:
            pair: The scene.
            area: The part of it that can be scored.
            multiple: What sides of a sample must be multiples of.
            windows: How many windows were asked for; None is the whole scene unless it is large.
            in_pieces: Whether a whole scene comes in pieces.
        """
        self.pair = pair
        self.multiple = multiple
        self.area = aligned(area, pair.ratio, multiple)
        self.asked = window_count(self.area, windows)
        self.in_pieces = in_pieces
        self.scale = dn_scale(pair)
        self.signal = AboveZero(source=pair, black=black_levels(pair.statistics()))

    @property
    def count(self) -> int:
        """The most samples there can be."""
        places = sum(1 for _ in self.places())
        return places if self.asked is None else min(self.asked, places)

    def places(self) -> Iterator[Place]:
        """Yields where to read and score, sample by sample; more windows than are asked for, as some may be empty."""
        if self.asked is not None:
            for window in self._sampled(self.asked):
                yield Place(
                    name=f"window at row {window.row}, column {window.col}",
                    around=self._around(window),
                    scored=window,
                )
        elif self.in_pieces:
            parts = list(pieces(self.area))
            for k, part in enumerate(parts):
                yield Place(
                    name=WHOLE, around=self._around(part), scored=part, shown=k == len(parts) // 2
                )
        else:
            yield Place(name=WHOLE, around=self.area, scored=self.area)

    def _around(self, window: Window) -> Window:
        return aligned(
            window.expand(MARGIN).intersection(self.area) or window, self.pair.ratio, self.multiple
        )

    def _sampled(self, asked: int) -> Iterator[Window]:
        return random_windows(self.area, self.multiple, window_side(self.area, asked))

    def patch(self, window: Window) -> Patch:
        """Reads a window in DN above black."""
        patch = self.signal.read(window)
        if self.scale == 1:
            return patch
        return Patch(pan=patch.pan * self.scale, ms=patch.ms * self.scale, valid=patch.valid)

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of the whole scene in DN above black."""
        found = self.signal.statistics()
        return SceneStatistics(
            pan=_scaled(found.pan, self.scale),
            ms=tuple(_scaled(band, self.scale) for band in found.ms),
        )


def dn_scale(pair: ScenePair) -> int:
    """Returns what to multiply with: 10000 for reflectances in 0 .. 1, which Q2n's integers would round away, else 1."""
    return (
        10_000
        if pair.ms.dtype.kind == "f" and max(band.maximum for band in pair.statistics().ms) <= 10
        else 1
    )


def _scaled(band: BandStatistics, scale: float) -> BandStatistics:
    scaled = {
        name: getattr(band, name) * scale for name in ("mean", "std", "minimum", "maximum", "black")
    }
    return replace(band, **scaled)


def full_samples(scene: PairSamples, validity: Validity | None = None) -> Iterator[Sample]:
    """Yields the pair's own pixels with EXP; `validity` adds that of given products.

    Raises:
        InputError: When no sample has a block of valid pixels.
    """
    pair, found = scene.pair, 0
    for place in scene.places():
        window = place.around
        patch = scene.patch(window)
        inner = place.scored.within(window)
        valid = patch.valid if validity is None else patch.valid & validity(window)
        # A window needs a block of its own; a piece may hold nothing but a part of the last, mirrored one.
        if not (has_block(valid[inner], BLOCK) if scene.asked is not None else valid[inner].any()):
            continue
        inside = slice(MS_HALO, -MS_HALO)
        lms = upsample(torch.from_numpy(patch.ms), pair.ratio, pair.ms_phase).numpy()
        ms = np.ascontiguousarray(patch.ms[:, inside, inside])
        low = _interpolated(_reduced_pan(patch.pan, pair), pair)[0]
        yield Sample(
            name=place.name,
            pan=patch.pan,
            ms=ms,
            lms=lms,
            valid=valid,
            inner=inner,
            phase=pair.ms_phase,
            pan_low=low,
            window=window,
            statistics=scene.statistics(),
            shown=place.shown,
        )
        found += 1
        if found == scene.asked:
            return
    _some(found, pair)


def reduced_samples(scene: PairSamples, sensor: Sensor, crop: int) -> Iterator[Sample]:
    """Yields the pair degraded by its ratio (Wald): the MS is the reference, the PAN's reduction the PAN.

    Filled holes reach through the MTF and the interpolator, so pixels within four reduced MS pixels of one are not scored.

    Raises:
        InputError: When no sample has a block of valid pixels, or it is too small.
    """
    pair, found = scene.pair, 0
    for place in scene.places():
        patch = scene.patch(place.around)
        reference = np.ascontiguousarray(patch.ms[:, MS_HALO:-MS_HALO, MS_HALO:-MS_HALO])
        rows, cols = reference.shape[1:]
        under: BoolArray = np.all(
            patch.valid.reshape(rows, pair.ratio, cols, pair.ratio), axis=(1, 3)
        )
        valid = _eroded(under, 4 * pair.ratio)
        inner = crop_slices(pair.ms.path, rows, cols, crop)
        if not has_block(valid[inner], BLOCK):
            continue
        ms = (
            reduce_ms(
                torch.from_numpy(reference).double(), sensor.ms_gains, pair.ratio, pair.ms_phase
            )
            .float()
            .numpy()
        )
        yield Sample(
            name=place.name,
            pan=_reduced_pan(patch.pan, pair)[0],
            ms=ms,
            lms=_interpolated(ms, pair),
            valid=valid,
            inner=inner,
            phase=pair.ms_phase,
            reference=reference,
            statistics=scene.statistics(),
        )
        found += 1
        if found == scene.asked:
            return
    _some(found, pair)


def _interpolated(images: FloatArray, pair: ScenePair) -> FloatArray:
    """Interpolates whole images on the MS model grid."""
    lms: FloatArray = upsample_image(torch.from_numpy(images), pair.ratio, pair.ms_phase).numpy()
    return lms


def _reduced_pan(pan: FloatArray, pair: ScenePair) -> FloatArray:
    """Returns ``(1, rows, cols)`` on the MS model grid, each pixel where the MS has it."""
    rows, cols = pan.shape
    phase, ratio = pair.ms_phase, pair.ratio
    reduced: FloatArray = reduce_pan(
        torch.from_numpy(pan), ratio, first=(phase, phase), shape=(rows // ratio, cols // ratio)
    ).numpy()
    return reduced[None]


def _eroded(valid: BoolArray, reach: int) -> BoolArray:
    """Returns the pixels that have no invalid one within `reach` rows and columns; the scene's border does not count as one."""
    if valid.all():
        return valid
    holes = torch.from_numpy(~valid).float()[None, None]
    near: BoolArray = (
        torch.nn.functional.max_pool2d(holes, 2 * reach + 1, stride=1, padding=reach)[0, 0].numpy()
        > 0
    )
    return ~near


def _some(found: int, pair: ScenePair) -> None:
    if not found:
        raise InputError(
            f"{pair.ms.path}: no block of {BLOCK} x {BLOCK} pixels is wholly valid in PAN and MS: nothing can be scored"
        )
