from collections.abc import Iterator
from pathlib import Path

import pytest

from ssdiff_models import zoo
from ssdiff_models.checkpoint import load_checkpoint, save_checkpoint
from ssdiff_models.errors import ModelError
from tests.models.tiny import model


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Models of 4 bands at ratios 4 and 2 and of 8 bands in the place of the shipped ones."""
    save_checkpoint(tmp_path / "four.safetensors", model(4, bands=("blue", "green", "red", "nir")))
    save_checkpoint(tmp_path / "eight.safetensors", model(8))
    save_checkpoint(tmp_path / "half.safetensors", model(4, 2))
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    zoo.shipped.cache_clear()
    yield tmp_path
    zoo.shipped.cache_clear()


def test_the_shelf_is_known_by_its_headers(shelf: Path) -> None:
    assert [(entry.name, entry.bands, entry.ratio) for entry in zoo.shipped()] == [
        ("eight", 8, 4),
        ("four", 4, 4),
        ("half", 4, 2),
    ]
    assert zoo.shipped()[1].band_names == ("blue", "green", "red", "nir")
    assert zoo.shipped()[0].band_names == ()
    assert str(zoo.shipped()[1]) == "four (4 bands, ratio 4)"


@pytest.mark.parametrize(
    ("bands", "ratio", "name"),
    [
        (4, 4, "four"),
        (8, 4, "eight"),
        (4, 2, "half"),
        (3, 4, "four"),
        (1, 4, "four"),
        (6, 4, "four"),
        (10, 4, "eight"),
    ],
)
def test_the_model_that_fits_best_is_found(shelf: Path, bands: int, ratio: int, name: str) -> None:
    assert zoo.find_model(bands=bands, ratio=ratio).name == name


def test_a_model_trained_on_the_sensor_is_preferred(shelf: Path) -> None:
    save_checkpoint(
        shelf / "also-four.safetensors", model(4, metadata={"name": "also-four", "sensors": ["qb"]})
    )
    save_checkpoint(
        shelf / "zfour.safetensors", model(4, metadata={"name": "zfour", "sensors": ["gf2"]})
    )
    zoo.shipped.cache_clear()
    assert zoo.find_model(bands=4, ratio=4, sensor="GaoFen-2").name == "zfour"
    assert zoo.find_model(bands=4, ratio=4, sensor="qb").name == "also-four"
    assert zoo.find_model(bands=4, ratio=4, sensor="ikonos").bands == 4


def test_no_model_of_a_ratio_is_told_with_what_there_is(shelf: Path) -> None:
    with pytest.raises(
        ModelError, match=r"4 bands at ratio 3.*eight \(8 bands, ratio 4\).*--method"
    ):
        zoo.find_model(bands=4, ratio=3)


def test_names_and_files_are_located(shelf: Path, tmp_path: Path) -> None:
    assert zoo.locate("four") == shelf / "four.safetensors"
    assert zoo.locate(str(shelf / "half.safetensors")) == shelf / "half.safetensors"
    with pytest.raises(ModelError, match=r"'nope'.*eight, four, half"):
        zoo.locate("nope")
    with pytest.raises(ModelError, match="a folder, not a model"):
        zoo.locate(str(tmp_path))
    with pytest.raises(ModelError, match="neither a file"):
        zoo.locate(str(tmp_path / "nope.safetensors"))


def test_every_shipped_model_loads_and_is_small() -> None:
    zoo.shipped.cache_clear()
    for entry in zoo.shipped():
        checkpoint = load_checkpoint(entry.path)
        assert checkpoint.name == entry.name
        assert checkpoint.band_count == entry.bands
        # What the issue allows.
        assert entry.path.stat().st_size <= 8 * 2**20
