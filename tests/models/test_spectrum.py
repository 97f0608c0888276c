import pytest

from ssdiff_models.spectrum import spectral_order


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
