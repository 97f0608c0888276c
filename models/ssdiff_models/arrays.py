"""Fusing arrays in memory, as in a notebook: the same tiles, the same pixels as the command."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.errors import InputError
from ssdiff_models.fusion.model_fuser import FusionSettings, ModelFuser
from ssdiff_models.fusion.runners import BatchRunner, Runner, ThreadRunner
from ssdiff_models.fusion.stream import fuse_tiles, model_grid
from ssdiff_models.radiometry import SceneStatistics, cast
from ssdiff_models.scene import FloatArray, Patch, ms_window
from ssdiff_models.statistics import describe, sample_windows
from ssdiff_models.tiles import Window

__all__ = ["ArraySource", "default_limits", "sharpen"]

Progress = Callable[[int, int], None]
"""``progress(done, total)``, in blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySource:
    """A PAN and an MS array on one grid as a `Source`; every pixel counts as valid."""

    pan: FloatArray
    """``(rows, cols)``, DN."""
    ms: FloatArray
    """``(bands, rows/ratio, cols/ratio)``, DN, on the MS model grid."""
    ratio: int

    def __post_init__(self) -> None:
        if self.pan.ndim != 2 or self.ms.ndim != 3:
            raise InputError(f"PAN must be (rows, cols) and MS (bands, rows, cols), got {self.pan.shape} and {self.ms.shape}")
        if self.pan.shape != (self.ms.shape[1] * self.ratio, self.ms.shape[2] * self.ratio):
            raise InputError(f"a PAN of {self.pan.shape} pixels is not {self.ratio} times an MS of {self.ms.shape[1:]}")
        if not (np.isfinite(self.pan).all() and np.isfinite(self.ms).all()):
            raise InputError(
                "PAN or MS has values that are not finite: fill them first, or use the command, which handles nodata"
            )

    @property
    def rows(self) -> int:
        """Height of the PAN grid in pixels."""
        return int(self.pan.shape[0])

    @property
    def cols(self) -> int:
        """Width of the PAN grid in pixels."""
        return int(self.pan.shape[1])

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        return int(self.ms.shape[0])

    @property
    def area(self) -> Window:
        """All of the PAN grid."""
        return Window(row=0, col=0, rows=self.rows, cols=self.cols)

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of the sample that the command takes, too."""
        return SceneStatistics(pan=_sampled(self.pan[None])[0], ms=_sampled(self.ms))

    def read(self, window: Window) -> Patch:
        """Reads one window; it may overhang the scene."""
        rows, cols = np.arange(window.row, window.row_stop), np.arange(window.col, window.col_stop)
        inside = ((rows >= 0) & (rows < self.rows))[:, None] & ((cols >= 0) & (cols < self.cols))
        pan = _mirrored(self.pan[None], window)[0]
        return Patch(pan=pan, ms=_mirrored(self.ms, ms_window(window, self.ratio)), valid=inside)


def _sampled(bands: FloatArray) -> Any:  # noqa: ANN401
    whole = Window(row=0, col=0, rows=bands.shape[1], cols=bands.shape[2])
    return describe([bands[(slice(None), *window.within(whole))].reshape(len(bands), -1) for window in sample_windows(whole)])


def _mirrored(bands: FloatArray, window: Window) -> FloatArray:
    rows = _reflected(np.arange(window.row, window.row_stop), bands.shape[1])
    cols = _reflected(np.arange(window.col, window.col_stop), bands.shape[2])
    return bands[:, rows[:, None], cols]


def _reflected(index: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Mirrors indices at the borders, the edge pixel repeated."""
    wrapped = index % (2 * size)
    return np.where(wrapped < size, wrapped, 2 * size - 1 - wrapped)


def default_limits(dtype: npt.DTypeLike) -> tuple[float, float] | None:
    """Returns the range of an integer type, None for floats: what fused DN are kept in."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        return None
    info = np.iinfo(kind)
    return float(info.min), float(info.max)


def sharpen(  # noqa: PLR0913 - a notebook wants keywords, not objects
    pan: npt.NDArray[Any],
    ms: npt.NDArray[Any],
    checkpoint: Checkpoint,
    *,
    settings: FusionSettings | None = None,
    device: str = "cpu",
    workers: int | None = None,
    batch: int = 16,
    precision: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> npt.NDArray[Any]:
    """Fuses a PAN and an MS array by overlapping tiles; gives the pixels that ``ssdiff sharpen`` gives on the same rasters.

    Args:
        pan: ``(rows, cols)``, DN.
        ms: ``(bands, rows/ratio, cols/ratio)``, DN; the centre of pixel i lies at PAN index ``ratio*i + checkpoint.ms_phase``, which
            for the shipped models means that the outer corners of the two arrays coincide.
        checkpoint: The model, from `load_checkpoint`.
        settings: Steps, sampler, seed, samples, tile, overlap and limits; the model's own by default (``FusionSettings.of``).
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        workers: Tiles at a time on a CPU, one thread each; as many as torch has threads by default.
        batch: Tiles at a time on another device.
        precision: Arithmetic of the network on another device: ``torch.bfloat16`` is the fast one.
        progress: Called with the blocks done and their total.

    Returns:
        ``(bands, rows, cols)`` in the dtype of `ms`: integers are rounded and clipped.

    Raises:
        InputError: When the arrays do not fit each other or hold values that are not finite.
        ModelError: When the model does not fit their ratio.
        ResourceError: When the device's memory does not suffice.
    """
    source = ArraySource(pan=pan.astype(np.float32), ms=ms.astype(np.float32), ratio=_ratio(pan, ms, checkpoint.ratio))
    settings = settings or FusionSettings.of(checkpoint, limits=default_limits(ms.dtype))
    runner: Runner
    if device == "cpu":
        runner = ThreadRunner(workers=workers or torch.get_num_threads())
    else:
        checkpoint.network.to(device)
        runner = BatchRunner(device=torch.device(device), batch=batch)
    fuser = ModelFuser.for_scene(checkpoint, source, settings, precision=precision)
    grid = model_grid(source, fuser)
    output = np.empty((source.bands, source.rows, source.cols), ms.dtype)
    for done, block in enumerate(fuse_tiles(source, fuser, runner), 1):
        output[(slice(None), *block.window.within(source.area))] = cast(block.fused, ms.dtype)
        if progress is not None:
            progress(done, grid.tile_rows * grid.tile_cols)
    return output


def _ratio(pan: npt.NDArray[Any], ms: npt.NDArray[Any], expected: int) -> int:
    measured = round(pan.shape[0] / ms.shape[-2]) if ms.ndim == 3 and ms.shape[-2] else expected
    return measured if measured > 0 else expected
