from dataclasses import replace

import numpy as np
import pytest
import torch

import ssdiff_models
from ssdiff_models.arrays import sharpen
from ssdiff_models.errors import InputError, ModelError
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.windows import Window
from tests.models.tiny import model, scene


def test_fused_arrays_are_as_the_ms_on_the_pans_grid() -> None:
    pan, ms = scene(60, 72)
    fused = ssdiff_models.sharpen(pan, ms, model())
    assert (fused.shape, fused.dtype) == ((4, 60, 72), ms.dtype)
    # Each band keeps about its own level.
    assert np.allclose(fused.mean((1, 2)), ms.mean((1, 2)), rtol=0.25)


def test_tensors_give_what_arrays_give() -> None:
    pan, ms = scene(32, 32)
    fused = sharpen(torch.from_numpy(pan), torch.from_numpy(ms), model())
    assert np.array_equal(fused, sharpen(pan, ms, model()))


def test_progress_is_told_block_by_block() -> None:
    calls: list[tuple[int, int]] = []
    sharpen(*scene(48, 48), model(), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 4) for done in range(1, 5)]


def test_the_number_of_workers_changes_no_byte() -> None:
    pan, ms = scene(48, 72)
    one, three = (sharpen(pan, ms, model(), workers=workers) for workers in (1, 3))
    assert np.array_equal(one, three)


def test_settings_count() -> None:
    pan, ms = scene(32, 32)
    checkpoint = model(residual_scale=20.0)
    default = sharpen(pan, ms, checkpoint)
    other = sharpen(
        pan, ms, checkpoint, settings=FusionSettings.of(checkpoint, steps=2, limits=(0.0, 65535.0))
    )
    assert not np.array_equal(default, other)


def test_integers_are_clipped_and_floats_are_not() -> None:
    pan, ms = scene(32, 32)
    # The MS fills the type, so that the finer details leave it.
    narrow = np.rint((ms - ms.min()) * (255 / np.ptp(ms))).astype(np.uint8)
    strong = model(residual_scale=0.2)
    # One tile: where tiles are blended, a mean of clipped values is no clipped mean.
    alone = FusionSettings.of(strong, tile=32, overlap=0)
    within = replace(alone, limits=(0.0, 255.0))
    clipped = sharpen(pan, narrow, strong, settings=within)
    free = sharpen(pan, narrow.astype(np.float64), strong, settings=alone)
    assert clipped.dtype == np.uint8
    assert free.dtype == np.float64
    assert free.min() < -5
    assert free.max() > 260
    assert (clipped[free < 0] == 0).all()
    assert (clipped[free > 255] == 255).all()
    # Rounding clips what settings without limits leave.
    late = sharpen(pan, narrow, strong, settings=alone)
    assert np.array_equal(late, np.rint(free.clip(0, 255)))


@pytest.mark.parametrize("ratio", [2, 4])
def test_the_models_ratio_counts(ratio: int) -> None:
    pan, ms = scene(32, 32, ratio=ratio)
    assert sharpen(pan, ms, model(ratio=ratio)).shape == (4, 32, 32)
    with pytest.raises(ModelError, match=f"the scene has {ratio}"):
        sharpen(pan, ms, model(ratio=6 - ratio))


def test_arrays_that_do_not_fit_are_refused() -> None:
    pan, ms = scene(32, 32)
    holed = ms.astype(np.float32)
    holed[0, 3, 3] = np.nan
    cases = [
        (pan[:, :30], ms, r"\(32, 30\).*crop both to whole MS pixels"),
        (pan[None], ms, "PAN must be"),
        (pan, ms[0], "PAN must be"),
        (pan, holed, "not finite"),
    ]
    for bad_pan, bad_ms, told in cases:
        with pytest.raises(InputError, match=told):
            sharpen(bad_pan, bad_ms, model())


def test_a_constant_band_is_refused() -> None:
    pan, ms = scene(32, 32)
    with pytest.raises(InputError, match="constant"):
        sharpen(pan, ms * 0, model())


def test_borders_are_mirrored() -> None:
    pan = np.arange(64, dtype=np.float32).reshape(8, 8)
    source = ArraySource(pan=pan, ms=pan[None, ::4, ::4] + 1, ratio=4)
    patch = source.read(Window(row=-4, col=4, rows=12, cols=8))
    assert np.array_equal(patch.pan[:, 4:], patch.pan[:, 3::-1])
    assert np.array_equal(patch.pan[:4], patch.pan[7:3:-1])
    assert np.array_equal(patch.valid, np.multiply.outer(np.arange(12) >= 4, np.arange(8) < 4))
    assert patch.ms.shape == (1, 3 + 20, 2 + 20)
    assert np.isfinite(patch.ms).all()
