"""Dividing one scene into what is trained on, what training ends by, and what nothing is decided on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, log

import torch
from torch import Tensor

from ssdiff_models.errors import InputError
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["APART", "Parts", "divide"]

APART = 16
"""PAN pixels between the unseen quarter and what is trained on: the reach of the interpolator at ratio 4. Small scenes have fewer."""
BLOCK = 24
"""Greatest side of the held-out blocks, in PAN pixels."""
LEAST_SHARE = 0.05
"""Part of the pixels that the held-out ones should be."""
ENOUGH = 0.75
"""Part of the valid pixels of the best division that another one must have to be taken because its parts are more alike."""
DARKEST = 0.05
"""Part of the scene's mean below which a pixel's relative error does not grow."""
LEAST = (300, 24, 100)
"""Pixels that the parts need: to train on, to stop by, unseen."""
TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One scene in three parts that lie apart: all images are whole, the masks differ."""

    train: WaldScene
    held: WaldScene
    """Where training stops is decided here."""
    unseen: WaldScene
    """A quarter that nothing is decided on: the report's."""


def divide(scene: WaldScene) -> Parts:
    """Divides a scene: a quarter in one corner is unseen, blocks all over the rest are held out, and what is left is trained on.

    Corner and blocks are where valid pixels are, and where they are most like the rest, judged by the error of the prior image: what
    helps on calm water must not decide about a harbour. No network is asked, so the choice favours none.

    Raises:
        InputError: When no division gives each part enough valid pixels.
    """
    corners = [
        (inside & scene.valid, unseen & scene.valid)
        for inside, unseen in _corners(*scene.valid.shape)
    ]
    most = max(_poorer(*parts) for parts in corners)
    inside, unseen = min(
        (parts for parts in corners if _poorer(*parts) >= ENOUGH * most),
        key=lambda parts: _unlike(scene, *parts),
    )
    choices = [(inside & ~around, blocks & inside) for blocks, around in _blocks(inside)]
    train, held = min(
        choices,
        key=lambda parts: _unlike(scene, *parts) + _scarce(*parts),
        default=(inside, inside & False),
    )
    counts = tuple(int(part.sum()) for part in (train, held, unseen))
    if any(count < least for count, least in zip(counts, LEAST, strict=True)):
        raise InputError(
            f"{scene.name}: too few valid pixels to adapt to: at reduced resolution {counts[0]} to train on, {counts[1]} to stop by, "
            f"{counts[2]} unseen, where {LEAST[0]}, {LEAST[1]} and {LEAST[2]} are needed: use the model as it is"
        )
    return Parts(
        train=replace(scene, valid=train),
        held=replace(scene, valid=held),
        unseen=replace(scene, valid=unseen),
    )


def _corners(rows: int, cols: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields, for each corner, the pixels outside of its quarter that lie apart from it, and the quarter."""
    apart = min(APART, min(rows, cols) // 8)
    for axes in ((), (0,), (1,), (0, 1)):
        outside, quarter = (
            torch.zeros(rows, cols, dtype=torch.bool),
            torch.zeros(rows, cols, dtype=torch.bool),
        )
        quarter[rows // 2 :, cols // 2 :] = True
        outside[: rows // 2 - apart], outside[:, : cols // 2 - apart] = True, True
        yield outside.flip(axes), quarter.flip(axes)


def _blocks(inside: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields lattices of blocks, and each with a third of the blocks' side around them, which is kept free."""
    rows, cols = inside.shape
    side = max(4, min(BLOCK, min(rows, cols) // 10) // 4 * 4)
    free = side // 3
    for down in range(side, 4 * side, side):
        for right in range(side, 4 * side, side):
            blocks, around = torch.zeros_like(inside), torch.zeros_like(inside)
            for top in range(down, rows - side, 3 * side):
                for left in range(right, cols - side, 3 * side):
                    if float(inside[top : top + side, left : left + side].float().mean()) > 0.5:
                        blocks[top : top + side, left : left + side] = True
                        around[top - free : top + side + free, left - free : left + side + free] = (
                            True
                        )
            yield blocks, around


def _poorer(inside: Tensor, unseen: Tensor) -> int:
    return min(int(inside.sum()), int(unseen.sum()))


def _scarce(train: Tensor, held: Tensor) -> float:
    return 100 * max(0.0, LEAST_SHARE - float(held.sum() / (held.sum() + train.sum()).clamp(min=1)))


def _unlike(scene: WaldScene, some: Tensor, others: Tensor) -> float:
    """Returns how different two parts are: the logarithms of the ratios of the prior's mean square errors, plain and relative."""
    if not (bool(some.any()) and bool(others.any())):
        return inf
    plain = (scene.gt - scene.prior).square().mean(0)
    relative = plain / (scene.gt + 1).square().mean(0).clamp(min=DARKEST**2)
    means = [
        [max(float(error[mask].mean()), TINY) for mask in (some, others)]
        for error in (plain, relative)
    ]
    return sum(abs(log(here / there)) for there, here in means)
