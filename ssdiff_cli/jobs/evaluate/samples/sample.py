"""What is scored: one image, with all that fusing and scoring it takes."""

from collections.abc import Callable
from dataclasses import dataclass

from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_models.errors import InputError
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["BLOCK", "Fuser", "Sample", "crop_slices"]

BLOCK = 32
"""Side of the metrics' blocks in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One image, or one window, piece or strip of a scene, in DN."""

    name: str
    """Name of the unit; samples of one name are scored together."""
    pan: Pixels
    """``(rows, cols)``."""
    ms: Pixels
    """``(bands, rows/ratio, cols/ratio)``."""
    lms: Pixels
    """``(bands, rows, cols)``: EXP."""
    valid: BoolArray
    """``(rows, cols)``: True where a pixel counts."""
    inner: tuple[slice, slice]
    """Rows and columns that are scored; the methods see the others too."""
    phase: float
    """PAN index of the centre of MS pixel 0."""
    reference: Pixels | None = None
    """``(bands, rows, cols)``, where there is one."""
    pan_low: Pixels | None = None
    """``(rows, cols)``: the PAN at MS resolution on its own grid."""
    window: Window | None = None
    """Place on the PAN grid, for products that are read from files."""
    statistics: SceneStatistics | None = None
    """Radiometry of the scene that this is a part of."""
    shown: bool = True
    """Whether a report may show it."""
    scored: bool = True
    """Whether it counts; a sample that does not is for the report only."""


Fuser = Callable[[Sample], Pixels]
"""Makes, or reads, the fused image ``(bands, rows, cols)`` of a sample."""


def crop_slices(name: str, rows: int, cols: int, crop: int) -> tuple[slice, slice]:
    """Returns the rows and columns that the DLPan toolbox scores (its ``crop:end-crop``).

    Raises:
        InputError: When the remaining part of image `name` is smaller than a metric's block.
    """
    first = max(crop - 1, 0)
    if min(rows, cols) - first - crop < BLOCK:
        raise InputError(
            f"{name}: {rows} x {cols} pixels to score, less a border of {crop} are smaller than "
            f"the metrics' {BLOCK} x {BLOCK} block: give a larger image or a smaller --crop"
        )
    return slice(first, rows - crop), slice(first, cols - crop)
