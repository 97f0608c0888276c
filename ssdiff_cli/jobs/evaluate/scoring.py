"""Scores of fused samples, unit by unit: scenes, windows or images."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from ssdiff_cli.jobs.evaluate.plan import Plan, Sample, Settings, Validity
from ssdiff_cli.jobs.evaluate.scores import Scores, reference_metrics
from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_models.errors import InputError
from ssdiff_models.metrics import FullResolution, Piece

__all__ = ["Fused", "Scored", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """What one method made of one sample."""

    sample: Sample
    method: str
    image: Pixels
    """``(bands, rows, cols)`` in DN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The scores of one method on one unit."""

    name: str
    method: str
    scores: Scores


def score(plan: Plan) -> Iterator[Fused | Scored]:
    """Fuses the samples of a plan and scores each unit once its samples are complete.

    Raises:
        InputError: When an image cannot be scored; the message names it.
    """
    for name, samples in groupby(plan.samples, key=lambda sample: sample.name):
        image_name = name if plan.settings.unit == "image" else plan.settings.inputs[0]
        units = {method: _unit_scores(plan, method) for method in plan.fusers}
        for sample in samples:
            for method, fuse in plan.fusers.items():
                image = fuse(sample)
                if sample.scored:
                    with _naming(image_name, method):
                        units[method].update(sample, image)
                yield Fused(sample=sample, method=method, image=image)
        for method, unit in units.items():
            with _naming(image_name, method):
                scores = unit.result()
            yield Scored(name=name, method=method, scores=scores)


@contextmanager
def _naming(image_name: str, method: str) -> Iterator[None]:
    """Names the image that a metric refuses."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{image_name}: {method}: {error}") from error


class _ImageScores:
    """Scores of a unit that is one image with a reference, as the DLPan toolbox computes them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scores: Scores = {}

    def update(self, sample: Sample, image: Pixels) -> None:
        assert sample.reference is not None
        rows, cols = sample.inner
        valid = sample.valid[rows, cols]
        mask = None if valid.all() else valid
        fused = image[:, rows, cols]
        truth = sample.reference[:, rows, cols]
        metrics = reference_metrics(ratio=self._settings.ratio, peak=self._settings.peak)
        self._scores = {name: metric.of(fused, truth, mask) for name, metric in metrics.items()}

    def result(self) -> Scores:
        return self._scores


class _PieceScores:
    """Scores at full resolution of a unit that comes in pieces."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._total: FullResolution | None = None

    def update(self, sample: Sample, image: Pixels) -> None:
        target = sample.target
        assert target is not None
        assert sample.pan_low is not None
        if self._total is None:
            settings = self._settings
            self._total = FullResolution(
                sensor=settings.sensor,
                ratio=settings.ratio,
                places=target.places,
                size=target.size,
                pitch=target.pitch,
            )
        piece = Piece(
            fused=image,
            lms=sample.lms,
            pan=sample.pan,
            pan_low=sample.pan_low,
            ms=target.pixels,
            inner=sample.inner,
            valid=sample.valid,
        )
        self._total.update(piece)

    def result(self) -> Scores:
        assert self._total is not None
        return self._total.result()


class _StripScores:
    """Scores of a product against a reference, both read in strips of rows."""

    def __init__(self, settings: Settings, validity: Validity) -> None:
        self._validity = validity
        self._metrics = reference_metrics(ratio=settings.ratio, peak=settings.peak)
        self._empty = True

    def update(self, sample: Sample, image: Pixels) -> None:
        assert sample.reference is not None
        assert sample.window is not None
        valid = sample.valid & self._validity(sample.window)
        self._empty = self._empty and not valid.any()
        mask = None if valid.all() else valid
        for metric in self._metrics.values():
            metric.update(image, sample.reference, mask)

    def result(self) -> Scores:
        if self._empty:
            raise InputError("has no valid pixel in common with it")
        return {name: metric.result() for name, metric in self._metrics.items()}


def _unit_scores(plan: Plan, method: str) -> _ImageScores | _PieceScores | _StripScores:
    settings = plan.settings
    if settings.protocol == "reference":
        return _StripScores(settings, plan.products[method])
    if settings.protocol == "reduced-resolution":
        return _ImageScores(settings)
    return _PieceScores(settings)
