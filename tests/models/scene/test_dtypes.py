import numpy as np
import pytest

from ssdiff_models.scene.dtypes import cast, default_limits


def test_integers_are_rounded_to_even_and_clipped() -> None:
    values = np.array([-5.0, 0.4, 0.5, 1.5, 2.5, 254.6, 255.4, 300.0, 1e9], np.float32)
    assert cast(values, "uint8").tolist() == [0, 0, 0, 2, 2, 255, 255, 255, 255]
    assert cast(np.array([-40_000.0, -1.5, 40_000.0]), "int16").tolist() == [-32768, -2, 32767]


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64"])
def test_the_ends_of_wide_integers_do_not_wrap(dtype: str) -> None:
    info = np.iinfo(dtype)
    low, high = cast(np.array([-3e38, 3e38], np.float32), dtype).tolist()
    assert low == info.min
    assert high == pytest.approx(info.max, rel=1e-12)
    assert high > 0


def test_floats_stay_as_they_are() -> None:
    values = np.array([-1.25, np.nan, 3e38], np.float32)
    assert np.array_equal(cast(values, "float32"), values, equal_nan=True)
    assert cast(values, "float64").dtype == np.float64


def test_only_integers_have_limits() -> None:
    assert default_limits("uint8") == (0, 255)
    assert default_limits("int16") == (-32768, 32767)
    assert default_limits("float32") is None
