"""The shift between the PAN and the MS of a pair: measured in every run, corrected on request."""

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

__all__ = ["explain_shift", "measure_shift", "register", "warn_of_shift"]

LARGE = 0.5
"""PAN pixels: a larger shift is warned of without ``--register``, a larger spread with it."""
PASSES = 2
"""Estimates of ``--register``: the second one sees the MS moved by the first."""
_log = logging.getLogger(__name__)


def measure_shift(pair: ScenePair) -> SceneShift | NoShift:
    """Returns a quick estimate from a few windows, or why they do not tell."""
    return agree(_windows(pair, count=3, size=48))


def register(pair: ScenePair, *, local: bool) -> tuple[ScenePair, SceneShift]:
    """Moves the MS of a pair by its measured shift, which `local` may change over the scene.

    What remains is below 0.05 PAN pixels on scenes of a few hundred pixels and more.

    Raises:
        InputError: When the windows do not agree on a shift.
    """
    for _ in range(PASSES):
        shift = _measure(pair, local=local)
        pair = pair.moved(shift)
    _log.info(
        "%s is moved by %+.2f rows and %+.2f columns (PAN pixels; %d windows, spread %.2f)%s",
        *(pair.ms.path, shift.rows, shift.cols, shift.windows, shift.spread),
        _elsewhere(pair) if local else "",
    )
    if not local and shift.spread > LARGE:
        _log.warning(
            "%s: windows differ by %.2f PAN pixels about its shift: "
            "--register-local follows one that changes over the scene",
            *(pair.ms.path, shift.spread),
        )
    return pair, shift


def _elsewhere(pair: ScenePair) -> str:
    if pair.shift.surface is not None:
        return " in the middle, and elsewhere as a smooth surface tells"
    if pair.shift.drifts:
        return " in the middle, changing linearly from there"
    return " in the middle, and everywhere else"


def _measure(pair: ScenePair, *, local: bool) -> SceneShift:
    windows = _windows(pair, count=12 if local else 4, size=32 if local else 96)
    against_georeferencing = (
        window and _against_georeferencing(pair, window) for window in windows
    )
    shift = agree(against_georeferencing, local=local)
    if isinstance(shift, NoShift):
        raise InputError(_refusal(pair.ms.path, shift, local=local))
    return shift


def _refusal(path: str, shift: NoShift, *, local: bool) -> str:
    option = "--register-local" if local else "--register"
    if not shift.windows:
        return (
            f"{path}: {option} finds too little that PAN and MS share to tell their shift: check "
            f"that both show the same place, leave {option} out, or give a larger scene"
        )
    remedy = (
        "check that both show the same place at the same time" if local else "try --register-local"
    )
    return f"{path}: {option} finds no shift, since {shift.reason}: {remedy}, or leave {option} out"


def _windows(pair: ScenePair, *, count: int, size: int) -> Iterator[WindowShift | None]:
    """Yields the shift of each window of a lattice; None where a window does not tell.

    The windows cover the overlap of the pair, whatever area or polygons a job restricts it to.
    """
    windows = shift_windows(pair.overlap, count=count, size=size, ratio=pair.ratio)
    scene = pair.without_region() if pair.region else pair
    patches = ((window, scene.read(window)) for window in windows)

    def shift(item: tuple[Window, Patch]) -> WindowShift | None:
        window, patch = item
        return window_shift(patch, window, grid=pair.grid)

    # One thread a window: its small matrix products gain nothing from more.
    return ordered_map(shift, patches, workers=processor_threads(), initializer=single_threaded)


def _against_georeferencing(pair: ScenePair, window: WindowShift) -> WindowShift:
    """Returns a window with its shift against the georeferencing, not against the moved MS."""
    shift = window.shift
    row, col = pair.shift.uncorrected_point(window.row - shift.rows, window.col - shift.cols)
    return replace(window, shift=replace(shift, rows=window.row - row, cols=window.col - col))


def warn_of_shift(pair: ScenePair, shift: SceneShift | NoShift) -> None:
    """Warns of a shift that should have been corrected.

    Windows that contradict each other are no warning: clouds lie elsewhere in every band.
    """
    path = pair.ms.path
    if isinstance(shift, SceneShift):
        if shift.size > LARGE:
            _log.warning(
                "%s: fits the PAN better when moved by %+.2f rows and %+.2f columns (PAN pixels): "
                "--register does that",
                *(path, shift.rows, shift.cols),
            )
    elif shift.strangers:
        _log.warning(
            "%s: correlates with the PAN by %.2f only: do both show the same place?",
            *(path, shift.correlation),
        )
    else:
        _log.info("%s: its shift against the PAN is unknown: %s", path, explain_shift(shift))


def explain_shift(shift: NoShift) -> str:
    """Returns why a shift is unknown, and the causes of windows that disagree."""
    if not shift.windows:
        return shift.reason
    return (
        f"{shift.reason}: clouds, changes on the ground, or a shift that changes over the scene, "
        "which --register-local follows"
    )
