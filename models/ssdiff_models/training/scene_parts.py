"""The parts of one scene: for training, for validation, and one that nothing is decided on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import inf, log

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ssdiff_models.errors import InputError
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["APART", "SceneParts", "split_scene"]

APART = 16
"""PAN pixels between test and training pixels, the interpolator's reach; fewer on small scenes."""
BLOCK = 24
"""Greatest side of the validation blocks, in PAN pixels."""
LEAST_SHARE = 0.05
"""Part of the pixels that those for validation should be."""
ENOUGH = 0.75
"""A test quarter needs this part of the valid pixels that the best choice has."""
DARKEST = 0.05
"""Part of the scene's mean below which a pixel's relative error does not grow."""
LEAST = (300, 24, 100)
"""Pixels that the parts for training, validation and test need."""
TINY = 1e-12
Masks = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneParts:
    """One scene three times: the images are the same, the valid pixels lie apart."""

    train: WaldScene
    validation: WaldScene
    """Decides when training stops."""
    test: WaldScene
    """A quarter that nothing is decided on."""


def split_scene(scene: WaldScene) -> SceneParts:
    """Splits a scene: a quarter in one corner for the test, blocks in the rest for validation.

    Quarter and blocks lie where pixels are valid, and where the prior image errs as it does in the
    rest: calm water must not decide about a harbour. No network counts, so none is favoured.

    Raises:
        InputError: When no choice gives each part enough valid pixels.
    """
    inside, test = _corner(scene)
    train, validation = _spread(scene, inside)
    counts = [int(part.sum()) for part in (train, validation, test)]
    if any(count < least for count, least in zip(counts, LEAST, strict=True)):
        raise InputError(
            f"{scene.name}: too few valid pixels to adapt to: at reduced resolution {counts[0]} "
            f"to train on, {counts[1]} for validation and {counts[2]} for the test, where "
            f"{LEAST[0]}, {LEAST[1]} and {LEAST[2]} are needed: use the model as it is"
        )
    return SceneParts(
        train=replace(scene, valid=train),
        validation=replace(scene, valid=validation),
        test=replace(scene, valid=test),
    )


def _corner(scene: WaldScene) -> Masks:
    """Returns the valid pixels outside of a quarter of the scene and inside of it."""

    def poorer(masks: Masks) -> int:
        return min(int(mask.sum()) for mask in masks)

    valid = scene.valid
    corners = [(outside & valid, quarter & valid) for outside, quarter in _quarters(valid)]
    enough = ENOUGH * max(map(poorer, corners))
    candidates = [masks for masks in corners if poorer(masks) >= enough]
    return min(candidates, key=lambda masks: _unlikeness(scene, *masks))


def _quarters(valid: Tensor) -> Iterator[Masks]:
    """Yields for each corner the pixels apart from its quarter, and the quarter."""
    rows, cols = valid.shape
    row = rows // 2
    col = cols // 2
    shorter = min(rows, cols)
    apart = min(APART, shorter // 8)
    outside = torch.zeros_like(valid)
    outside[: row - apart] = True
    outside[:, : col - apart] = True
    quarter = torch.zeros_like(valid)
    quarter[row:, col:] = True
    for axes in ((), (0,), (1,), (0, 1)):
        yield outside.flip(axes), quarter.flip(axes)


def _spread(scene: WaldScene, inside: Tensor) -> Masks:
    """Returns the pixels for training, and those in blocks for validation."""

    def cost(masks: Masks) -> float:
        train, validation = (mask.sum() for mask in masks)
        both = (validation + train).clamp(min=1)
        missing = LEAST_SHARE - float(validation / both)
        return _unlikeness(scene, *masks) + 100 * max(0.0, missing)

    choices = [(inside & ~around, blocks & inside) for blocks, around in _blocks(inside)]
    return min(choices, key=cost, default=(inside, inside & False))


def _blocks(inside: Tensor) -> Iterator[Masks]:
    """Yields lattices of blocks, and each with a margin of a third of the blocks' side."""
    rows, cols = inside.shape
    tenth = min(rows, cols) // 10
    side = max(4, min(BLOCK, tenth) // 4 * 4)
    margin = side // 3
    for first_row, first_col in product(range(side, 4 * side, side), repeat=2):
        blocks = torch.zeros_like(inside)
        tops = range(first_row, rows - side, 3 * side)
        lefts = range(first_col, cols - side, 3 * side)
        for top, left in product(tops, lefts):
            down = slice(top, top + side)
            across = slice(left, left + side)
            share = inside[down, across].float().mean()
            blocks[down, across] = float(share) > 0.5
        width = 2 * margin + 1
        grown = max_pool2d(blocks.float()[None], width, stride=1, padding=margin)[0]
        yield blocks, grown > 0


def _unlikeness(scene: WaldScene, some: Tensor, others: Tensor) -> float:
    """Returns how the prior's mean square errors differ, as logarithms of their ratios."""
    if not (bool(some.any()) and bool(others.any())):
        return inf
    plain = (scene.gt - scene.prior).square().mean(0)
    level = (scene.gt + 1).square().mean(0)
    relative = plain / level.clamp(min=DARKEST**2)
    total = 0.0
    for error in (plain, relative):
        here = max(float(error[some].mean()), TINY)
        there = max(float(error[others].mean()), TINY)
        total += abs(log(there / here))
    return total
