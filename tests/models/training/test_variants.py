from dataclasses import replace

import pytest
import torch

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.training.variants import NOISE, variants
from ssdiff_models.training.wald_scene import WaldScene, from_reference
from tests.models.training.pieces import DEGRADATION, RATIO_PRIOR, landscape


def scene(side: int = 160, prior: PriorName = "bt-h") -> WaldScene:
    pan, gt = landscape(side)
    return from_reference("town", replace(DEGRADATION, prior=prior), pan=pan, gt=gt)


@pytest.fixture(scope="module")
def made() -> dict[str, WaldScene]:
    return {one.name: one for one in variants(scene(), RATIO_PRIOR, 3)}


@pytest.mark.parametrize("prior", ["lms", "bt-h"])
def test_noise_is_as_much_as_asked_and_not_in_the_reference(prior: PriorName) -> None:
    plain = scene(prior=prior)
    made = plain.with_noise(pan=0.02, ms=0.01, prior=prior, seed=1)
    assert float((made.pan - plain.pan).std()) == pytest.approx(0.02, rel=0.05)
    assert float((made.ms - plain.ms).std()) == pytest.approx(0.01, rel=0.05)
    assert made.gt is plain.gt
    assert made.valid is plain.valid
    # What is derived from the images has their noise, too.
    assert torch.equal(made.lms, upsample_image(made.ms, 4, 1.5))
    assert 0.005 < float((made.prior - plain.prior)[:, plain.valid].std()) < 0.05


def test_no_noise_changes_nothing() -> None:
    plain = scene()
    same = plain.with_noise(pan=0.0, ms=0.0, prior="bt-h", seed=1)
    for name in ("pan", "ms", "lms", "prior"):
        assert torch.allclose(getattr(same, name), getattr(plain, name), atol=1e-6), name


def test_variants_are_one_of_each_kind(made: dict[str, WaldScene]) -> None:
    kinds = [name.removeprefix("town#") for name in made]
    assert kinds == ["half", "half-sharp", "sharp", "other-pan", "noisy"]
    assert {tuple(one.gt.shape[1:]) for name, one in made.items() if "half" in name} == {(80, 80)}
    assert {tuple(one.gt.shape[1:]) for name, one in made.items() if "half" not in name} == {
        (160, 160)
    }


def test_variants_are_what_they_are_called(made: dict[str, WaldScene]) -> None:
    plain = scene()
    assert roughness(made["town#sharp"].gt) > roughness(plain.gt)
    assert roughness(made["town#half-sharp"].gt) > roughness(made["town#half"].gt)
    assert 0 < float((made["town#noisy"].pan - plain.pan).std()) < NOISE
    gone = plain.pan - made["town#other-pan"].pan
    assert float(gone.std()) > 0.01
    assert torch.allclose(made["town#other-pan"].gt, plain.gt, atol=1e-4)


def test_a_small_scene_is_not_halved() -> None:
    kinds = [one.name for one in variants(scene(96), RATIO_PRIOR, 3)]
    assert kinds == ["town#sharp", "town#other-pan", "town#noisy"]


def test_variants_come_from_their_seed_alone() -> None:
    def once(seed: int) -> list[float]:
        return [float(one.pan.square().mean()) for one in variants(scene(), RATIO_PRIOR, seed)]

    assert once(5) == once(5)
    assert once(5) != once(6)


def roughness(image: torch.Tensor) -> float:
    """Returns how much neighbours differ."""
    return float((image[:, 1:] - image[:, :-1]).abs().mean())
