import dataclasses
from pathlib import Path

import pytest
import torch

from ssdiff_models.errors import InputError, ResourceError
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.training.patch_set import PatchSet
from ssdiff_models.training.scene_cache import (
    SceneSet,
    load_scenes,
    read_cached_settings,
    save_scenes,
)
from ssdiff_models.training.wald_scene import WaldScene, from_reference
from tests.models.training.pieces import RATIO_PRIOR, landscape, wald_scene

IMAGES = ("gt", "pan", "ms", "lms", "prior")


def ratio_scene() -> WaldScene:
    pan, gt = landscape(64, seed=3)
    return from_reference("ratio", RATIO_PRIOR, pan=pan, gt=gt)


def scene_set() -> SceneSet:
    scene = wald_scene()
    valid = scene.valid.clone()
    valid[3, 5] = False
    holed = dataclasses.replace(scene, name="holed", valid=valid, sensor="qb")
    return SceneSet(
        train=(scene, ratio_scene(), wald_scene("other", 48, 1)),
        validation=(holed,),
        settings={"bands": ["a", "b"]},
    )


def test_a_set_comes_back_within_a_code_of_its_range(tmp_path: Path) -> None:
    path, scenes = tmp_path / "set.cache", scene_set()
    save_scenes(path, scenes)
    back = load_scenes(path)
    assert [scene.name for scene in back.train] == ["scene", "ratio", "other"]
    assert read_cached_settings(path) == back.settings == {"bands": ["a", "b"]}
    for old, new in zip(
        (*scenes.train, *scenes.validation), (*back.train, *back.validation), strict=True
    ):
        assert (new.name, new.sensor, new.means) == (old.name, old.sensor, old.means)
        assert torch.equal(new.valid, old.valid)
        for image in IMAGES:
            before, after = getattr(old, image), getattr(new, image)
            # The LMS is made of the MS anew: its errors add up over the taps of both axes.
            codes = 3.0 if image in {"lms", "prior"} else 0.5
            step = (before.amax((1, 2), keepdim=True) - before.amin((1, 2), keepdim=True)) / 65535
            assert bool(((after - before).abs() <= codes * step + 1e-6).all()), image
    assert [item.name for item in tmp_path.iterdir()] == ["set.cache"]


def test_a_set_is_compact(tmp_path: Path) -> None:
    path = tmp_path / "set.cache"
    save_scenes(path, SceneSet(train=(wald_scene(),), validation=(), settings={}))
    # Four bands, the PAN, and the MS at a sixteenth, two bytes each; the prior is the LMS, the LMS is in the MS.
    assert path.stat().st_size < 64 * 64 * (5 + 4 / 16) * 2 + 2000


def patch_set(count: int = 3) -> PatchSet:
    images = [landscape(32, seed=seed) for seed in range(count)]
    return PatchSet(
        names=tuple(f"file#{index}" for index in range(count)),
        gt=torch.stack([gt for _, gt in images]),
        pan=torch.stack([pan for pan, _ in images]),
        degradation=RATIO_PRIOR,
        sensor="qb",
    )


def test_patches_of_a_file_have_one_radiometry_and_share_a_stack(tmp_path: Path) -> None:
    patches = patch_set()
    scenes = tuple(patches.scenes())
    means = patches.gt.mean((0, 2, 3))
    for index, scene in enumerate(scenes):
        assert torch.allclose(scene.denormalise(scene.gt), patches.gt[index], rtol=1e-5)
        assert torch.allclose(scene.gt, patches.gt[index] / means[:, None, None] - 1, atol=1e-5)
        assert torch.allclose(scene.lms, upsample_image(scene.ms, 4, 1.5))
        # The prior has the PAN's detail, and is nearer to the reference for it.
        assert (scene.prior - scene.gt).abs().mean() < 0.5 * (scene.lms - scene.gt).abs().mean()
    save_scenes(tmp_path / "set.cache", SceneSet(train=scenes, validation=(), settings={}))
    assert [scene.name for scene in load_scenes(tmp_path / "set.cache").train] == [
        "file#0",
        "file#1",
        "file#2",
    ]


def test_a_set_of_patches_tells_its_shift() -> None:
    patches = patch_set()
    moved = dataclasses.replace(patches, pan=torch.roll(patches.pan, (1, 0), (1, 2)))
    found = moved.shift()
    assert (found.rows, found.cols) == pytest.approx((1.0, 0.0), abs=0.1)


def test_files_that_are_no_cache_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"none\.cache: not a cache of training scenes \(No such file"
    ):
        load_scenes(tmp_path / "none.cache")
    (tmp_path / "text").write_text("no cache")
    with pytest.raises(InputError, match="not a cache of training scenes"):
        load_scenes(tmp_path / "text")
    path = tmp_path / "cut.cache"
    save_scenes(path, scene_set())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"cut\.cache"):
        load_scenes(path)


def test_a_cache_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"cannot write the cache of .* MB"):
        save_scenes(tmp_path / "no folder" / "set.cache", scene_set())
    assert not list(tmp_path.iterdir())
