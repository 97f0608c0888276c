"""The settings of an evaluation that its readers must know."""

import logging
from dataclasses import dataclass

from ssdiff_cli.jobs.evaluate.scores import ProtocolName, UnitName
from ssdiff_models.scene.sensors import Sensor

__all__ = ["Note", "Settings"]


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
        if count > 1:
            spread = "standard deviation (N-1)"
            if self.unit == "window":
                spread = "95 % confidence interval of the mean"
            described.append(("figures", f"mean over {count} {self.unit}s ± {spread}"))
        return described

    @property
    def pooling(self) -> str:
        """How PSNR is computed."""
        return f"pooled over bands, peak {self.peak:g}"
