"""Errors of fused images in a report."""

import numpy as np
import numpy.typing as npt
import pytest

from ssdiff_cli.jobs.evaluate.plan import Sample, Settings
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_models.scene.sensors import get


def gallery(lms: npt.NDArray[np.float32], *, has_reference: bool) -> Gallery:
    """An image that is shown as a whole, without fused ones."""
    rows, cols = lms.shape[1:]
    whole = (slice(0, rows), slice(0, cols))
    sample = Sample(
        name="x",
        pan=np.zeros((0, rows, cols), np.float32),
        ms=lms,
        lms=lms,
        valid=np.ones((rows, cols), np.bool_),
        inner=whole,
        phase=1.5,
        reference=lms if has_reference else None,
    )
    settings = Settings(
        protocol="reduced-resolution" if has_reference else "full-resolution",
        inputs=(),
        sensor=get("qb"),
        ratio=4,
        crop=0,
        peak=255,
        unit="scene",
    )
    return Gallery(settings=settings, sample=sample, part=whole)


def test_errors_are_relative_to_the_mean_of_each_band() -> None:
    truth = np.stack([np.full((40, 50), 100.0), np.full((40, 50), 1000.0)]).astype(np.float32)
    truth[:, ::2] *= 1.1
    truth[:, 1::2] *= 0.9
    fused = truth.copy()
    fused[:, 10:14, 20:24] += np.array([30, 400], np.float32)[:, None, None]
    shown = gallery(truth, has_reference=True)
    error = shown.error_map(fused)
    assert error[12, 22] == pytest.approx(100 * np.sqrt((0.3**2 + 0.4**2) / 2), rel=1e-5)
    assert error.sum() == pytest.approx(16 * error[12, 22], rel=1e-5)
    figures = shown.band_figures(fused)
    share = np.sqrt(16 / 2000)
    assert figures.rmse == pytest.approx([30 * share, 40 * share], rel=1e-5)
    assert all(0.5 < value < 1 for value in figures.correlation)


def test_the_border_of_the_part_shown_has_no_error_without_a_reference() -> None:
    lms = np.random.default_rng(0).uniform(100, 200, (4, 64, 80)).astype(np.float32)
    error = gallery(lms, has_reference=False).error_map(lms)
    inside = np.zeros(error.shape, np.bool_)
    inside[20:-20, 20:-20] = True
    assert (error > 0)[inside].all()
    assert (error == 0)[~inside].all()
