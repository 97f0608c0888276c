"""The shift between the PAN and the MS of a pair: looked for in every run, corrected on request."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from affine import Affine

from ssdiff_cli.device import processor_threads
from ssdiff_cli.rasters.geometry.ms_shift import unmoved
from ssdiff_cli.rasters.reading.pair import PairOptions, ScenePair, open_pair
from ssdiff_models.errors import InputError
from ssdiff_models.parallel.threads import ordered_map, single_threaded
from ssdiff_models.registration.drift import Drift
from ssdiff_models.registration.scene_shift import NoShift, SceneShift, agree
from ssdiff_models.registration.window_shift import WindowShift, shift_windows, window_shift
from ssdiff_models.scene.source import Patch
from ssdiff_models.scene.windows import Window

__all__ = ["WORTH_A_WARNING", "explain_shift", "measure_shift", "register", "warn_of_shift"]

WORTH_A_WARNING = 0.5
"""PAN pixels of shift that a run without ``--register`` warns about, and of spread that one with it does."""
PASSES = 2
"""Estimates of ``--register``: the second one sees the MS where the first one put it."""
_log = logging.getLogger(__name__)


def measure_shift(pair: ScenePair) -> SceneShift | NoShift:
    """Returns a quick estimate from a few windows, in a fraction of a second, or why they tell nothing."""
    return agree(_windows(pair, count=3, size=48))


def register(
    pan: str, ms: str, options: PairOptions, *, local: bool
) -> tuple[PairOptions, SceneShift]:
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
    found: SceneShift | None = None
    for _ in range(PASSES):
        with open_pair(pan, ms, options=options) as pair:
            found = _measure(pair, local=local)
        options = _moved(options, found)
    assert found is not None
    _log.info(
        "%s is moved by %+.2f rows and %+.2f columns (PAN pixels; %d windows, spread %.2f)%s",
        ms, found.rows, found.cols, found.windows, found.spread, f" in the middle, {_change(found)}" if local else "",
    )  # fmt: skip
    if not local and found.spread > WORTH_A_WARNING:
        _log.warning(
            "%s: windows differ by %.2f PAN pixels about its shift: --register-local follows one that changes over the scene",
            ms, found.spread,
        )  # fmt: skip
    return options, found


def _change(shift: SceneShift) -> str:
    if shift.surface is not None:
        return "and elsewhere as a smooth surface tells"
    return (
        "changing linearly from there"
        if _moved(PairOptions(), shift).drift != PairOptions().drift
        else "and everywhere else"
    )


def _measure(pair: ScenePair, *, local: bool) -> SceneShift:
    windows = _windows(pair, count=12 if local else 4, size=32 if local else 96)
    found = agree((window and _whole(pair.options, window) for window in windows), local=local)
    if isinstance(found, SceneShift):
        return found
    option = "--register-local" if local else "--register"
    if not found.windows:
        raise InputError(
            f"{pair.ms.path}: {option} finds too little that PAN and MS share to tell their shift: check that both show "
            f"the same place, leave {option} out, or give a larger scene"
        )
    remedy = (
        "check that both show the same place at the same time, or "
        if local
        else "try --register-local, or "
    )
    raise InputError(
        f"{pair.ms.path}: {option} finds no shift, since {found.reason}: {remedy}leave {option} out"
    )


def _windows(pair: ScenePair, *, count: int, size: int) -> Iterator[WindowShift | None]:
    # The overlap and not the area, nor the polygons in it: the shift belongs to the scene, whatever part of it is asked for.
    windows = shift_windows(pair.overlap, count=count, size=size, ratio=pair.ratio)
    scene = pair.whole() if pair.region else pair
    read = ((window, scene.read(window)) for window in windows)

    def shift(item: tuple[Window, Patch]) -> WindowShift | None:
        window, patch = item
        return window_shift(patch, window, ratio=pair.ratio, phase=pair.ms_phase)

    # One thread a window: small products gain nothing from more, which would wait for each other in a loop.
    return ordered_map(shift, read, workers=processor_threads(), initializer=single_threaded)


def _whole(options: PairOptions, window: WindowShift) -> WindowShift:
    """Returns a window with its shift against the georeferencing, instead of against where `options` have moved the MS."""
    seen_col, seen_row = (
        np.array([window.col - window.shift.cols]),
        np.array([window.row - window.shift.rows]),
    )
    cols, rows = unmoved(options.motion, options.surface)(seen_col, seen_row)
    shift = replace(
        window.shift, rows=window.row - float(rows[0]), cols=window.col - float(cols[0])
    )
    return replace(window, shift=shift)


def _moved(options: PairOptions, shift: SceneShift) -> PairOptions:
    """Returns the options with the shift, in thousandths of a pixel so that every machine has the same."""
    drift = shift.drift or Drift(row=0, col=0)
    down, right = drift.at(0, 0)
    back = Affine(
        1 - drift.cols_per_col, -drift.cols_per_row, -shift.cols - right,
        -drift.rows_per_col, 1 - drift.rows_per_row, -shift.rows - down,
    )  # fmt: skip
    d, c, shift_cols, b, a, shift_rows = tuple(~back)[:6]
    return replace(
        options,
        shift_rows=round(shift_rows, 3),
        shift_cols=round(shift_cols, 3),
        drift=(round(a - 1, 8), round(b, 8), round(c, 8), round(d - 1, 8)),
        surface=shift.surface,
    )


def warn_of_shift(pair: ScenePair, shift: SceneShift | NoShift) -> None:
    """Warns where a shift should have been corrected; clouds, which lie elsewhere in every band, are nobody's mistake."""
    if isinstance(shift, NoShift) and shift.strangers:
        _log.warning(
            "%s: correlates with the PAN by %.2f only: do both show the same place?",
            pair.ms.path,
            shift.correlation,
        )
    elif isinstance(shift, NoShift):
        _log.info(
            "%s: its shift against the PAN is unknown: %s", pair.ms.path, explain_shift(shift)
        )
    elif shift.size > WORTH_A_WARNING:
        _log.warning(
            "%s: fits the PAN better when moved by %+.2f rows and %+.2f columns (PAN pixels): --register does that",
            pair.ms.path, shift.rows, shift.cols,
        )  # fmt: skip


def explain_shift(found: NoShift) -> str:
    """Returns why a shift is unknown, and where windows disagree what that may come from."""
    if not found.windows:
        return found.reason
    return f"{found.reason}: clouds, changes on the ground, or a shift that changes over the scene, which --register-local follows"
