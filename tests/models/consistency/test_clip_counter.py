"""Counting what a projection cut off."""

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
    tally = ClipCounter()
    assert tally.worst() == (0, 0.0)
    tally.add((3, 1), before, after, LIMITS)
    assert tally.worst()[0] == 1
    assert tally.worst()[1] == pytest.approx(6 / 32)
    tally.add((3, 1), before, before, LIMITS)
    assert tally.worst()[1] == pytest.approx(6 / 64)


def test_bands_of_several_groups_are_added_up() -> None:
    before, after = torch.full((1, 2, 2, 2), 5.0), torch.zeros(1, 2, 2, 2)
    tally = ClipCounter()
    tally.add((0, 1), before, before, LIMITS)
    tally.add((1, 2), before, after, LIMITS)
    assert tally.worst() == (2, 1.0)
