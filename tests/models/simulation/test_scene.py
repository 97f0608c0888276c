"""The landscape and its acquisition: determinism, radiometry, registration, structure."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ssdiff_models.errors import UsageError
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.scene.sensors import get
from ssdiff_models.simulation import SceneSpec, SimulatedPair, simulate_pair
from tests.scenes import simulated

QB = get("qb")
SIZE = 256
Image = npt.NDArray[np.float64]

# Noise, the truth's quantisation and the small difference between a Gaussian and the reference toolbox's filter.
REGISTRATION_PX = 0.05


def scene(seed: int = 0, **changes: object) -> SimulatedPair:
    return simulated(replace(SceneSpec(sensor=QB, size=SIZE, seed=seed), **changes))  # type: ignore[arg-type]


def same(one: SimulatedPair, other: SimulatedPair) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("pan", "ms", "truth")
    )


def test_a_seed_means_one_scene() -> None:
    spec = SceneSpec(sensor=QB, size=64, seed=3)
    assert same(simulate_pair(spec), simulate_pair(spec))
    assert not same(simulate_pair(spec), simulate_pair(replace(spec, seed=4)))


@pytest.mark.slow
def test_threads_do_not_change_a_scene() -> None:
    code = (
        "import hashlib; from ssdiff_models.scene.sensors import get; from ssdiff_models.simulation import *;"
        "pair = simulate_pair(SceneSpec(sensor=get('qb'), size=128));"
        "print(hashlib.sha256(pair.pan.tobytes() + pair.ms.tobytes() + pair.truth.tobytes()).hexdigest())"
    )
    source = str(Path(__file__).resolve().parents[3] / "models")
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": source, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "4")
    ]
    assert printed[0] == printed[1]


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(1)  # noqa: NPY002 (the legacy generator is what must not move)
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    simulate_pair(SceneSpec(sensor=QB, size=64))
    assert np.array_equal(expected, np.random.random(3))  # noqa: NPY002


def test_shapes() -> None:
    pair = scene(margin=2)
    assert pair.pan.shape == (SIZE, SIZE)
    assert pair.truth.shape == (4, SIZE, SIZE)
    assert pair.ms.shape == (4, SIZE // 4 + 4, SIZE // 4 + 4)
    assert {image.dtype for image in (pair.pan, pair.ms, pair.truth)} == {np.dtype(np.uint16)}


@pytest.mark.parametrize("name", ["wv3", "gf2", "landsat8"])
def test_other_sensors(name: str) -> None:
    sensor = get(name)
    pair = simulated(SceneSpec(sensor=sensor, size=128))
    assert pair.ms.shape[0] == len(sensor.bands)
    assert pair.ms.shape[1] == 128 // sensor.ratio + 6
    assert 0.1 < pair.pan.max() / sensor.full_scale < 1


def test_radiometry_uses_the_range_and_leaves_headroom() -> None:
    pair = scene()
    for image in (pair.pan, pair.ms, pair.truth):
        dark, middle, bright = np.percentile(image, [0.1, 50, 99.9])
        assert 20 < dark < 0.15 * QB.full_scale
        assert 0.06 * QB.full_scale < middle < 0.4 * QB.full_scale
        assert 0.2 * QB.full_scale < bright
        assert image.max() < QB.full_scale


def test_noise_is_that_of_photons_and_electronics() -> None:
    pair = scene(offset=(0.0, 0.0), margin=0)
    inner = (slice(None), slice(6, -6), slice(6, -6))
    clean = degraded(pair.truth, pair.first)[inner]
    per_dn = 60000 / QB.full_scale
    # Rounding to DN adds a twelfth.
    expected = np.sqrt((clean * per_dn + 35**2) / per_dn**2 + 1 / 12)
    standardised = (pair.ms[inner] - clean) / expected
    assert abs(float(standardised.mean())) < 0.05
    assert float(standardised.std()) == pytest.approx(1, abs=0.05)
    bright = clean > np.median(clean)
    assert float(standardised[bright].std()) == pytest.approx(
        float(standardised[~bright].std()), rel=0.06
    )


def shift_between(fixed: Image, moved: Image) -> tuple[float, float]:
    """Rows and columns, in pixels, by which `moved` lies below and right of `fixed`: one step of least squares on the gradients."""
    inner = (slice(3, -3), slice(3, -3))
    design = np.stack(
        [np.asarray(np.gradient(fixed, axis=axis))[inner].ravel() for axis in (0, 1)], 1
    )
    row, col = np.linalg.lstsq(design, (fixed - moved)[inner].ravel(), rcond=None)[0].tolist()
    return row, col


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.62, -0.87), (-1.75, 2.3)])
def test_the_ms_lies_where_it_says(offset: tuple[float, float]) -> None:
    pair = scene(offset=offset, margin=0)
    expected, elsewhere = (
        degraded(pair.truth, pair.first),
        degraded(pair.truth, (pair.first[0] + 0.3, pair.first[1] - 0.3)),
    )
    inner = slice(1, -1)
    for band in range(4):
        measured = pair.ms[band, inner, inner].astype(np.float64)
        found = shift_between(expected[band, inner, inner], measured)
        assert 4 * np.abs(found).max() < REGISTRATION_PX
        # The comparison itself must see a third of a PAN pixel.
        down, right = shift_between(elsewhere[band, inner, inner], measured)
        assert 4 * down > 0.2
        assert 4 * right < -0.2


def degraded(truth: npt.NDArray[np.uint16], phases: tuple[float, float]) -> Image:
    """The truth through the MTF, sampled at ``phase + 4 * i`` on each axis, as plain matrix products."""
    kernel_sigma = [4 * np.sqrt(-2 * np.log(gain)) / np.pi for gain in QB.ms_gains]
    size = truth.shape[-1] // 4
    index = np.arange(truth.shape[-1])
    bands = []
    for band, sigma in zip(truth.astype(np.float64), kernel_sigma, strict=True):
        image = band
        for phase in phases:
            weights = np.exp(
                -0.5 * ((index[None] - (phase + 4 * np.arange(size))[:, None]) / sigma) ** 2
            )
            image = ((weights / weights.sum(1, keepdims=True)) @ image).T
        bands.append(image)
    return np.stack(bands)


def test_the_ms_is_the_truth_through_the_reference_mtf() -> None:
    pair = scene(offset=(0.0, 0.0), margin=0)
    expected = reduce_ms(
        torch.from_numpy(pair.truth.astype(np.float32)), QB.ms_gains, 4, 1.5
    ).numpy()
    inner = (slice(None), slice(6, -6), slice(6, -6))
    error = (expected - pair.ms)[inner]
    assert np.abs(error.mean((1, 2))).max() < 1
    assert error.std() < 0.12 * pair.ms[inner].std()


def test_the_ms_reaches_beyond_the_pan_on_every_side() -> None:
    pair = scene()
    last = tuple(
        first + 4 * (size - 1) for first, size in zip(pair.first, pair.ms.shape[1:], strict=True)
    )
    assert max(pair.first) < -4
    assert min(last) > SIZE + 3


def spectrum_slope(image: Image) -> float:
    """Exponent of the power spectrum over the middle octaves; natural pictures have about -2 to -3, white noise 0."""
    centred = image - image.mean()
    window = np.hanning(len(image))
    power = np.abs(np.fft.fftshift(np.fft.fft2(centred * window[:, None] * window))) ** 2
    axis = np.arange(len(image)) - len(image) // 2
    radius = np.hypot(axis[:, None], axis)
    rings = 2.0 ** np.arange(2, 6.1, 0.5)
    mean = [power[(radius >= low) & (radius < high)].mean() for low, high in pairwise(rings)]
    return float(np.polyfit(np.log(np.sqrt(rings[:-1] * rings[1:])), np.log(mean), 1)[0])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_pan_has_the_spectrum_of_a_picture(seed: int) -> None:
    assert -3.4 < spectrum_slope(scene(seed).pan.astype(np.float64)) < -1.2
    noise = np.random.default_rng(0).standard_normal((SIZE, SIZE))
    assert spectrum_slope(noise) > -0.5


def test_the_scene_has_edges_and_flat_places() -> None:
    pan = scene().pan.astype(np.float64)
    steps = np.hypot(*np.gradient(pan)) / pan.std()
    assert np.percentile(steps, 99) > 6 * np.percentile(steps, 50)


def test_the_scene_has_water_plants_and_town() -> None:
    blue, green, red, nir = simulated(SceneSpec(sensor=QB, size=512)).truth.astype(np.float64)
    greenness = (nir - red) / (nir + red)
    wetness = (green - nir) / (green + nir)
    shares = [
        (wetness > 0.25).mean(),
        (greenness > 0.35).mean(),
        ((np.abs(greenness) < 0.2) & (wetness < 0.15)).mean(),
    ]
    assert 0.03 < shares[0] < 0.3
    assert 0.25 < shares[1] < 0.9
    assert 0.05 < shares[2] < 0.6
    assert np.corrcoef(blue.ravel(), nir.ravel())[0, 1] < 0.7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 130}, "--size 130"),
        ({"size": 32}, "--size 32"),
        ({"seed": -1}, "--seed -1"),
        ({"margin": -1}, "margin"),
        ({"offset": (0.0, 9.0)}, "offset"),
    ],
)
def test_what_cannot_be_simulated_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(SceneSpec(sensor=QB), **changes)  # type: ignore[arg-type]


def test_a_sensor_with_unknown_bands_is_refused() -> None:
    with pytest.raises(UsageError, match="thermal"):
        simulate_pair(
            SceneSpec(sensor=replace(QB, bands=("blue", "green", "red", "thermal")), size=64)
        )
