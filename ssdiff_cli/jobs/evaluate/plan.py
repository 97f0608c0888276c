"""What an evaluation does: which samples it fuses, how, and by what protocol it scores them."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ssdiff_cli.device import DeviceChoice
from ssdiff_cli.jobs.evaluate.scores import ProtocolName, UnitName
from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.metrics import Place
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import BoolArray, Source
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["Fuser", "Model", "MsTarget", "Note", "Plan", "Sample", "Settings", "Validity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One sentence about how the scores came about."""

    text: str
    level: int = logging.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is needed to compare the scores with others."""

    protocol: ProtocolName
    inputs: tuple[str, ...]
    """The files, as the user named them."""
    sensor: Sensor
    """With the names and MTF gains of the scored bands."""
    ratio: int
    """PAN pixels per MS pixel."""
    crop: int
    """Border cut of the DLPan toolbox, in pixels of the scored grid; 0 is none."""
    peak: float
    """Largest value for PSNR and SSIM."""
    unit: UnitName
    """What the scores are means over."""
    notes: tuple[Note, ...] = ()
    natural_d_rho: float | None = None
    """D_rho between the MS and the reduced PAN, where a scene has one."""

    @property
    def pooling(self) -> str:
        """How PSNR is computed."""
        return f"pooled over bands, peak {self.peak:g}"

    def described(self, count: int) -> list[tuple[str, str]]:
        """Returns titles and texts for readers, when `count` units were scored."""
        crop = self.crop
        cut = f"{crop} pixels (rows and columns {crop}:end-{crop})" if crop else "none"
        gains = ", ".join(f"{gain:g}" for gain in self.sensor.ms_gains)
        described = [
            ("protocol", self.protocol),
            ("inputs", ", ".join(self.inputs)),
            ("sensor", f"{self.sensor.title} (MTF gains {gains})"),
            ("ratio", str(self.ratio)),
            ("border cut", cut),
        ]
        if self.protocol != "full-resolution":
            described.append(("PSNR, SSIM", f"PSNR {self.pooling}"))
        if self.natural_d_rho is not None:
            natural = (
                f"{self.natural_d_rho:.3f}, MS against reduced PAN: a result far above is suspect"
            )
            described.append(("natural D_rho", natural))
        if count > 1:
            spread = "standard deviation (N-1)"
            if self.unit == "window":
                spread = "95 % confidence interval of the mean"
            described.append(("figures", f"mean over {count} {self.unit}s ± {spread}"))
        return described


@dataclass(frozen=True, slots=True, kw_only=True)
class MsTarget:
    """The MS pixels that a fused image at full resolution is seen at."""

    pixels: Pixels
    """``(bands, rows/ratio, cols/ratio)`` under the sample."""
    places: tuple[Place, ...]
    """PAN row and column of the first one's centre, band by band."""
    size: tuple[int, int]
    """Rows and columns of MS pixels of the whole unit."""
    pitch: float | None = None
    """PAN pixels per pixel of the MS instrument, where that is not the ratio."""


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
    target: MsTarget | None = None
    """Where there is no reference."""
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
Validity = Callable[[Window], BoolArray]
"""Returns ``(rows, cols)`` of a window: True where a product is valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A loaded model, its settings and its device."""

    checkpoint: Checkpoint
    settings: FusionSettings
    device: DeviceChoice

    def fuser(self, source: Source, statistics: SceneStatistics | None = None) -> ModelFuser:
        """Returns the model bound to a scene, or to a part of the scene of `statistics`."""
        return ModelFuser.for_scene(
            self.checkpoint,
            source,
            self.settings,
            precision=self.device.dtype,
            statistics=statistics,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is decided before the first pixel is fused."""

    settings: Settings
    samples: Iterator[Sample]
    """Read one by one."""
    count: int
    """Number of samples; fewer come where some are empty."""
    fusers: Mapping[str, Fuser]
    """Rows of the table, in order."""
    products: Mapping[str, Validity] = field(default_factory=dict)
    """Those of the rows that are read from files."""
    model: Model | None = None
    """Model of one of the rows."""
