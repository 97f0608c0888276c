"""Sheets of crops."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from benchmarks import gallery
from tests.cli.calls import save_tiny
from tests.cli.training_data import index_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return index_folder(tmp_path / "pairs")


def test_a_sheet_has_a_column_for_each_model(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_tiny(tmp_path)
    output = tmp_path / "sheets"
    words = [str(folder), "--split", "val", "-o", str(output)]
    gallery.main([*words, "--model", f"one={model}", "--model", f"two={model}"])
    (sheet,) = output.iterdir()
    assert str(sheet) in capsys.readouterr().out
    image = imread(sheet)[..., :3]
    columns = 1 + len(gallery.CLASSICAL) + 2
    assert image.shape[1] == 24 + columns * 260
    crops = image[44 : 44 + 128, 24:].reshape(128, columns, 260, 3)[:, :, :100]
    assert (crops.std(axis=(0, 2, 3)) > 0.01).all(), "no column is empty"
    assert np.array_equal(crops[:, -1], crops[:, -2]), "one model, two names"
    assert not np.array_equal(crops[:, -1], crops[:, -3])
