"""Counting the pixels that a projection moved to a limit."""

import pytest
import torch

from ssdiff_models.consistency.clipping import ClipCounter, Limits

LIMITS = Limits(low=torch.zeros(2, 1, 1), high=torch.full((2, 1, 1), 10.0))


def test_pixels_that_came_to_a_limit_are_counted_by_band() -> None:
    before = torch.full((2, 2, 4, 4), 5.0)
    after = before.clone()
    before[:, :, 0, 0] = after[:, :, 0, 0] = 0  # was there before
    after[0, 1, 1] = 0
    after[0, 1, 2, :2] = 10
    counter = ClipCounter()
    assert counter.worst() == (0, 0.0)
    counter.add((3, 1), before, after, LIMITS)
    assert counter.worst()[0] == 1
    assert counter.worst()[1] == pytest.approx(6 / 32)
    counter.add((3, 1), before, before, LIMITS)
    assert counter.worst()[1] == pytest.approx(6 / 64)


def test_bands_of_several_groups_are_added_up() -> None:
    before, after = torch.full((1, 2, 2, 2), 5.0), torch.zeros(1, 2, 2, 2)
    counter = ClipCounter()
    counter.add((0, 1), before, before, LIMITS)
    counter.add((1, 2), before, after, LIMITS)
    assert counter.worst() == (2, 1.0)
