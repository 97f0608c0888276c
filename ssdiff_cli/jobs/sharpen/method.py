"""The fusion method of a job, bound to its scene: what a run needs of it, whatever it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ssdiff_cli.device import DeviceChoice
from ssdiff_cli.jobs.sharpen.check_report import MethodReport
from ssdiff_cli.jobs.sharpen.estimate import Cost
from ssdiff_models.fusion.stream import FusedBlock
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import TileGrid

__all__ = ["MethodSummary", "SceneMethod"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSummary:
    """What a report says of a method; the defaults are those of classical ones."""

    model: str | None = None
    steps: int | None = None
    seed: int | None = None
    consistency: int = 0
    """Iterations of the projection; 0: none."""


class SceneMethod(Protocol):
    """A method bound to a scene; no pixel is fused before its blocks are asked for."""

    @property
    def device(self) -> DeviceChoice:
        """Where it runs."""
        ...

    @property
    def grid(self) -> TileGrid:
        """The lattice of its blocks on the PAN grid."""
        ...

    @property
    def summary(self) -> MethodSummary:
        """What the run's report says of it."""
        ...

    def blocks(self, rows: range) -> Iterator[FusedBlock]:
        """Yields the fused blocks of some rows of blocks of `grid`, row-major."""
        ...

    def statistics(self) -> SceneStatistics:
        """Returns the statistics of the scene that the method uses."""
        ...

    def resume_key(self) -> dict[str, str]:
        """Returns the settings that only this kind of method has, by the names of messages."""
        ...

    def tags(self) -> dict[str, str]:
        """Returns the SSDIFF tags that only this kind of method has."""
        ...

    def report(self) -> MethodReport:
        """Returns what ``check`` says of it."""
        ...

    def cost(self) -> Cost:
        """Returns what a block takes; fuses a small window to measure the time."""
        ...

    def warnings(self) -> Iterator[str]:
        """Yields what a user should know about the blocks fused so far."""
        ...
