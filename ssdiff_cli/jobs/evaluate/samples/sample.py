"""What is scored: a piece of a scene (or an image of a test set) with all that fusing and scoring it takes."""

from collections.abc import Callable
from dataclasses import dataclass

from ssdiff_cli.jobs.evaluate.scores import ProtocolName, Scores, UnitName
from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_models.errors import InputError
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["Event", "Fused", "Fuser", "Sample", "Scored", "Settings", "crop_slices"]

BLOCK = 32
"""Side of the metrics' blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The protocol in force; everything a reader needs to compare the figures with others."""

    protocol: ProtocolName
    inputs: tuple[str, ...]
    """The files, as the user named them."""
    sensor: Sensor
    """With the MTF gains of the very bands that are scored."""
    ratio: int
    crop: int
    """Border cut of the reference toolbox, in pixels of the scored grid; 0 is none."""
    peak: float
    """What PSNR and SSIM take for the largest value."""
    unit: UnitName
    """What the figures are means over: ``scene``, ``window`` or ``image``."""
    notes: tuple[str, ...] = ()
    """What a user should know about how the figures came about; one sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One image, or one window or piece of a scene, in DN."""

    name: str
    """Of the unit that it belongs to."""
    pan: Pixels
    """``(rows, cols)``."""
    ms: Pixels
    """``(bands, rows/ratio, cols/ratio)``."""
    lms: Pixels
    """``(bands, rows, cols)``: EXP."""
    valid: BoolArray
    """``(rows, cols)``: pixels that are scored."""
    inner: tuple[slice, slice]
    """The rows and columns that are scored; what is around them only feeds the methods."""
    phase: float
    """PAN index of the centre of MS pixel 0."""
    reference: Pixels | None = None
    """``(bands, rows, cols)`` where there is one."""
    pan_low: Pixels | None = None
    """``(rows, cols)``: the PAN at MS resolution on its own grid; None is the reference toolbox's."""
    window: Window | None = None
    """Where it lies on the PAN grid, for products that are read from files."""
    statistics: SceneStatistics | None = None
    """Radiometry of the whole scene that this is a window of."""
    shown: bool = True
    """Whether a report may show it: False for all pieces of a scene but the middle one."""


Fuser = Callable[[Sample], Pixels]
"""Makes, or reads, the fused image ``(bands, rows, cols)`` of a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """What one method made of one sample."""

    sample: Sample
    method: str
    image: Pixels
    """``(bands, rows, cols)`` in DN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The figures of one method on one unit: a scene, a window, an image."""

    name: str
    method: str
    scores: Scores


Event = Fused | Scored


def crop_slices(name: str, rows: int, cols: int, crop: int) -> tuple[slice, slice]:
    """Returns the part of an image that the reference toolbox scores with a border cut of `crop` (its ``crop:end-crop``).

    Raises:
        InputError: When what is left is smaller than a metric's block; it says so of `name`.
    """
    first = max(crop - 1, 0)
    if min(rows, cols) - first - crop < BLOCK:
        raise InputError(
            f"{name}: {rows} x {cols} pixels to score, less a border of {crop} are smaller than the metrics' {BLOCK} x {BLOCK} block: "
            "give a larger image or a smaller --crop"
        )
    return slice(first, rows - crop), slice(first, cols - crop)
