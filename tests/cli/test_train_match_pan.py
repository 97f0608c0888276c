"""``ssdiff train --set data.match_pan=true``."""

from pathlib import Path

import numpy as np
import rasterio
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ssdiff_models.checkpoint import read_header
from ssdiff_models.training.scene_cache import load_scenes
from tests.cli.calls import answer
from tests.cli.training_data import TINY, pair, patch_file


def detail(image: Tensor) -> float:
    plane = image[0].double().numpy()
    return float(np.std(plane - gaussian_filter(plane, 1.0)))


def soft_pair(folder: Path) -> tuple[Path, Path]:
    """Returns a pair whose MS is softer than its PAN reduced."""
    pan, ms = pair(folder)
    with rasterio.open(ms, "r+") as file:
        file.write(np.stack([gaussian_filter(band, 0.8) for band in file.read()]))
    return pan, ms


def test_the_pan_is_as_crisp_as_the_reference(tmp_path: Path) -> None:
    pan, ms = soft_pair(tmp_path / "alone")
    valid = patch_file(tmp_path / "valid_qb.h5", 1, seed=50)
    found = {}
    for match in ("false", "true"):
        output = tmp_path / match / "model.safetensors"
        output.parent.mkdir()
        extra = ("--valid", valid, "--steps", 1, "--set", f"data.match_pan={match}", *TINY)
        answer("train", f"{pan},{ms}@ge1", "-o", output, *extra)
        (found[match],) = load_scenes(output.with_suffix(".cache")).train
    assert (found["false"].gt == found["true"].gt).all()
    assert detail(found["true"].pan) < 0.8 * detail(found["false"].pan)
    training = read_header(output)["metadata"]["training"]
    assert training["config"]["data"]["match_pan"] is True


def test_a_pair_trains_with_both_pans_on_request(tmp_path: Path) -> None:
    pan, ms = soft_pair(tmp_path / "alone")
    valid = patch_file(tmp_path / "valid_qb.h5", 1, seed=50)
    output = tmp_path / "model.safetensors"
    both = ("--set", "data.match_pan=true", "--set", "data.plain_pan=true")
    answer("train", f"{pan},{ms}@ge1", "-o", output, "--valid", valid, "--steps", 1, *both, *TINY)
    matched, plain = load_scenes(output.with_suffix(".cache")).train
    assert (matched.name, plain.name) == ("alone/ms.tif", "alone/ms.tif#plain")
    assert (plain.gt == matched.gt).all()
    assert not (plain.pan == matched.pan).all()
