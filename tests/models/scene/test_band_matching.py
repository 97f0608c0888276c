import pytest

from ssdiff_models.scene.band_matching import closest_bands, spectral_order


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("blue", "green", "red", "nir"), (0, 1, 2, 3)),
        (("Red", "Green", "Blue", "NIR"), (2, 1, 0, 3)),
        (("red", "green", "blue", None), (2, 1, 0, 3)),
        (("nir2", "coastal", "red_edge"), (1, 2, 0)),
        (("red", "green", "blue"), (2, 1, 0)),
        ((None, None, None, None), ()),
        (("blue", "blue", "red"), ()),
        (("band 1", "green"), ()),
        ((), ()),
    ],
)
def test_names_tell_the_order(names: tuple[str | None, ...], order: tuple[int, ...]) -> None:
    assert spectral_order(names) == order


@pytest.mark.parametrize(
    ("wanted", "available", "expected"),
    [
        (("blue", "green", "red", "nir"), ("nir", "red", "green", "blue"), (3, 2, 1, 0)),
        (
            ("coastal", "blue", "green", "red", "nir", "swir1", "swir2"),
            ("red", "green", "blue"),
            (2, 2, 1, 0, 0, 0, 0),
        ),
        (("coastal", "yellow", "nir2"), ("blue", "green", "red", "nir"), (0, 1, 3)),
        (("a", "b", "c"), (None,) * 4, (0, 2, 3)),
        ((None,), ("blue", "green"), (0,)),
    ],
)
def test_partners_are_the_nearest_in_the_spectrum(
    wanted: tuple[str | None, ...], available: tuple[str | None, ...], expected: tuple[int, ...]
) -> None:
    assert closest_bands(wanted, available) == expected
