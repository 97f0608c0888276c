from concurrent.futures import CancelledError
from threading import Event

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.fusion.inputs import InputBatch, InputTile
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.fusion.stream import model_grid
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig
from ssdiff_models.resampling.upsample import upsample
from ssdiff_models.scene.band_matching import band_groups
from tests.models.tiny import ArraySource, Slots, fuser_of, model, scene_source


@given(st.integers(1, 40), st.integers(1, 9))
def test_band_groups_cover_the_scene_in_order(scene: int, model_bands: int) -> None:
    groups = band_groups(scene, model_bands)
    assert {band for group in groups for band in group} == set(range(scene))
    assert all(len(group) == model_bands for group in groups)
    assert all(list(group) == sorted(group) for group in groups)
    assert len(groups) == -(-scene // model_bands)
    assert list(groups) == sorted(groups)


def test_band_groups_of_usual_sensors() -> None:
    assert band_groups(4, 4) == ((0, 1, 2, 3),)
    assert band_groups(3, 4) == ((0, 1, 2, 2),)
    assert band_groups(8, 4) == ((0, 2, 4, 6), (1, 3, 5, 7))
    assert band_groups(6, 4) == ((0, 1, 3, 4), (0, 2, 3, 5))


def fused(source: ArraySource, fuser: ModelFuser) -> torch.Tensor:
    """The scene's first tile."""
    window = model_grid(source, fuser).tile(0, 0)
    tile = InputTile.of(source.read(window), window)
    with torch.inference_mode():
        return fuser.fuse(InputBatch.of([tile]))[0]


def test_samples_are_averaged_and_their_spread_told() -> None:
    source = scene_source(32, 32)
    checkpoint = model(residual_scale=20.0)
    several = fused(source, fuser_of(source, checkpoint, samples=3, steps=2))
    assert several.shape == (8, 32, 32)
    mean, spread = several[:4], several[4:]
    assert spread.min() >= 0
    assert spread.mean() > 0
    one = fused(source, fuser_of(source, checkpoint, samples=1, steps=2))
    assert one.shape == (4, 32, 32)
    # The first sample is one of the three.
    assert ((one - mean).abs() <= 2 * spread + 1e-3).all()


def test_the_seed_is_the_only_chance() -> None:
    source, checkpoint = scene_source(32, 32), model(residual_scale=20.0)
    first, again, other = (
        fused(source, fuser_of(source, checkpoint, seed=seed, steps=2)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_one_step_of_one_sample_has_no_noise() -> None:
    source, checkpoint = scene_source(32, 32), model(residual_scale=20.0)
    first, other = (fused(source, fuser_of(source, checkpoint, seed=seed)) for seed in (1, 2))
    assert torch.equal(first, other)
    several = fused(source, fuser_of(source, checkpoint, samples=2))
    assert several[4:].mean() > 0


def test_the_network_sees_a_pan_with_the_detail_asked_for() -> None:
    source = scene_source(64, 64)
    fuser = fuser_of(source, sharpness=0.5)
    pan = torch.from_numpy(source.pan)[None, None]
    ms = torch.from_numpy(np.pad(source.ms, ((0, 0), (4, 4), (4, 4)), mode="edge"))[None]
    seen = fuser.pan_range.restore(fuser.images(pan, ms).pan)[0, 0].double().numpy()
    plain = pan[0, 0].double().numpy()
    smooth = gaussian_filter(plain, 1, mode="nearest", radius=4)
    # The detail of detail is 0.8 of it.
    expected = plain - 0.5 / 0.8 * (plain - smooth)
    assert np.abs(seen - expected).max() < 1e-3 * plain.max()


def test_fused_values_keep_their_limits() -> None:
    source = scene_source(32, 32)
    free, bound = (
        fused(source, fuser_of(source)),
        fused(source, fuser_of(source, limits=(300.0, 500.0))),
    )
    assert free.min() < 300
    assert free.max() > 500
    # Rounding of the way to the network's range and back.
    assert bound.min() >= 300 - 1e-3
    assert bound.max() <= 500 + 1e-3


def test_an_untrained_network_gives_the_interpolated_ms() -> None:
    source = scene_source(32, 32)
    untrained = SSDiff(SSDiffConfig(bands=4, dim=16, window=8)).eval()
    result = fused(source, fuser_of(source, model(network=untrained), consistency=0))
    window = model_grid(source, fuser_of(source)).tile(0, 0)
    expected = upsample(torch.from_numpy(source.read(window).ms), 4, 1.5)
    assert torch.allclose(result, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("normalisation", ["scene-mean", "full-scale"])
def test_the_range_of_the_network_is_the_models(normalisation: str) -> None:
    source = scene_source(32, 32)
    fuser = fuser_of(source, model(normalisation=normalisation, full_scale=2047.0))
    dn = torch.tensor([100.0, 2047.0]).reshape(1, 1, 2).expand(4, 1, 2)
    normal = fuser.ms_range.normalise(dn)
    assert torch.allclose(fuser.ms_range.restore(normal), dn)
    if normalisation == "full-scale":
        assert torch.allclose(normal, dn / 2047)
    else:
        means = torch.tensor([band.mean for band in source.statistics().ms])
        assert torch.allclose(normal, dn / means[:, None, None] - 1)


def test_a_stopped_fusion_gives_up_between_steps() -> None:
    source = scene_source(32, 32)
    fuser, stop = fuser_of(source, steps=1000), Event()
    tile = InputTile.of(
        source.read(model_grid(source, fuser).tile(0, 0)), model_grid(source, fuser).tile(0, 0)
    )
    stop.set()
    with pytest.raises(CancelledError):
        fuser.fuse(InputBatch.of([tile]), stop)


def test_another_ratio_is_refused_by_name() -> None:
    fuser = fuser_of(scene_source(32, 32))
    with pytest.raises(ModelError, match=r"tiny.*ratio 4.*has 2"):
        fuser.check(2)


def test_impossible_settings_are_refused() -> None:
    source = scene_source(32, 32)
    with pytest.raises(UsageError, match=r"tile 20.*multiples of 8"):
        fuser_of(source, tile=20)
    with pytest.raises(UsageError, match="got 0"):
        FusionSettings.of(model(), samples=0)


def test_settings_are_the_models_unless_told_otherwise() -> None:
    settings = FusionSettings.of(model(steps=3), steps=None, tile=48, sampler=None)
    assert (settings.steps, settings.tile, settings.overlap, settings.sampler) == (3, 48, 8, "ddim")


def test_bands_reach_the_network_by_wavelength() -> None:
    checkpoint = model(bands=("blue", "green", "red", "nir"), network=Slots())
    pixels = scene_source(48, 48)
    turned = ArraySource(pan=pixels.pan, ms=pixels.ms[[2, 1, 0, 3]], ratio=4)
    straight = fused(pixels, fuser_of(pixels, checkpoint))
    swapped = fused(turned, fuser_of(turned, checkpoint, order=(2, 1, 0, 3)))
    assert torch.equal(swapped[[2, 1, 0, 3]], straight)
    assert not torch.equal(fused(turned, fuser_of(turned, checkpoint))[[2, 1, 0, 3]], straight)


def test_a_scene_of_fewer_bands_takes_the_places_of_its_likes() -> None:
    checkpoint, source = model(network=Slots()), scene_source(32, 32, bands=2)
    fuser = fuser_of(source, checkpoint, closest_bands=(1, 1, 0, 0))
    assert fuser.groups == ((1, 1, 0, 0),)
    swapped = ArraySource(pan=source.pan, ms=source.ms[::-1].copy(), ratio=4)
    first, second = (
        fused(source, fuser),
        fused(swapped, fuser_of(swapped, checkpoint, closest_bands=(0, 0, 1, 1))),
    )
    assert torch.equal(first, second.flip(0))
    assert not torch.equal(first, fused(source, fuser_of(source, checkpoint)))
