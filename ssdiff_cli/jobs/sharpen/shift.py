"""The shift between the PAN and the MS of a pair: looked for in every run, corrected on request."""

import logging
from collections.abc import Iterator
from dataclasses import replace

from ssdiff_cli.device import processor_threads
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.errors import InputError
from ssdiff_models.parallel.threads import ordered_map, single_threaded
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


def register(pair: ScenePair, *, local: bool) -> tuple[ScenePair, SceneShift]:
    """Moves the MS of a pair by its measured shift.

    What remains is below 0.05 PAN pixels on scenes of a few hundred pixels and more.

    Args:
        pair: The pair.
        local: Whether the shift changes over the scene.

    Returns:
        The moved pair, and the shift.

    Raises:
        InputError: When the pair does not tell its shift.
    """
    found = _measure(pair, local=local)
    for _ in range(PASSES - 1):
        pair = pair.moved(found)
        found = _measure(pair, local=local)
    pair = pair.moved(found)
    _log.info(
        "%s is moved by %+.2f rows and %+.2f columns (PAN pixels; %d windows, spread %.2f)%s",
        pair.ms.path, found.rows, found.cols, found.windows, found.spread,
        f" in the middle, {_change(pair)}" if local else "",
    )  # fmt: skip
    if not local and found.spread > WORTH_A_WARNING:
        _log.warning(
            "%s: windows differ by %.2f PAN pixels about its shift: --register-local follows one that changes over the scene",
            pair.ms.path, found.spread,
        )  # fmt: skip
    return pair, found


def _change(pair: ScenePair) -> str:
    if pair.shift.surface is not None:
        return "and elsewhere as a smooth surface tells"
    return "changing linearly from there" if pair.shift.drifts else "and everywhere else"


def _measure(pair: ScenePair, *, local: bool) -> SceneShift:
    windows = _windows(pair, count=12 if local else 4, size=32 if local else 96)
    found = agree(
        (window and _from_georeferencing(pair, window) for window in windows), local=local
    )
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
    scene = pair.without_region() if pair.region else pair
    read = ((window, scene.read(window)) for window in windows)

    def shift(item: tuple[Window, Patch]) -> WindowShift | None:
        window, patch = item
        return window_shift(patch, window, ratio=pair.ratio, phase=pair.ms_phase)

    # One thread a window: small products gain nothing from more, which would wait for each other in a loop.
    return ordered_map(shift, read, workers=processor_threads(), initializer=single_threaded)


def _from_georeferencing(pair: ScenePair, window: WindowShift) -> WindowShift:
    """Returns a window with its shift against the georeferencing, not against the moved MS."""
    row, col = pair.shift.uncorrected_point(
        window.row - window.shift.rows, window.col - window.shift.cols
    )
    return replace(
        window, shift=replace(window.shift, rows=window.row - row, cols=window.col - col)
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
