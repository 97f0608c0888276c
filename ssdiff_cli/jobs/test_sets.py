"""Test sets of the field: PanCollection's HDF5 files and DLPan's (or PanCollection's) Matlab files."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.sensors import Sensor

__all__ = ["Dataset", "Pixels", "guess_sensor", "open_dataset"]

Pixels = npt.NDArray[np.floating[Any]]
"""Images in DN: float32, or float64 where a test set is stored so (a rounded half is another integer for Q2n)."""


_NAMES = {
    "ms": ("ms", "I_MS_LR"),
    "lms": ("lms", "I_MS"),
    "pan": ("pan", "I_PAN"),
    "gt": ("gt", "I_GT"),
}
"""What each array is called by PanCollection and by the DLPan toolbox."""

Read = Callable[[int], Pixels]
"""Reads one image ``(bands, rows, cols)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """An open test set; images are read one at a time."""

    path: str
    count: int
    """Number of images."""
    bands: int
    ratio: int
    peak: float | None
    """What the file says about its largest value."""
    sensor: str | None
    """What the file says about its sensor."""
    read: Mapping[str, Read]
    """Readers of ``ms``, ``lms``, ``pan`` and, where there is one, the reference ``gt``."""

    @property
    def has_reference(self) -> bool:
        """Whether this is a reduced-resolution set."""
        return "gt" in self.read


@contextmanager
def open_dataset(path: str) -> Iterator[Dataset]:
    """Opens a test set.

    Raises:
        InputError: When the file is missing, of another layout, or its arrays do not fit each other.
        UsageError: When what reads it is not installed.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    with ExitStack() as stack:
        matlab = Path(path).suffix.lower() == ".mat"
        h5py = _library("h5py", path)
        if h5py.is_hdf5(path):
            arrays = stack.enter_context(h5py.File(path, "r"))
            yield _hdf5_matlab(path, arrays) if matlab else _hdf5(path, arrays)
        elif matlab:
            yield _matlab(path, _load_matlab(path))
        else:
            raise InputError(
                f"{path}: neither HDF5 nor a .mat file: give a PanCollection or DLPan test set"
            )


def _library(name: str, path: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"{path}: reading it needs {name.partition('.')[0]}: pip install 'ssdiff-cli[eval]'"
        ) from error


def _load_matlab(path: str) -> Mapping[str, Any]:
    io = _library("scipy.io", path)
    try:
        loaded: Mapping[str, Any] = io.loadmat(path)
    except (OSError, ValueError, NotImplementedError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as a Matlab file ({error})") from error
    return loaded


def _find(path: str, keys: Mapping[str, Any]) -> dict[str, str]:
    """Returns the key of each array.

    Raises:
        InputError: When one that is needed is missing.
    """
    found = {
        name: next((key for key in names if key in keys), None) for name, names in _NAMES.items()
    }
    missing = [name for name, key in found.items() if key is None and name != "gt"]
    if missing:
        there = ", ".join(sorted(key for key in keys if not key.startswith("_"))) or "nothing"
        raise InputError(
            f"{path}: has no {' or '.join(_NAMES[missing[0]])} (it holds {there}): not a test set of a known layout"
        )
    return {name: key for name, key in found.items() if key is not None}


def _hdf5(path: str, file: Mapping[str, Any]) -> Dataset:
    """PanCollection: ``(images, bands, rows, cols)``."""
    keys = _find(path, file)
    arrays = {name: file[key] for name, key in keys.items()}
    wrong = next((name for name, array in arrays.items() if array.ndim != 4), None)
    if wrong:
        raise InputError(
            f"{path}: {wrong} has shape {arrays[wrong].shape}, not (images, bands, rows, cols)"
        )
    reads = {name: _reader(path, name, array) for name, array in arrays.items()}
    return _dataset(path, {name: array.shape for name, array in arrays.items()}, reads, {})


def _hdf5_matlab(path: str, file: Mapping[str, Any]) -> Dataset:
    """Matlab 7.3 keeps arrays in HDF5 with their axes reversed."""
    keys = _find(path, file)
    arrays = {name: np.asarray(file[key]).T for name, key in keys.items()}
    extra = {key: np.asarray(file[key]) for key in ("ratio", "L") if key in file}
    return _matlab_dataset(path, arrays, extra)


def _matlab(path: str, values: Mapping[str, Any]) -> Dataset:
    keys = _find(path, values)
    extra = {key: values[key] for key in ("ratio", "L", "sensor") if key in values}
    return _matlab_dataset(
        path, {name: np.asarray(values[key]) for name, key in keys.items()}, extra
    )


def _matlab_dataset(
    path: str, arrays: Mapping[str, npt.NDArray[Any]], extra: Mapping[str, Any]
) -> Dataset:
    """Matlab: ``(rows, cols, bands)``, or ``(images, rows, cols, bands)``; a PAN has no bands."""
    many = arrays["ms"].ndim == 4
    first = {name: _channels_first(array, many=many) for name, array in arrays.items()}
    wrong = next((name for name, array in first.items() if array.ndim != 4), None)
    if wrong:
        raise InputError(
            f"{path}: {wrong} has shape {arrays[wrong].shape}, not (rows, cols, bands)"
        )
    reads = {name: _reader(path, name, array) for name, array in first.items()}
    return _dataset(path, {name: array.shape for name, array in first.items()}, reads, extra)


def _channels_first(array: npt.NDArray[Any], *, many: bool) -> npt.NDArray[Any]:
    images = array if many else array[None]
    if images.ndim == 3:
        images = images[..., None]
    return np.moveaxis(images, -1, 1)


def _reader(path: str, name: str, array: Any) -> Read:  # noqa: ANN401 (a NumPy array or an HDF5 dataset)
    def read(index: int) -> Pixels:
        try:
            image = np.ascontiguousarray(array[index], dtype=np.float64)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: {name} of image {index} cannot be read ({error})") from error
        if not np.isfinite(image).all():
            raise InputError(f"{path}: {name} of image {index} has non-finite values")
        return image

    return read


def _dataset(
    path: str,
    shapes: Mapping[str, tuple[int, ...]],
    reads: Mapping[str, Read],
    extra: Mapping[str, Any],
) -> Dataset:
    count, bands, rows, cols = shapes["ms"]
    ratio = round(shapes["pan"][2] / max(rows, 1))
    grid = (ratio * rows, ratio * cols)
    expected = {"lms": (count, bands, *grid), "pan": (count, 1, *grid), "gt": (count, bands, *grid)}
    for name, shape in shapes.items():
        if name in expected and tuple(shape) != expected[name]:
            raise InputError(
                f"{path}: {name} has shape {tuple(shape)}, with ms {shapes['ms']} it must be {expected[name]}"
            )
    if not count or ratio < 2:
        raise InputError(f"{path}: holds {count} images at ratio {ratio}: nothing to fuse")
    bits = extra.get("L")
    return Dataset(
        path=path,
        count=count,
        bands=bands,
        ratio=ratio,
        peak=2.0 ** float(np.ravel(bits)[0]) - 1 if bits is not None else None,
        sensor=str(np.ravel(extra["sensor"])[0]) if "sensor" in extra else None,
        read=reads,
    )


def guess_sensor(dataset: Dataset) -> Sensor | None:
    """Returns the sensor that the file, or else its name (``test_wv3_multiExm1.h5``), tells."""
    words = [
        dataset.sensor or "",
        *Path(dataset.path).stem.lower().replace("-", "_").replace("(", "_").split("_"),
    ]
    for word in words:
        try:
            found = sensors.get(word)
        except UsageError:
            continue
        return found
    return None
