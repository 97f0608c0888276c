"""What the methods promise, on small arrays."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from ssdiff_models import classical
from ssdiff_models.classical.component_substitution import LinearRule
from ssdiff_models.classical.moments import nonnegative_least_squares
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.resampling.upsample import upsample_image
from tests.models.classical.conftest import textured

Array = npt.NDArray[np.float64]


def scene(seed: int, bands: int = 3, size: int = 12) -> tuple[Array, Array]:
    """An MS, and its interpolation by repetition: what interpolates does not matter here."""
    ms = np.random.default_rng(seed).uniform(200, 900, (bands, size, size))
    return ms, ms.repeat(4, axis=1).repeat(4, axis=2)


def fuse(method: str, pan: Array, ms: Array, lms: Array) -> Array:
    return classical.fuse(method, pan=pan, ms=ms, lms=lms, sensor="generic", ratio=4)


@settings(max_examples=5)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.1, 10), shift=st.floats(-50, 50))
@pytest.mark.parametrize(
    "method", ["gs", "gsa", "mtf-glp-fs", "mtf-glp-cbd", "bdsd", "mtf-glp-hpm-r"]
)
def test_the_unit_of_the_pan_does_not_matter(
    method: str, seed: int, factor: float, shift: float
) -> None:
    ms, lms = scene(seed)
    pan = lms.mean(0) + np.random.default_rng(seed + 1).normal(0, 20, lms.shape[1:])
    # BDSD has no constant, and MTF filters of a gain other than 1 at frequency 0 make one of a shift.
    offset = shift if method in {"gs", "gsa"} else 0.0
    first, second = fuse(method, pan, ms, lms), fuse(method, pan * factor + offset, ms, lms)
    assert np.abs(first - second).max() < 1e-4


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_a_pan_that_is_the_intensity_changes_nothing(seed: int) -> None:
    ms, lms = scene(seed)
    assert np.abs(fuse("gs", lms.mean(0), ms, lms) - lms).max() < 1e-6


@pytest.mark.parametrize("method", classical.METHODS)
def test_a_constant_scene_stays_as_it_is(method: str) -> None:
    ms, lms = np.full((4, 12, 12), 500.0), np.full((4, 48, 48), 500.0)
    fused = fuse(method, np.full((48, 48), 700.0), ms, lms)
    assert np.isfinite(fused).all()
    assert fused == pytest.approx(lms, abs=2.0)


@pytest.mark.parametrize("method", ["gs", "gsa"])
def test_the_mean_of_each_band_is_kept(method: str) -> None:
    ms, lms = scene(3)
    pan = lms.mean(0) + np.random.default_rng(4).normal(0, 20, lms.shape[1:])
    assert fuse(method, pan, ms, lms).mean((1, 2)) == pytest.approx(lms.mean((1, 2)), rel=1e-9)


@given(seed=st.integers(0, 10_000), size=st.integers(1, 8))
def test_nonnegative_least_squares_is_scipys(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(20, size)), rng.normal(size=20)
    assert nonnegative_least_squares(left.T @ left, left.T @ right) == pytest.approx(
        nnls(left, right)[0], abs=1e-8
    )


def test_gains_of_bdsd_pc_have_the_right_sign() -> None:
    rule = classical.stream("bdsd-pc", textured(4, 160, 160, 4), "qb").rule
    assert isinstance(rule, LinearRule)
    assert min(rule.pan) >= 0
    assert (np.array(rule.weights) - np.eye(4)).max() <= 0


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    ms, lms = scene(1)
    with pytest.raises(UsageError, match=r"unknown method 'ihs': known are exp, brovey, .*awlp"):
        fuse("ihs", lms[0], ms, lms)


def test_an_unknown_sensor_is_refused() -> None:
    ms, lms = scene(1)
    with pytest.raises(UsageError, match="unknown sensor"):
        classical.fuse("gsa", pan=lms[0], ms=ms, lms=lms, sensor="sputnik", ratio=4)


def test_arrays_that_do_not_fit_are_refused() -> None:
    ms, lms = scene(1)
    with pytest.raises(InputError, match="ratio 4"):
        fuse("gsa", lms[0, :-1], ms, lms)
    with pytest.raises(InputError, match="must be"):
        fuse("gsa", lms, ms, lms)
    with pytest.raises(InputError, match="not finite"):
        fuse("gsa", np.full_like(lms[0], np.nan), ms, lms)


def test_the_exp_is_made_where_none_is_given_and_tensors_do() -> None:
    ms, _ = scene(2)
    pan = np.kron(ms.mean(0), np.ones((4, 4))) + np.arange(4 * ms.shape[2]) % 7
    wanted = classical.fuse(
        "gsa",
        pan=pan,
        ms=ms,
        lms=upsample_image(torch.from_numpy(ms), 4, 1.5).numpy(),
        sensor="qb",
        ratio=4,
        phase=1.5,
    )
    tensors = {"pan": torch.from_numpy(pan), "ms": torch.from_numpy(ms)}
    found = classical.fuse("gsa", **tensors, sensor="qb", ratio=4, phase=1.5)
    assert np.array_equal(found, wanted)
    with pytest.raises(InputError, match="crop both to whole MS pixels"):
        classical.fuse("gsa", pan=pan[:-1], ms=ms, sensor="qb", ratio=4)
