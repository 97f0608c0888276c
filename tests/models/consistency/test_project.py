"""The projection on MS pixels of a grid: its bound, and that it changes nothing else."""

from typing import Any

import pytest
import torch
from torch import Tensor

from ssdiff_models.consistency import project as projection
from ssdiff_models.consistency.clipping import CLIP_ITERATIONS, Limits
from ssdiff_models.consistency.target import GridTarget
from ssdiff_models.errors import UsageError
from ssdiff_models.fusion.runners import ThreadRunner
from ssdiff_models.fusion.stream import fuse_tiles
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.resampling.upsample import upsample, upsample_image
from ssdiff_models.scene.array_source import ArraySource
from tests.models.tiny import fuser_of

BOUND = 0.005
"""What the tool promises: root mean square difference over the band's root mean square."""
GAINS = (0.34, 0.32, 0.30, 0.22)
BORDER = 6
"""MS pixels where `reduce_ms` replicates what the projection mirrors."""


def project(
    fused: Tensor,
    ms: Tensor,
    *,
    gains: tuple[float, ...],
    phase: float | tuple[float, float] = 1.5,
    **options: Any,
) -> Tensor:
    """Projects on MS pixels of a grid; one phase stands for both axes."""
    phases = phase if isinstance(phase, tuple) else (phase, phase)
    target = GridTarget(pixels=ms, phase=phases)
    return projection.project(fused, target, gains=gains, ratio=4, **options)


def scene(rows: int = 96, cols: int = 128) -> Tensor:
    """Bands with hard edges and noise: far rougher than an MTF lets through."""
    generator = torch.Generator().manual_seed(5)
    blocks = (
        torch.rand(4, rows // 8, cols // 8, generator=generator)
        .repeat_interleave(8, 1)
        .repeat_interleave(8, 2)
    )
    return 300 + 400 * blocks + 40 * torch.randn(4, rows, cols, generator=generator)


def inconsistency(fused: Tensor, ms: Tensor, gains: tuple[float, ...], phase: float) -> float:
    inner = slice(BORDER, -BORDER)
    difference = (reduce_ms(fused, gains, 4, phase) - ms)[:, inner, inner]
    return float(
        (difference.square().mean((1, 2)) / ms[:, inner, inner].square().mean((1, 2))).sqrt().max()
    )


@pytest.mark.parametrize("phase", [1.5, 2.0, 0.1, 3.3])
def test_degraded_with_the_mtf_the_result_gives_the_ms_back(phase: float) -> None:
    truth = scene()
    ms = reduce_ms(truth, GAINS, 4, phase)
    wrong = truth * 1.04 + 30 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(6))
    assert inconsistency(wrong, ms, GAINS, phase) > 5 * BOUND
    assert inconsistency(project(wrong, ms, gains=GAINS, phase=phase), ms, GAINS, phase) < BOUND


def test_rows_and_columns_have_their_own_phase() -> None:
    stripes = scene()[:, :, 64:65].expand(4, 96, 128).contiguous()
    ms = reduce_ms(stripes, GAINS, 4, 0.3)
    assert (
        inconsistency(project(stripes * 1.04, ms, gains=GAINS, phase=(0.3, 2.9)), ms, GAINS, 0.3)
        < BOUND
    )
    assert (
        inconsistency(project(stripes * 1.04, ms, gains=GAINS, phase=(2.9, 0.3)), ms, GAINS, 0.3)
        > 2 * BOUND
    )


def test_a_consistent_image_stays_as_it_is() -> None:
    truth = scene(160, 160).double()
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    moved = project(truth, ms, gains=GAINS) - truth
    # At the border the two ways to extend an image differ, further inwards each iteration.
    inner = slice(64, -64)
    assert moved[:, inner, inner].abs().max() < 0.01


def test_interpolation_plus_detail_keeps_its_detail() -> None:
    truth = scene()
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    fused = upsample_image(ms, 4, 1.5) + 0.8 * (truth - upsample_image(ms, 4, 1.5))
    before, after = fused - truth, project(fused, ms, gains=GAINS) - truth
    assert after.square().mean() < before.square().mean()


def test_the_correction_is_interpolated_ms_pixels_and_nothing_finer() -> None:
    truth = scene()
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    change = project(truth * 1.1, ms, gains=GAINS, iterations=1) - truth * 1.1
    halo = 10
    missing = torch.nn.functional.pad(ms - reduce_ms(truth * 1.1, GAINS, 4, 1.5), (halo,) * 4)
    inner = slice(4 * 14, -4 * 10)
    expected = upsample(missing, 4, 1.5)
    assert torch.allclose(change[:, 40:-40, inner], expected[:, 40:-40, inner], atol=0.05)


def test_no_iterations_no_change_and_a_batch_is_its_tiles() -> None:
    truth = scene(64, 64)
    ms = reduce_ms(truth * 0.9, GAINS, 4, 1.5)
    assert project(truth, ms, gains=GAINS, iterations=0) is truth
    single = project(truth, ms, gains=GAINS)
    batch = project(torch.stack([truth, truth + 9]), torch.stack([ms, ms]), gains=GAINS)
    assert torch.allclose(batch[0], single, rtol=1e-5)


def test_it_commutes_with_a_change_of_units() -> None:
    truth = scene(64, 64).double()
    ms = reduce_ms(truth * 0.9, GAINS, 4, 1.5)
    one = project(truth, ms, gains=GAINS)
    other = project(truth / 500 - 1, ms / 500 - 1, gains=GAINS)
    assert torch.allclose((other + 1) * 500, one, atol=1e-6)


def test_images_of_a_few_pixels_are_mirrored_as_often_as_it_takes() -> None:
    ms = torch.full((1, 2, 3), 7.0)
    fused = project(torch.full((1, 8, 12), 5.0), ms, gains=(0.3,))
    assert torch.allclose(fused, torch.full_like(fused, 7.0), atol=1e-4)


def test_gains_must_be_one_for_each_band() -> None:
    with pytest.raises(UsageError, match="4 bands, but 1"):
        project(scene(64, 64), torch.zeros(4, 16, 16), gains=(0.3,))


def test_fused_tile_by_tile_the_whole_scene_is_consistent() -> None:
    generator = torch.Generator().manual_seed(9)
    truth = scene(144, 144)
    pan, ms = truth.mean(0), reduce_ms(truth, GAINS, 4, 1.5)
    source = ArraySource(
        pan=pan.numpy(), ms=(ms + torch.randn(ms.shape, generator=generator)).numpy(), ratio=4
    )
    plain, consistent = (whole(source, consistency=iterations) for iterations in (0, 10))
    given = torch.from_numpy(source.ms)
    assert inconsistency(plain, given, GAINS, 1.5) > 2 * BOUND
    assert inconsistency(consistent, given, GAINS, 1.5) < BOUND


def whole(source: ArraySource, *, consistency: int) -> Tensor:
    """Fuses in tiles of 48 pixels that overlap by 16."""
    fuser = fuser_of(source, tile=48, overlap=16, gains=GAINS, consistency=consistency)
    result = torch.zeros(source.bands, source.rows, source.cols)
    for block in fuse_tiles(source, fuser, ThreadRunner(workers=1)):
        result[(slice(None), *block.window.within(source.area))] = torch.from_numpy(block.fused)
    return result


def limits(low: float, high: float, *, clip_iterations: int = CLIP_ITERATIONS) -> Limits:
    return Limits(
        low=torch.full((4, 1, 1), low),
        high=torch.full((4, 1, 1), high),
        clip_iterations=clip_iterations,
    )


def test_clipping_is_compensated() -> None:
    free = scene()
    truth = free.clamp(330, 600)
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    wrong = truth * 1.02 + 60 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(6))
    assert 0.1 < float((truth >= 600).float().mean()) < 0.4
    within = project(wrong, ms, gains=GAINS, limits=limits(330, 600))
    assert within.min() >= 330
    assert within.max() <= 600
    clipped = project(wrong, ms, gains=GAINS).clamp(330, 600)
    assert inconsistency(within, ms, GAINS, 1.5) < BOUND < inconsistency(clipped, ms, GAINS, 1.5)


def test_limits_that_nothing_reaches_change_no_bit() -> None:
    truth = scene()
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    plain = project(truth * 1.1, ms, gains=GAINS)
    assert torch.equal(project(truth * 1.1, ms, gains=GAINS, limits=limits(-1e4, 1e4)), plain)
    # Nor does a tile beside it that reaches them.
    two, twice = torch.stack([truth * 1.1, truth * 1.1 - 300]), torch.stack([ms, ms - 300])
    some = limits(float(plain.min()) - 1, 1e4)
    pair = project(two, twice, gains=GAINS, limits=some)
    assert torch.equal(pair[0], project(two, twice, gains=GAINS)[0])
    assert not torch.equal(pair[1], project(two, twice, gains=GAINS)[1])


def test_where_the_ms_is_impossible_clipping_is_compensated_as_far_as_possible() -> None:
    """A lamp that the MTF would have spread more: only negative pixels give its MS back."""
    ms = torch.full((1, 24, 24), 20.0)
    ms[0, 12, 12] = 400
    image = torch.full((1, 96, 96), 20.0)
    lost = []
    for clip_iterations in (0, 12, CLIP_ITERATIONS):
        some = Limits(
            low=torch.zeros(1, 1, 1),
            high=torch.full((1, 1, 1), 1e4),
            clip_iterations=clip_iterations,
        )
        within = project(image, ms, gains=(0.22,), limits=some)
        assert torch.equal(within, some.clip(within))
        lost.append(float((reduce_ms(within, (0.22,), 4, 1.5) - ms).square().sum().sqrt()))
    assert 0 < lost[2] < lost[1] < 0.5 * lost[0]


def test_a_band_that_reaches_no_limit_is_not_touched_for_another_that_does() -> None:
    truth = scene()
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    free = project(truth * 1.1, ms, gains=GAINS)
    some = limits(-1e4, 1e4)
    some.low[2] = float(free[2].median())
    within = project(truth * 1.1, ms, gains=GAINS, limits=some)
    assert not torch.equal(within[2], free[2])
    assert torch.equal(within[[0, 1, 3]], free[[0, 1, 3]])


def test_what_is_clipped_in_one_corner_does_not_move_the_other() -> None:
    truth = scene(256, 256)
    ms = reduce_ms(truth, GAINS, 4, 1.5)
    low = float(truth.quantile(0.2))
    darker = ms.clone()
    darker[:, :8, :8] -= 250
    one, other = (
        project(
            truth * 1.1,
            given,
            gains=GAINS,
            limits=limits(low, 1e4, clip_iterations=12),
        )
        for given in (ms, darker)
    )
    far = (slice(None), slice(128, None), slice(128, None))
    assert (one[far] <= low).float().mean() > 0.02
    assert (one[:, :32, :32] - other[:, :32, :32]).abs().max() > 50
    assert (one[far] - other[far]).abs().max() < 0.001
