import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssdiff_models.scene.band_matching import (
    band_order,
    closest_bands,
    in_places,
    known_bands,
    spectral_order,
)


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


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("Band 2 - Blue (450-510 nm)", "blue"),
        ("B8 NIR-2", "nir2"),
        ("coastal_aerosol", "coastal"),
        ("Red-Edge", "red_edge"),
        ("Surface reflectance SWIR 1", "swir1"),
        ("NIR1", "nir"),
        ("blue, 0.49 µm", "blue"),
        ("B4", None),
        ("band 1", None),
        ("green vegetation", None),
        ("", None),
    ],
)
def test_products_write_names_in_many_ways(written: str, usual: str | None) -> None:
    assert known_bands((written,)) == (usual,)


@given(st.permutations(("blue", "green", "red", "nir", "swir1")))
def test_each_band_finds_the_place_of_its_name(names: list[str]) -> None:
    wanted = ("red", "blue", "swir1", "green", "nir")
    places = in_places(band_order(names, wanted), wanted)
    assert tuple(names[place] for place in places) == wanted


@given(st.permutations(("one", "two", "three")))
def test_names_that_are_no_colours_match_as_they_are(names: list[str]) -> None:
    wanted = ("Two", "three", "one")
    places = in_places(band_order(names, wanted), wanted)
    assert tuple(names[place] for place in places) == ("two", "three", "one")
