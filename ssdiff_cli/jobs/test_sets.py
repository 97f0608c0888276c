"""Test sets of the field: PanCollection's HDF5 files, DLPan's and PanCollection's Matlab files."""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import InputError, SsdiffError, UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.sensors import Sensor

__all__ = ["Dataset", "Pixels", "guess_sensor", "open_dataset"]

Pixels = npt.NDArray[np.floating[Any]]
"""Images in DN: float32, or float64 where a test set has it (Q2n rounds halves to integers)."""

_NAMES = {
    "ms": ("ms", "I_MS_LR"),
    "lms": ("lms", "I_MS"),
    "pan": ("pan", "I_PAN"),
    "gt": ("gt", "I_GT"),
}
"""Names of each array in PanCollection and in the DLPan toolbox."""


LARGEST = 2**34
"""Bytes of one array in double precision: the largest training sets of the field have a fifth."""
NUMBERS = "buif"
"""NumPy's kinds of real numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """An open test set; images are read one at a time."""

    path: str
    arrays: Mapping[str, Any]
    """``ms``, ``lms``, ``pan`` and maybe the reference ``gt``: ``(images, bands, rows, cols)``."""
    peak: float | None = None
    """Largest value, where the file says it."""
    sensor: str | None = None
    """Name of the sensor, where the file says it."""

    def __post_init__(self) -> None:
        ms = tuple(self.arrays["ms"].shape)
        if len(ms) != 4:
            raise InputError(f"{self.path}: ms has shape {ms}, not (images, bands, rows, cols)")
        count, bands, rows, cols = ms
        ratio = self.ratio
        fused = (count, bands, ratio * rows, ratio * cols)
        expected = {"ms": ms, "lms": fused, "pan": (count, 1, *fused[2:]), "gt": fused}
        for name, array in self.arrays.items():
            shape = tuple(array.shape)
            right = expected[name]
            if shape != right:
                raise InputError(
                    f"{self.path}: {name} has shape {shape}, with ms {ms} it must be {right}"
                )
        if not count or ratio < 2:
            raise InputError(f"{self.path}: holds {count} images at ratio {ratio}: nothing to fuse")

    @property
    def count(self) -> int:
        """Number of images."""
        return int(self.arrays["ms"].shape[0])

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        return int(self.arrays["ms"].shape[1])

    @property
    def ratio(self) -> int:
        """PAN pixels per MS pixel."""
        rows = int(self.arrays["ms"].shape[-2])
        return round(int(self.arrays["pan"].shape[-2]) / max(rows, 1))

    @property
    def has_reference(self) -> bool:
        """Whether this is a reduced-resolution set."""
        return "gt" in self.arrays

    def read(self, name: str, index: int) -> Pixels:
        """Reads ``(bands, rows, cols)`` of one array.

        Raises:
            InputError: When the image is damaged or not finite.
        """
        with _damage(f"{self.path}: {name} of image {index}"):
            image = np.ascontiguousarray(self.arrays[name][index], dtype=np.float64)
        if not np.isfinite(image).all():
            raise InputError(f"{self.path}: {name} of image {index} has non-finite values")
        return image


@contextmanager
def open_dataset(path: str) -> Iterator[Dataset]:
    """Opens a test set.

    Raises:
        InputError: When the file is missing, of another layout, or its arrays do not fit.
        UsageError: When the library that reads it is not installed.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    matlab = Path(path).suffix.lower() == ".mat"
    h5py = _library("h5py", path)
    if h5py.is_hdf5(path):
        with ExitStack() as stack:
            with _damage(path):
                file = stack.enter_context(h5py.File(path, "r"))
                dataset = (
                    _hdf5_matlab(path, file)
                    if matlab
                    else Dataset(path=path, arrays=_arrays(path, file))
                )
            yield dataset
    elif matlab:
        with _damage(path):
            dataset = _matlab(path, _load_matlab(path))
        yield dataset
    else:
        raise InputError(
            f"{path}: neither HDF5 nor a .mat file: give a PanCollection or DLPan test set"
        )


@contextmanager
def _damage(path: str) -> Iterator[None]:
    """Turns what h5py and scipy raise for damaged files, which may be nearly anything.

    Raises:
        InputError: Instead of it.
    """
    try:
        yield
    except (SsdiffError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: cannot be read ({reason or type(error).__name__}): is the file damaged?"
        ) from error


def _bounded(path: str, name: str, array: Any) -> Any:  # noqa: ANN401 (HDF5's or NumPy's)
    """Refuses what is no array of numbers, or too large to be read whole."""
    shape = getattr(array, "shape", None)
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    if shape is None or kind not in NUMBERS:
        raise InputError(f"{path}: {name} is no array of numbers: not a test set")
    if 8 * math.prod(shape) > LARGEST:
        raise InputError(f"{path}: {name} has shape {tuple(shape)}: larger than any test set")
    return array


def _library(name: str, path: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"{path}: reading it needs {name.partition('.')[0]}: pip install 'ssdiff-cli[eval]'"
        ) from error


def _load_matlab(path: str) -> Mapping[str, Any]:
    return dict(_library("scipy.io", path).loadmat(path))


def _arrays(path: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arrays under PanCollection's names."""
    arrays = {}
    for name, aliases in _NAMES.items():
        known = [alias for alias in aliases if alias in values]
        if known:
            arrays[name] = _bounded(path, known[0], values[known[0]])
        elif name != "gt":
            keys = sorted(key for key in values if not key.startswith("_"))
            raise InputError(
                f"{path}: has no {' or '.join(aliases)} (it holds {', '.join(keys) or 'nothing'}): "
                "not a test set of a known layout"
            )
    return arrays


def _hdf5_matlab(path: str, file: Mapping[str, Any]) -> Dataset:
    # Matlab 7.3 keeps arrays in HDF5 with their axes reversed, and texts as numbers.
    values = {name: np.asarray(array).T for name, array in _arrays(path, file).items()}
    if "L" in file:
        values["L"] = np.asarray(file["L"])
    return _matlab(path, values)


def _matlab(path: str, values: Mapping[str, Any]) -> Dataset:
    """Takes arrays ``([images,] rows, cols, bands)``; a PAN has no bands."""
    stored = {name: np.asarray(array) for name, array in _arrays(path, values).items()}
    many = stored["ms"].ndim == 4
    arrays = {name: _channels_first(array, many=many) for name, array in stored.items()}
    peak = 2.0 ** float(np.ravel(values["L"])[0]) - 1 if "L" in values else None
    sensor = str(np.ravel(values["sensor"])[0]) if "sensor" in values else None
    return Dataset(path=path, arrays=arrays, peak=peak, sensor=sensor)


def _channels_first(array: npt.NDArray[Any], *, many: bool) -> npt.NDArray[Any]:
    images = array if many else array[None]
    if images.ndim == 3:
        images = images[..., None]
    return np.moveaxis(images, -1, 1)


def guess_sensor(dataset: Dataset) -> Sensor | None:
    """Returns the sensor that the file names, or else its name (``test_wv3_multiExm1.h5``)."""
    stem = Path(dataset.path).stem.lower().replace("-", "_").replace("(", "_")
    for word in (dataset.sensor or "", *stem.split("_")):
        with suppress(UsageError):
            return sensors.get(word)
    return None
