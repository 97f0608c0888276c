"""No pixel without a number is written as a valid one."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.errors import InputError

if TYPE_CHECKING:
    from ssdiff_models.fusion.blocks import FusedBlock

__all__ = ["finite_blocks"]

_log = logging.getLogger(__name__)


def finite_blocks(blocks: "Iterable[FusedBlock]", pair: ScenePair) -> "Iterator[FusedBlock]":
    """Yields blocks whose pixels that are no numbers are invalid; warns of them at the end.

    Raises:
        InputError: When a block has no number at all, or the output cannot mark invalid pixels.
    """
    lost = 0
    for block in blocks:
        numbers = np.isfinite(block.fused).all(0)
        if block.spread is not None:
            numbers &= np.isfinite(block.spread).all(0)
        missing = int(np.count_nonzero(block.valid & ~numbers))
        if missing and not (pair.may_be_invalid and (block.valid & numbers).any()):
            raise InputError(
                f"{pair.ms.path}: {missing} pixels around row {block.window.row}, column "
                f"{block.window.col} of the PAN give no numbers: values there are too large or "
                "too small to compute with; if they are fills, name them with --src-nodata"
            )
        lost += missing
        yield replace(block, valid=block.valid & numbers) if missing else block
    if lost:
        _log.warning(
            "%s: %d pixels gave no numbers and are nodata: their values are too large or too small "
            "to compute with; if they are fills, name them with --src-nodata",
            *(pair.ms.path, lost),
        )
