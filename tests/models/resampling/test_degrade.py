from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ssdiff_models.errors import UsageError
from ssdiff_models.resampling import degrade, taps, upsample
from ssdiff_models.scene import sensors

DOUBLE = 1e-12


GOLDEN = Path(__file__).parents[2] / "golden/kernels.npz"


def stored(name: str) -> Tensor:
    """Returns an array of the reference toolbox, band axis first."""
    with np.load(GOLDEN) as arrays:
        array = arrays[name]
    return torch.from_numpy(np.moveaxis(array, 2, 0) if array.ndim == 3 else array)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def near(one: Tensor, other: Tensor, tolerance: float = DOUBLE) -> bool:
    return one.shape == other.shape and float((one - other).abs().max()) <= tolerance


@pytest.mark.parametrize(
    ("name", "sensor"),
    [
        ("MTF_QB", "qb"),
        ("MTF_WV3", "wv3"),
        ("MTF_WV2", "wv2"),
        ("MTF_GeoEye1", "ge1"),
        ("MTF_none", "generic"),
    ],
)
def test_mtf_kernels_are_the_toolboxs(name: str, sensor: str) -> None:
    gains = sensors.get(sensor).ms_gains
    assert near(torch.stack([taps.mtf_kernel(gain, 4) for gain in gains]), stored(name))


@pytest.mark.parametrize(
    ("name", "sensor"), [("MTFPAN_QB", "qb"), ("MTFPAN_WV3", "wv3"), ("MTFPAN_none", "generic")]
)
def test_pan_kernels_are_the_toolboxs(name: str, sensor: str) -> None:
    assert near(taps.mtf_kernel(sensors.get(sensor).pan_gain, 4), stored(name))


def test_the_low_pass_is_the_toolboxs() -> None:
    assert near(taps.lowpass_kernel(4), stored("LPfilterGauss"))


def test_the_interpolator_is_the_toolboxs() -> None:
    impulse, expected = stored("interp23tap_impulse_in"), stored("interp23tap_impulse_out")
    assert near(upsample.interp23(impulse[None], 4)[0], expected)


def test_imresize_is_the_toolboxs() -> None:
    assert near(
        degrade.imresize_bicubic(stored("imresize_in"), 4), stored("imresize_bicubic_quarter")
    )


def test_wald_reproduces_the_toolboxs_reduced_pair(golden: Path) -> None:
    with (
        np.load(golden / "inputs/ge1_sv.npz") as arrays,
        np.load(golden / "inputs/fr_ge1_sv.npz") as full,
    ):
        truth = torch.from_numpy(arrays["GT"].astype(np.float64)).permute(2, 0, 1)
        coarse, lms = (
            torch.from_numpy(arrays[name].astype(np.float64)).permute(2, 0, 1)
            for name in ("MS_LR", "EXP")
        )
        reduced, pan = (
            torch.from_numpy(arrays["PAN"].astype(np.float64)),
            torch.from_numpy(full["PAN"].astype(np.float64)),
        )
    gains = sensors.get("ge1").ms_gains
    # The stored arrays are float32.
    assert near(degrade.mtf_filter(truth, gains, 4)[:, 2::4, 2::4], coarse, 1e-4)
    assert near(upsample.interp23(coarse, 4), lms, 1e-4)
    assert near(degrade.imresize_bicubic(pan, 4), reduced, 1e-4)
    # The toolbox does not normalise its kernel; at unit gain the difference is a factor.
    ours = degrade.reduce_ms(truth, gains, 4, phase=2)
    assert near(ours * taps.mtf_kernel(gains[0], 4).sum(), coarse, 1e-4)


@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize("gain", [0.15, 0.3, 0.5])
def test_a_filters_gain_at_nyquist_is_the_mtf(gain: float, ratio: int) -> None:
    kernel = taps.mtf_kernel(gain, ratio)
    step = torch.arange(-20, 21, dtype=torch.float64)
    wave = torch.cos(torch.pi * step / ratio)
    # The window of the design widens the response a little.
    assert float((kernel * wave).sum() / kernel.sum()) == pytest.approx(gain, abs=0.02)
    assert near(kernel, kernel.T)
    assert near(kernel, kernel.flip(0, 1))


@pytest.mark.parametrize("gain", [0.0, 1.0, -0.1, 2.0])
def test_impossible_gains_are_refused(gain: float) -> None:
    with pytest.raises(UsageError, match=str(gain)):
        taps.mtf_kernel(gain, 4)


def naive_correlation(image: Tensor, kernel: Tensor) -> Tensor:
    reach = kernel.shape[0] // 2
    rows = torch.arange(-reach, image.shape[-2] + reach).clamp(0, image.shape[-2] - 1)
    cols = torch.arange(-reach, image.shape[-1] + reach).clamp(0, image.shape[-1] - 1)
    padded = image[..., rows[:, None], cols]
    return torch.nn.functional.conv2d(padded[:, None], kernel[None, None])[:, 0]


@pytest.mark.parametrize("shape", [(50, 43), (5, 61), (1, 1)])
def test_correlation_is_its_definition(shape: tuple[int, int]) -> None:
    image, kernels = noise(2, *shape), [noise(41, 41), noise(2, 41, 41)[1]]
    result = degrade.correlate(image, kernels)
    for band, kernel in enumerate(kernels):
        assert near(
            result[band : band + 1], naive_correlation(image[band : band + 1], kernel), 1e-9
        )
    assert degrade.correlate(image.float(), kernels).dtype == torch.float32


def ramp_image(rows: int, cols: int) -> Tensor:
    return (
        3.0
        + 2.0 * torch.arange(rows, dtype=torch.float64)[:, None]
        - 0.5 * torch.arange(cols, dtype=torch.float64)
    )


@pytest.mark.parametrize(("ratio", "phase"), [(4, 1.5), (4, 2), (4, 0.25), (2, 0.5), (2, 1)])
def test_reduced_ms_sits_at_its_phase(ratio: int, phase: float) -> None:
    image = ramp_image(96, 80)
    reduced = degrade.reduce_ms(image[None], (0.3,), ratio, phase)[0]
    assert reduced.shape == (96 // ratio, 80 // ratio)
    at = (
        ratio * torch.arange(96 // ratio, dtype=torch.float64) + phase,
        ratio * torch.arange(80 // ratio, dtype=torch.float64) + phase,
    )
    expected = 3.0 + 2.0 * at[0][:, None] - 0.5 * at[1]
    inner = slice(24 // ratio, -24 // ratio)
    # A window at fractional places is not quite symmetric; the reference's own kernel is, and is exact.
    tolerance = 1e-9 if phase % 1 == 0 else 1e-3
    assert near(reduced[inner, inner], expected[inner, inner], tolerance)
    constant = degrade.reduce_ms(
        torch.full((1, 40, 40), 7.0, dtype=torch.float64), (0.3,), ratio, phase
    )
    assert near(constant, torch.full_like(constant, 7.0))


@pytest.mark.parametrize("first", [(1.5, 1.5), (0.0, 3.2), (-0.7, 2.0), (6.25, 0.5)])
def test_reduced_pan_sits_where_it_is_asked_for(first: tuple[float, float]) -> None:
    reduced = degrade.reduce_pan(ramp_image(64, 72), 4, first=first, shape=(13, 15))
    at = [
        4 * torch.arange(n, dtype=torch.float64) + f for n, f in zip((13, 15), first, strict=True)
    ]
    expected = 3.0 + 2.0 * at[0][:, None] - 0.5 * at[1]
    assert near(reduced[3:-3, 3:-3], expected[3:-3, 3:-3], 1e-9)


def test_resizing_is_reducing_at_the_aligned_phase() -> None:
    pan = noise(64, 48)
    assert near(
        degrade.imresize_bicubic(pan, 4),
        degrade.reduce_pan(pan, 4, first=(1.5, 1.5), shape=(16, 12)),
    )


@pytest.mark.parametrize("first", [(0.0, 0.0), (0.25, -0.6), (2.5, -3.0)])
def test_shifting_reproduces_polynomials(first: tuple[float, float]) -> None:
    x, y = torch.arange(40, dtype=torch.float64) / 40, torch.arange(50, dtype=torch.float64) / 50

    def poly(rows: Tensor, cols: Tensor) -> Tensor:
        return (1 + rows - 2 * rows**3 + rows**7)[:, None] * (1 - cols**2 + cols**9)

    moved = upsample.shift_image(poly(x, y), first)
    expected = poly(x + first[0] / 40, y + first[1] / 50)
    assert near(moved[10:-10, 10:-10], expected[10:-10, 10:-10], 1e-9)
    if first == (0.0, 0.0):
        assert near(moved, poly(x, y))


@pytest.mark.parametrize("ratio", [2, 4])
def test_upsampling_at_half_a_ratio_is_the_23_tap_interpolator(ratio: int) -> None:
    ms, halo = noise(3, 36, 40), 10
    result = upsample.upsample(ms, ratio, ratio / 2)
    expected = upsample.interp23(ms, ratio)[
        :, halo * ratio : -halo * ratio, halo * ratio : -halo * ratio
    ]
    assert near(result, expected, 1e-11)


@pytest.mark.parametrize(("ratio", "phase"), [(4, 1.5), (4, 0.0), (4, 2.2), (2, 0.5), (3, 1.0)])
def test_upsampling_reproduces_polynomials_at_its_phase(ratio: int, phase: float) -> None:
    halo, inner = 10, 12
    at = (torch.arange(inner + 2 * halo, dtype=torch.float64) - halo) / inner
    fine = (torch.arange(inner * ratio, dtype=torch.float64) - phase) / ratio / inner

    def poly(z: Tensor) -> Tensor:
        return 1 + z - 3 * z**4 + z**6

    ms = poly(at)[:, None] * (1 - at + at**3)
    expected = poly(fine)[:, None] * (1 - fine + fine**3)
    assert near(upsample.upsample(ms[None], ratio, phase)[0], expected, 1e-9)


@pytest.mark.parametrize("phase", [1.5, 2.0])
def test_upsampling_a_window_is_a_window_of_the_whole(phase: float) -> None:
    ms = noise(2, 50, 50)
    whole = upsample.upsample(ms, 4, phase)
    part = upsample.upsample(ms[:, 5:40, 8:45], 4, phase)
    assert near(part, whole[:, 20 : 20 + part.shape[1], 32 : 32 + part.shape[2]])


@pytest.mark.parametrize("phase", [0.0, 1.5, 2.0, 4.0])
def test_a_whole_image_is_mirrored_at_its_borders(phase: float) -> None:
    ms = noise(2, 7, 25)
    around = np.pad(ms.numpy(), ((0, 0), (10, 10), (10, 10)), mode="symmetric")
    expected = upsample.upsample(torch.from_numpy(around), 4, phase)
    assert near(upsample.upsample_image(ms, 4, phase), expected)


def test_the_interpolator_knows_its_ratios() -> None:
    with pytest.raises(UsageError, match="got 3"):
        upsample.interp23(noise(1, 8, 8), 3)


def test_degrading_what_was_interpolated_gives_it_back() -> None:
    yx = torch.arange(40, dtype=torch.float64)
    ms = (torch.sin(yx / 6)[:, None] * torch.cos(yx / 7))[None]
    lms = upsample.upsample(ms, 4, 1.5)
    again = degrade.reduce_ms(lms, (0.7,), 4, 1.5)[0]
    # A smooth image passes the MTF nearly unchanged.
    assert near(again[6:-6, 6:-6], ms[0, 10:-10, 10:-10][6:-6, 6:-6], 0.02)
