"""The shipped models, found by name or by what a scene is."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ssdiff_models.checkpoint import read_header
from ssdiff_models.errors import ModelError
from ssdiff_models.files import WEIGHTS
from ssdiff_models.scene.sensors import get

__all__ = ["Entry", "find_model", "locate", "nearest", "shipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A shipped model, known by its header alone."""

    name: str
    path: Path
    header: dict[str, Any]

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        return int(self.header["config"]["bands"])

    @property
    def ratio(self) -> int:
        """PAN pixels per MS pixel."""
        return int(self.header["ratio"])

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands, empty where unknown."""
        return tuple(self.header["bands"] or ())

    @property
    def sensors(self) -> tuple[str, ...]:
        """Short names of the sensors it was trained on."""
        return tuple(self.header["metadata"].get("sensors", ()))

    def __str__(self) -> str:
        """Returns the name with bands and ratio."""
        return f"{self.name} ({self.bands} bands, ratio {self.ratio})"


@cache
def shipped() -> tuple[Entry, ...]:
    """Returns the models that come with the package."""
    paths = sorted(WEIGHTS.glob("*.safetensors"))
    return tuple(Entry(name=path.stem, path=path, header=read_header(path)) for path in paths)


def locate(name: str) -> Path:
    """Returns the file of a shipped model's name, or of a path.

    Raises:
        ModelError: When neither exists.
    """
    for entry in shipped():
        if entry.name == name:
            return entry.path
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelError(f"{path}: a folder, not a model: name a .safetensors file")
    known = ", ".join(entry.name for entry in shipped()) or "none"
    raise ModelError(f"no model {name!r}: neither a file nor a shipped model (shipped: {known})")


def nearest(*, bands: int, ratio: float, sensor: str | None = None) -> Entry:
    """Returns what `find_model` does, or the model of the nearest ratio.

    Raises:
        ModelError: When no model is shipped.
    """
    ratios = {entry.ratio for entry in shipped()}
    known = min(ratios, key=lambda known: abs(math.log(known / ratio)), default=round(ratio))
    return find_model(bands=bands, ratio=known, sensor=sensor)


def find_model(*, bands: int, ratio: float, sensor: str | None = None) -> Entry:
    """Returns the shipped model for a scene: of its ratio, its band count, its sensor.

    Where none has the band count, it is the one whose band groups cover the scene best.

    Raises:
        ModelError: When no shipped model has the ratio.
    """
    fitting = [entry for entry in shipped() if entry.ratio == ratio]
    if not fitting:
        known = ", ".join(str(entry) for entry in shipped()) or "none is shipped"
        raise ModelError(
            f"no shipped model serves {bands} bands at ratio {ratio:g} (known: {known}): "
            "give one with --model, or use a classical --method"
        )
    name = get(sensor).name if sensor else None

    def rank(entry: Entry) -> tuple[bool, bool, int, bool]:
        fewer_is_better = entry.bands > bands
        distance = abs(entry.bands - bands)
        return entry.bands != bands, fewer_is_better, distance, name not in entry.sensors

    return min(fitting, key=rank)
