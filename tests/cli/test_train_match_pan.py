"""``ssdiff train --set data.match_pan=true``: each pair trains with two PANs."""

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


def test_each_pair_trains_with_its_pan_and_with_one_as_crisp_as_its_reference(
    tmp_path: Path,
) -> None:
    pan, ms = pair(tmp_path / "alone")
    with rasterio.open(ms, "r+") as file:
        file.write(np.stack([gaussian_filter(band, 0.8) for band in file.read()]))
    valid = patch_file(tmp_path / "valid_qb.h5", 1, seed=50)
    output = tmp_path / "model.safetensors"
    extra = ("--valid", valid, "--steps", 1, "--set", "data.match_pan=true", *TINY)
    answer("train", f"{pan},{ms}@ge1", "-o", output, *extra)
    names = ["alone/ms.tif", "alone/ms.tif#matched"]
    training = read_header(output)["metadata"]["training"]
    assert training["scenes"] == names
    assert training["config"]["data"]["match_pan"] is True
    scenes = {scene.name: scene for scene in load_scenes(output.with_suffix(".cache")).train}
    plain, matched = (scenes[name] for name in names)
    assert (plain.gt == matched.gt).all()
    assert detail(matched.pan) < 0.8 * detail(plain.pan)
