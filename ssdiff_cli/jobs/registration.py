"""The shift between the PAN and the MS of a pair: looked for in every run, corrected on request."""

import logging
from dataclasses import replace

from ssdiff_cli.device import processor_threads
from ssdiff_cli.rasters.pair import PairOptions, ScenePair, open_pair
from ssdiff_models.alignment import Drift, SceneShift, WindowShift, agree, lattice, window_shift
from ssdiff_models.errors import InputError
from ssdiff_models.pipeline import ordered_map
from ssdiff_models.runners import single_threaded
from ssdiff_models.scene import Patch
from ssdiff_models.tiles import Window

__all__ = ["WORTH_A_WARNING", "look", "register", "warn"]

WORTH_A_WARNING = 0.5
"""PAN pixels of shift that a run without ``--register`` warns about."""
PASSES = 2
"""Estimates of ``--register``: the second one sees the MS where the first one put it."""
_log = logging.getLogger(__name__)


def look(pair: ScenePair) -> SceneShift | None:
    """Returns a quick estimate from a few windows, in a fraction of a second; None where they tell nothing."""
    return _estimate(pair, count=3, size=48, local=False)


def register(pan: str, ms: str, options: PairOptions, *, local: bool) -> tuple[PairOptions, SceneShift]:
    """Measures the shift of a pair carefully: what is left is below 0.05 PAN pixels on scenes of a few hundred pixels and more.

    Args:
        pan: The PAN's path.
        ms: The MS's path.
        options: How the pair is understood.
        local: Whether the shift changes over the scene.

    Returns:
        The options with the shift, and the shift.

    Raises:
        InputError: When the pair cannot be used, or does not tell its shift.
    """
    total: SceneShift | None = None
    for _ in range(PASSES):
        with open_pair(pan, ms, options=options) as pair:
            found = _measure(pair, local=local)
        options = _moved(options, found)
        total = found if total is None else _summed(total, found)
    assert total is not None
    _log.info(
        "%s is moved by %+.2f rows and %+.2f columns (PAN pixels; %d windows, spread %.2f)",
        ms, total.rows, total.cols, total.windows, total.spread,
    )  # fmt: skip
    return options, total


def _measure(pair: ScenePair, *, local: bool) -> SceneShift:
    found = _estimate(pair, count=8 if local else 4, size=32 if local else 96, local=local)
    if found is None:
        option = "--register-local" if local else "--register"
        raise InputError(
            f"{pair.ms.path}: {option} finds too little that PAN and MS share to tell their shift: leave {option} out, "
            "or give a larger scene"
        )
    return found


def _summed(first: SceneShift, second: SceneShift) -> SceneShift:
    drift = second.drift
    if first.drift is not None and drift is not None:
        names = ("rows_per_row", "rows_per_col", "cols_per_row", "cols_per_col")
        drift = replace(drift, **{name: getattr(first.drift, name) + getattr(drift, name) for name in names})
    return replace(second, rows=first.rows + second.rows, cols=first.cols + second.cols, drift=drift)


def _estimate(pair: ScenePair, *, count: int, size: int, local: bool) -> SceneShift | None:
    # The overlap and not the area: the shift belongs to the scene, whatever part of it is asked for.
    windows = lattice(pair.overlap, count=count, size=size, ratio=pair.ratio)
    read = ((window, pair.read(window)) for window in windows)

    def shift(item: tuple[Window, Patch]) -> WindowShift | None:
        window, patch = item
        return window_shift(patch, window, ratio=pair.ratio, phase=pair.ms_phase)

    # One thread a window: small products gain nothing from more, which would wait for each other in a loop.
    return agree(ordered_map(shift, read, workers=processor_threads(), initializer=single_threaded), local=local)


def _moved(options: PairOptions, shift: SceneShift) -> PairOptions:
    """Returns the options with the shift on top of what they have, in thousandths of a pixel so that every machine has the same."""
    drift = shift.drift or Drift(row=0, col=0)
    down, right = drift.at(0, 0)
    own = options.drift
    return replace(
        options,
        shift_rows=round(options.shift_rows + shift.rows + down, 3),
        shift_cols=round(options.shift_cols + shift.cols + right, 3),
        drift=(
            round(own[0] + drift.rows_per_row, 8),
            round(own[1] + drift.rows_per_col, 8),
            round(own[2] + drift.cols_per_row, 8),
            round(own[3] + drift.cols_per_col, 8),
        ),
    )


def warn(pair: ScenePair, shift: SceneShift | None) -> None:
    """Warns where a shift should have been corrected."""
    if shift is not None and shift.size > WORTH_A_WARNING:
        _log.warning(
            "%s: fits the PAN better when moved by %+.2f rows and %+.2f columns (PAN pixels): --register does that",
            pair.ms.path, shift.rows, shift.cols,
        )  # fmt: skip
