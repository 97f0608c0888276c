"""Low-pass kernels against the reference toolbox's own, and their gains."""

import pytest
import torch

from ssdiff_models.errors import UsageError
from ssdiff_models.resampling import mtf
from ssdiff_models.scene import sensors
from tests.models.resampling.reference import near, stored


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
    assert near(torch.stack([mtf.mtf_kernel(gain, 4) for gain in gains]), stored(name))


@pytest.mark.parametrize(
    ("name", "sensor"), [("MTFPAN_QB", "qb"), ("MTFPAN_WV3", "wv3"), ("MTFPAN_none", "generic")]
)
def test_pan_kernels_are_the_toolboxs(name: str, sensor: str) -> None:
    assert near(mtf.mtf_kernel(sensors.get(sensor).pan_gain, 4), stored(name))


def test_the_low_pass_is_the_toolboxs() -> None:
    assert near(mtf.lowpass_kernel(4), stored("LPfilterGauss"))


@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize("gain", [0.15, 0.3, 0.5])
def test_a_filters_gain_at_nyquist_is_the_mtf(gain: float, ratio: int) -> None:
    kernel = mtf.mtf_kernel(gain, ratio)
    step = torch.arange(-20, 21, dtype=torch.float64)
    wave = torch.cos(torch.pi * step / ratio)
    # The window of the design widens the response a little.
    assert float((kernel * wave).sum() / kernel.sum()) == pytest.approx(gain, abs=0.02)
    assert near(kernel, kernel.T)
    assert near(kernel, kernel.flip(0, 1))


@pytest.mark.parametrize("gain", [0.0, 1.0, -0.1, 2.0])
def test_impossible_gains_are_refused(gain: float) -> None:
    with pytest.raises(UsageError, match=str(gain)):
        mtf.mtf_kernel(gain, 4)
