"""The scene factory that other tests build on."""

import numpy as np
import pytest
import rasterio

from tests.scenes import SceneFactory


def read(path: object) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    with rasterio.open(path) as file:
        return np.asarray(file.read())


def test_files_hold_the_pairs_pixels(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=64)
    assert np.array_equal(read(scene.pan)[0], scene.pair.pan)
    assert np.array_equal(read(scene.ms), scene.pair.ms)
    assert np.array_equal(read(scene.truth), scene.pair.truth)
    assert scene.pan_valid.all()
    assert scene.ms_valid.all()


def test_each_scene_has_its_own_folder(scene_factory: SceneFactory) -> None:
    assert len({scene_factory(size=64).pan for _ in range(3)}) == 3


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_types(scene_factory: SceneFactory, dtype: str) -> None:
    scene = scene_factory(size=64, dtype=dtype)
    for path in (scene.pan, scene.ms, scene.truth):
        assert read(path).dtype == dtype
    scale = 255 / 2047 if dtype == "uint8" else 1
    assert np.abs(read(scene.ms).astype(np.float64) - scene.pair.ms * scale).max() <= 0.5


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint16", 0), ("int16", -1), ("float32", float("nan")), ("uint16", 300)]
)
def test_holes(scene_factory: SceneFactory, dtype: str, nodata: float) -> None:
    scene = scene_factory(size=64, dtype=dtype, pan_nodata=nodata, ms_nodata=nodata)
    for path, valid in ((scene.pan, scene.pan_valid), (scene.ms, scene.ms_valid)):
        with rasterio.open(path) as file:
            assert np.array_equal(file.read_masks(1) > 0, valid)
        assert 0.01 < 1 - valid.mean() < 0.1
    assert not scene.pan_valid[0, 0]
    assert not scene.ms_valid[-1, -1]


def test_ratio_bands_and_grid(scene_factory: SceneFactory) -> None:
    scene = scene_factory(
        size=96, sensor="wv3", ratio=3, bands=("red", "nir1"), offset=(0, 0), margin=0, crs=None
    )
    with rasterio.open(scene.pan) as pan, rasterio.open(scene.ms) as ms:
        assert (ms.count, ms.width, ms.descriptions) == (2, 32, ("red", "nir1"))
        assert ms.bounds == pytest.approx(pan.bounds)
        assert ms.crs is None


def test_a_scene_is_drawn_once(scene_factory: SceneFactory) -> None:
    one, other = scene_factory(size=64), scene_factory(size=64, dtype="float32")
    assert one.pair is other.pair
    with pytest.raises(ValueError, match="read-only"):
        one.pair.pan[0, 0] = 1
