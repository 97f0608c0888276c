"""Samples in, scores out."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

from ssdiff_cli.jobs.evaluate.samples.sample import Event, Fused, Fuser, Sample, Scored, Settings
from ssdiff_cli.jobs.evaluate.scores import Scores, score_full, score_reduced
from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_models.errors import InputError
from ssdiff_models.metrics import FullResolution

__all__ = ["score_pieces", "score_samples"]


def score_samples(
    settings: Settings, samples: Iterator[Sample], fusers: dict[str, Fuser]
) -> Iterator[Event]:
    """Yields what every method makes of every sample, and its scores; each sample is a unit of its own.

    Raises:
        InputError: When an image cannot be scored; the message names it.
    """
    for sample in samples:
        for method, fuse in fusers.items():
            image = fuse(sample)
            yield Fused(sample=sample, method=method, image=image)
            yield Scored(name=sample.name, method=method, scores=_score(settings, sample, image))


def _score(settings: Settings, sample: Sample, fused: Pixels) -> Scores:
    rows, cols = sample.inner
    valid = sample.valid[rows, cols]
    mask = None if valid.all() else valid
    inner = (slice(None), rows, cols)
    ratio = settings.ratio
    try:
        if sample.reference is not None:
            return score_reduced(
                fused[inner], sample.reference[inner], ratio=ratio, peak=settings.peak, valid=mask
            )
        pan = sample.pan[rows, cols]
        return score_full(
            fused[inner], sample.lms[inner], pan, sensor=settings.sensor, ratio=ratio, valid=mask
        )
    except InputError as error:
        raise InputError(f"{sample.name}: {error}") from error


def score_pieces(
    settings: Settings, samples: Iterator[Sample], fusers: dict[str, Fuser]
) -> Iterator[Event]:
    """Yields what every method makes of every sample; samples of one name are pieces of one unit and are scored together.

    Raises:
        InputError: When an image cannot be scored; the message names its file.
    """
    for name, pieces in groupby(samples, key=lambda sample: sample.name):
        totals = {
            method: FullResolution(sensor=settings.sensor, ratio=settings.ratio)
            for method in fusers
        }
        for sample in pieces:
            assert sample.pan_low is not None
            for method, fuse in fusers.items():
                image = fuse(sample)
                with _naming(settings.inputs[0]):
                    totals[method].update(
                        image,
                        sample.lms,
                        sample.pan,
                        sample.pan_low,
                        inner=sample.inner,
                        valid=sample.valid,
                    )
                yield Fused(sample=sample, method=method, image=image)
        for method, total in totals.items():
            with _naming(settings.inputs[0]):
                scores = total.result()
            yield Scored(name=name, method=method, scores=scores)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Says of which file it is what a metric cannot do."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
