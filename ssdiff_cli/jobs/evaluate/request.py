"""What an evaluation is asked for."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal

import numpy as np

from ssdiff_cli.device import DeviceOptions
from ssdiff_cli.jobs.evaluate.method_names import DEFAULT_METHODS, needs_model
from ssdiff_cli.jobs.sharpen.job import NETWORK
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.sensors import Sensor

__all__ = ["EvaluationRequest", "Outputs", "full_scale"]

CROP = 21
"""Border cut of the DLPan toolbox where there is a reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What is made of the scores."""

    csv: str | None = None
    """File for all scores."""
    report: str | None = None
    """File for an HTML page with pictures."""
    quicklook: str | None = None
    """PNG file for PAN, MS and the first product, side by side."""
    overwrite: bool = False
    """Whether existing files are replaced."""
    fail_if: tuple[str, ...] = ()
    """Conditions, as the user wrote them."""

    @property
    def files(self) -> tuple[str, ...]:
        """All of them."""
        named = (self.csv, self.report, self.quicklook)
        return tuple(path for path in named if path is not None)

    def check_drawing(self) -> None:
        """Refuses, before any work, pictures without what draws them.

        Raises:
            UsageError: When it is not installed.
        """
        drawn = self.report or self.quicklook
        if drawn and not all(map(find_spec, ("jinja2", "matplotlib"))):
            raise UsageError(
                f"{drawn}: needs jinja2 and matplotlib: pip install 'ssdiff-cli[report]'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What to score, and how. One of the four sources is set."""

    reduced: tuple[str, str] | None = None
    """PAN and MS to degrade by Wald's protocol."""
    full: tuple[str, str] | None = None
    """PAN and MS to fuse as they are."""
    dataset: str | None = None
    """A test set of PanCollection or DLPan."""
    reference: str | None = None
    """A raster on the grid of `fused`."""
    fused: tuple[str, ...] = ()
    """Products to score, with `full` or `reference`."""
    methods: tuple[str, ...] | None = None
    """Methods to fuse with; None is the default ones."""
    sensor: str | None = None
    """Sensor whose MTF and full scale count; None is the test set's, or estimated from a pair."""
    model: str | None = None
    """Name or file; None is the shipped model that fits."""
    steps: int | None = None
    """Sampling steps; None is the model's own number."""
    seed: int = 0
    device: DeviceOptions = field(default_factory=DeviceOptions)
    pair: PairOptions = field(default_factory=PairOptions)
    """How `reduced` or `full` is read."""
    register: Literal["no", "global", "local"] = "no"
    """Whether the MS of a pair is moved to fit its PAN."""
    crop: int | None = None
    """Border cut in pixels of the scored grid; None is 21 where there is a reference, else 0."""
    windows: int | None = None
    """Windows to sample; None is the whole scene unless it is large."""
    ratio: int | None = None
    """PAN pixels per MS pixel; None is the data's."""
    outputs: Outputs = field(default_factory=Outputs)

    def __post_init__(self) -> None:
        sources = (self.reduced, self.full, self.dataset, self.reference)
        if sum(source is not None for source in sources) != 1:
            raise UsageError(
                "give one of --reduced-res PAN MS, --full-res PAN MS, --dataset FILE, or "
                "--fused F --reference GT"
            )
        self._check_products()
        if (self.crop or 0) < 0 or (self.windows or 1) < 1:
            raise UsageError("--crop cannot be negative, and --windows must be 1 or more")
        if self.windows is not None and self.dataset is not None:
            raise UsageError("--windows is for scenes: a test set's images are scored whole")
        if self.full is not None and self.crop:
            raise UsageError("full resolution has no border cut: leave out --crop")
        sensors.get(self.sensor or "generic")

    def _check_products(self) -> None:
        if self.reference is not None and not self.fused:
            raise UsageError("--reference needs the products to score: --fused FILE")
        if self.fused and not (self.full or self.reference):
            raise UsageError("--fused goes with --full-res PAN MS or with --reference GT")
        if self.outputs.quicklook is not None and not (self.full and self.fused):
            raise UsageError("--quicklook draws --full-res PAN MS and a product: --fused FILE")
        if self.reference is not None and self.methods is not None:
            raise UsageError(
                "--methods needs a PAN and an MS: with --reference only given products are scored"
            )
        named = self.model is not None or self.steps is not None
        if named and not needs_model(self.fusing_methods):
            raise UsageError(
                f"--model and --steps are for the method {NETWORK}, which is not asked for: "
                "leave them out, or add it"
            )

    @property
    def files(self) -> tuple[str, ...]:
        """Everything that is read, by the names that GDAL gets."""
        pairs = (self.reduced or ()) + (self.full or ())
        named = (self.dataset, self.reference, self.model)
        others = (name for name in named if name is not None)
        return (*pairs, *self.fused, *others, *self.pair.files)

    @property
    def fusing_methods(self) -> tuple[str, ...]:
        """The methods to fuse with: those asked for, or the default ones."""
        if self.methods is not None:
            return self.methods
        return ("exp",) if self.fused else DEFAULT_METHODS

    @property
    def model_is_optional(self) -> bool:
        """Whether methods that need a model are left out when there is none."""
        return self.methods is None and self.model is None

    @property
    def known_sensor(self) -> Sensor:
        """The sensor that the user named, or the generic one."""
        return sensors.get(self.sensor or "generic")

    @property
    def pair_paths(self) -> tuple[str, str]:
        """PAN and MS of `reduced` or `full`."""
        paths = self.reduced or self.full
        assert paths is not None
        return paths

    @property
    def border(self) -> int:
        """The border cut where there is a reference."""
        return CROP if self.crop is None else self.crop


def full_scale(sensor: Sensor, largest: float, dtype: np.dtype[np.generic] | None = None) -> float:
    """Returns the peak for PSNR and SSIM.

    It is the sensor's full scale, or all bits of `largest` where the data are not its DN.
    """
    eight_bits = dtype is not None and dtype.itemsize == 1
    if (
        sensor.name not in {"generic", sensors.AUTO}
        and largest <= sensor.full_scale
        and not eight_bits
    ):
        return sensor.full_scale
    bits = int(np.ceil(np.log2(max(largest, 1) + 1)))
    return float(2 ** max(bits, 8) - 1)
