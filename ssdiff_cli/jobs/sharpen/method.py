"""The fusion method of a job, bound to its scene: what a run needs of it, whatever its kind."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssdiff_cli.device import DeviceChoice
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.scene.windows import TileGrid, Window

if TYPE_CHECKING:
    from ssdiff_models.fusion.blocks import FusedBlock
    from ssdiff_models.fusion.prior import RatioPrior

__all__ = ["PROBE", "Cost", "MethodReport", "MethodSummary", "SceneMethod"]

PROBE = 64
"""Side in PAN pixels of a window that is timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a method takes, besides what every method does."""

    memory: float
    """Bytes of the process's memory."""
    device_memory: float | None = None
    """Bytes of the accelerator's memory; None on a CPU."""
    seconds_per_pixel: float
    """Seconds of one worker per PAN pixel, measured."""
    workers: int
    """Blocks that are computed at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSummary:
    """What the report of a run says of its method; the defaults are those of classical ones."""

    model: str | None = None
    steps: int | None = None
    seed: int | None = None
    consistency: int = 0
    """Iterations of the projection; 0: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodReport:
    """What ``check`` says of a method."""

    method: str
    name: str | None
    """The model's; None for a classical method."""
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneMethod(ABC):
    """A method bound to a scene; no pixel is fused before its blocks are asked for."""

    name: str
    pair: ScenePair
    device: DeviceChoice
    grid: TileGrid
    """The lattice of its blocks on the PAN grid."""

    @property
    def count(self) -> int:
        """Number of blocks of the area."""
        rows, cols = self.grid.covering(self.pair.area)
        return len(rows) * len(cols)

    @abstractmethod
    def blocks(self, rows: range) -> "Iterator[FusedBlock]":
        """Yields the fused blocks of some rows of `grid`, row-major."""

    @abstractmethod
    def cost(self) -> Cost:
        """Returns what a block takes; fuses a small window to measure the time."""

    def summary(self) -> MethodSummary:
        """Returns what the report of a run says of the method."""
        return MethodSummary()

    def report(self) -> MethodReport:
        """Returns what ``check`` says of the method."""
        return MethodReport(method=self.name, name=None, device=str(self.device.device))

    @property
    def prior(self) -> "RatioPrior | None":
        """What a model starts from, where that is not the LMS."""
        return None

    def resume_key(self) -> dict[str, str]:
        """Returns the settings of this kind of method, by their names in messages."""
        return {}

    def tags(self) -> dict[str, str]:
        """Returns the SSDIFF tags of this kind of method."""
        return {}

    def warnings(self) -> Iterator[str]:
        """Yields what a user should know about the blocks fused so far."""
        yield from ()

    def probe_window(self, side: int) -> Window:
        """Returns a window in the middle of the area, which it may overhang.

        Args:
            side: Rows and columns of the window, a multiple of the ratio, as its corner is.
        """
        area = self.pair.area
        row = (area.row + (area.rows - side) // 2) // side * side
        col = (area.col + (area.cols - side) // 2) // side * side
        return Window(row=max(row, 0), col=max(col, 0), rows=side, cols=side)
