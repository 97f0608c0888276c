"""Samples of a PAN/MS pair of rasters: degraded by Wald's protocol, or as they are."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch.nn.functional import max_pool2d

from ssdiff_cli.jobs.evaluate.plan import MsTarget, Sample, Settings, Validity
from ssdiff_cli.jobs.evaluate.samples.windows import (
    BLOCK,
    aligned,
    crop_slices,
    has_block,
    pieces,
    random_windows,
    window_count,
)
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.errors import InputError
from ssdiff_models.metrics import Place
from ssdiff_models.resampling.degrade import reduce_ms, reduce_pan
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.resampling.upsample import upsample, upsample_image
from ssdiff_models.scene.source import BoolArray, FloatArray, NativeMs, Patch
from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics
from ssdiff_models.scene.windows import Window
from ssdiff_models.scene.zero_signal import AboveZero, black_levels

__all__ = ["PairSamples", "ms_pixels", "pair_samples"]

SCENE = "the scene"
MARGIN = 64
"""PAN pixels around a window or piece that the methods see and that are not scored."""
REFLECTANCE = 10
"""Largest value of floating-point reflectances; above, the data are DN."""
DN_SCALE = 10_000
"""DN of a reflectance of 1; Q2n rounds to integers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where one sample is read and scored."""

    name: str
    """Name of the unit."""
    read: Window
    scored: Window
    shown: bool = True
    """Whether a report may show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSamples:
    """What of a pair is scored: the scene, in pieces at full resolution, or some windows."""

    pair: ScenePair
    area: Window
    """What is scored, or sampled; on model pixels."""
    asked: int | None
    """Number of windows; None is the whole scene."""
    reduced: bool
    """Whether the pair is degraded."""

    @classmethod
    def of(
        cls, pair: ScenePair, area: Window, *, windows: int | None, reduced: bool
    ) -> "PairSamples":
        """Scores `area`: in windows if asked to, or if it is large.

        Raises:
            InputError: When the area is too small.
        """
        scene = cls(pair=pair, area=area, asked=windows, reduced=reduced)
        area = aligned(area, pair.ratio, scene.multiple)
        return replace(scene, area=area, asked=window_count(area, windows))

    @property
    def multiple(self) -> int:
        """Sides of samples are multiples of it."""
        ratio = self.pair.ratio
        return ratio**2 if self.reduced else ratio

    @property
    def scale(self) -> int:
        """Factor from values above zero signal to DN."""
        pair = self.pair
        largest = max(band.maximum for band in pair.statistics().ms)
        return DN_SCALE if pair.ms.dtype.kind == "f" and largest <= REFLECTANCE else 1

    @property
    def signal(self) -> AboveZero:
        """The pair above its zero signal."""
        return AboveZero(source=self.pair, zeros=black_levels(self.pair.statistics()))

    @property
    def count(self) -> int:
        """Largest number of samples."""
        regions = sum(1 for _ in self.regions())
        return regions if self.asked is None else min(self.asked, regions)

    def regions(self) -> Iterator[Region]:
        """Yields where to read and score; all windows of a lattice, as some may be empty."""
        if self.asked is not None:
            for window in random_windows(self.area, self.multiple, self.asked):
                name = f"window at row {window.row}, column {window.col}"
                yield Region(name=name, read=self._with_margin(window), scored=window)
        elif self.reduced:
            yield Region(name=SCENE, read=self.area, scored=self.area)
        else:
            parts = list(pieces(self.area, self.pair.ratio))
            for k, part in enumerate(parts):
                shown = k == len(parts) // 2
                yield Region(name=SCENE, read=self._with_margin(part), scored=part, shown=shown)

    def _with_margin(self, window: Window) -> Window:
        grown = window.expand(MARGIN).intersection(self.area)
        return aligned(grown or window, self.pair.ratio, self.multiple)

    def patch(self, window: Window) -> Patch:
        """Reads a window in DN above zero signal."""
        patch = self.signal.read(window)
        if self.scale == 1:
            return patch
        return Patch(pan=patch.pan * self.scale, ms=patch.ms * self.scale, valid=patch.valid)

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of the scene in DN above zero signal."""
        statistics = self.signal.statistics()
        return SceneStatistics.of(
            pan=_scaled(statistics.pan, self.scale),
            ms=tuple(_scaled(band, self.scale) for band in statistics.ms),
        )


def _scaled(band: BandStatistics, scale: float) -> BandStatistics:
    return replace(
        band,
        mean=band.mean * scale,
        std=band.std * scale,
        minimum=band.minimum * scale,
        maximum=band.maximum * scale,
        zero=band.zero * scale,
    )


def pair_samples(
    scene: PairSamples,
    settings: Settings,
    validity: Collection[Validity],
    places: tuple[Place, ...],
) -> Iterator[Sample]:
    """Yields the pair's own pixels, or the pair degraded by its ratio (Wald).

    At full resolution, pixels count that are valid in all products, and `places` says where the
    MS's bands lie.

    Raises:
        InputError: When no sample has a block of valid pixels, or it is too small.
    """
    if scene.reduced:
        samples = (_reduced_sample(scene, region, settings) for region in scene.regions())
    else:
        samples = (_full_sample(scene, region, validity, places) for region in scene.regions())
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


def _full_sample(
    scene: PairSamples,
    region: Region,
    validity: Collection[Validity],
    places: tuple[Place, ...],
) -> Sample | None:
    pair = scene.pair
    patch = scene.patch(region.read)
    valid = patch.valid
    for valid_in_product in validity:
        valid = valid & valid_in_product(region.read)
    inner = region.scored.within(region.read)
    scored = valid[inner]
    # A window needs a block; a piece may hold a part of the last, mirrored one only.
    if not (scored.any() if scene.asked is None else has_block(scored)):
        return None
    lms = upsample(torch.from_numpy(patch.ms), pair.ratio, pair.ms_phase)
    low = _reduced_pan(patch.pan, pair)[None]
    unit = (scene.area if scene.asked is None else region.scored).coarser(pair.ratio)
    pixels, _ = ms_pixels(patch, pair)
    return Sample(
        name=region.name,
        pan=patch.pan,
        ms=_without_halo(patch.ms),
        lms=lms.numpy(),
        valid=valid,
        inner=inner,
        phase=pair.ms_phase,
        pan_low=_interpolated(low, pair)[0],
        target=MsTarget(pixels=pixels, places=places, size=unit.shape, pitch=pair.pitch),
        window=region.read,
        statistics=scene.statistics(),
        shown=region.shown,
    )


def _reduced_sample(scene: PairSamples, region: Region, settings: Settings) -> Sample | None:
    pair = scene.pair
    ratio = pair.ratio
    patch = scene.patch(region.read)
    reference = _without_halo(patch.ms)
    rows, cols = reference.shape[1:]
    under: BoolArray = np.all(patch.valid.reshape(rows, ratio, cols, ratio), axis=(1, 3))
    # Filled holes reach through the MTF and the interpolator: four reduced MS pixels.
    valid = _eroded(under, 4 * ratio)
    inner = crop_slices(pair.ms.path, rows, cols, settings.crop)
    if not has_block(valid[inner]):
        return None
    exact = torch.from_numpy(reference).double()
    ms = reduce_ms(exact, settings.sensor.ms_gains, ratio, pair.ms_phase).float().numpy()
    return Sample(
        name=region.name,
        pan=_reduced_pan(patch.pan, pair),
        ms=ms,
        lms=_interpolated(ms, pair),
        valid=valid,
        inner=inner,
        phase=pair.ms_phase,
        reference=reference,
        statistics=scene.statistics(),
    )


def ms_pixels(patch: Patch, pair: ScenePair) -> tuple[FloatArray, Place]:
    """Returns the MS pixels under a patch, and the place of the first.

    They are the file's own where these are as large as the model's, else the model's.
    """
    native = patch.native_ms
    if isinstance(native, NativeMs):
        return native.pixels, native.phase
    return _without_halo(patch.ms), (pair.ms_phase, pair.ms_phase)


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
