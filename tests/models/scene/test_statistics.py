from dataclasses import replace

import pytest

from ssdiff_models.errors import InputError
from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics


@pytest.mark.parametrize(
    ("mean", "std", "minimum", "offset"),
    [
        (500, 100, 0, 0),
        (500, 100, -3, 0),  # noise
        (500, 200, -60, -100),
        (300, 100, -9999, -100),  # a fill value
        (-10, 100, -200, -310),
        (-10, 100, -400, -400),
        (0, 1, -3, -3),
    ],
)
def test_no_signal_is_zero_or_below_signed_data(
    mean: float, std: float, minimum: float, offset: float
) -> None:
    band = BandStatistics(mean=mean, std=std, minimum=minimum, maximum=2000)
    (found,) = SceneStatistics.of(
        pan=BandStatistics(mean=9, std=1, minimum=5, maximum=20), ms=(band,)
    ).ms
    assert found.offset == offset
    assert found.scale == mean - offset > 0


def test_where_one_band_is_signed_all_are() -> None:
    plain = [BandStatistics(mean=500, std=100, minimum=200, maximum=900) for _ in range(2)]
    low = BandStatistics(mean=50, std=100, minimum=-150, maximum=400)
    found = SceneStatistics.of(pan=plain[0], ms=(plain[1], low))
    assert [band.offset for band in (found.pan, *found.ms)] == [200, 200, -250]
    # The same scene with other zeros.
    moved = SceneStatistics.of(
        pan=shifted(plain[0], -900), ms=(shifted(plain[1], -900), shifted(low, -900))
    )
    assert [band.offset for band in (moved.pan, *moved.ms)] == [-700, -700, -1150]


def shifted(band: BandStatistics, amount: float) -> BandStatistics:
    return replace(
        band, mean=band.mean + amount, minimum=band.minimum + amount, maximum=band.maximum + amount
    )


def test_a_band_without_content_is_refused() -> None:
    with pytest.raises(InputError, match="constant"):
        _ = BandStatistics(mean=0, std=0, minimum=0, maximum=0).scale
