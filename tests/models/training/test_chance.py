"""Seed, step and part each change a step's numbers."""

from itertools import combinations, product

import torch
from torch import Tensor

from ssdiff_models.training.chance import Part, step_generator


def numbers(seed: int, step: int, part: Part) -> Tensor:
    return torch.randn(8, generator=step_generator(seed, step, part))


def test_no_two_steps_seeds_or_parts_share_their_numbers() -> None:
    places = product((0, 1, 1 << 32), (0, 1, 2), Part)
    drawn = [numbers(seed, step, part) for seed, step, part in places]
    assert not any(torch.equal(one, other) for one, other in combinations(drawn, 2))


def test_a_step_has_the_same_numbers_each_time() -> None:
    assert torch.equal(numbers(7, 3, Part.NOISE), numbers(7, 3, Part.NOISE))
