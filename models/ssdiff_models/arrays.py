"""Fuses arrays in memory by the tiles of the command: the same pixels at the same precision."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.crispness import as_crisp_as_asked
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.runners import BatchRunner, Runner, ThreadRunner
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.fusion.stream import fuse_tiles, model_grid
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.dtypes import cast, default_limits

__all__ = ["sharpen"]

Progress = Callable[[int, int], None]
"""``progress(done, total)``, in blocks."""


def sharpen(  # noqa: PLR0913 - a notebook wants keywords, not objects
    pan: npt.NDArray[Any] | torch.Tensor,
    ms: npt.NDArray[Any] | torch.Tensor,
    checkpoint: Checkpoint,
    *,
    settings: FusionSettings | None = None,
    device: str = "cpu",
    workers: int | None = None,
    batch: int = 16,
    precision: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> npt.NDArray[Any]:
    """Fuses a PAN and an MS array, or tensors, as ``ssdiff sharpen`` does the same rasters.

    Args:
        pan: ``(rows, cols)``, DN.
        ms: ``(bands, rows/ratio, cols/ratio)``, DN; pixel i is centred at PAN index
            ``ratio*i + checkpoint.ms_phase``: the corners coincide for the shipped models.
        checkpoint: From `load_checkpoint`; it is not changed.
        settings: Steps, seed, samples, tile and the like; the model's own by default.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        workers: Tiles at a time on a CPU, one thread each; None: torch's number of threads.
        batch: Tiles at a time on another device.
        precision: Arithmetic of the network; the command takes ``torch.bfloat16`` on GPUs, and
            on processors that multiply it.
        progress: Called with the blocks done and their total.

    The result is ``(bands, rows, cols)`` in the dtype of `ms`: integers are rounded and clipped.

    Raises:
        SsdiffError: When arrays, model and device do not fit each other, or hold no finite values.
    """
    pan, ms = _array(pan), _array(ms)
    ratio = _ratio(pan, ms, checkpoint.ratio)
    source = ArraySource(pan=pan.astype(np.float32), ms=ms.astype(np.float32), ratio=ratio)
    settings = settings or FusionSettings.of(checkpoint, limits=default_limits(ms.dtype))
    prepared = replace(checkpoint, network=checkpoint.network.prepared(torch.device(device)))
    fuser = ModelFuser.for_scene(prepared, source, settings, precision=precision)
    runner: Runner = ThreadRunner(workers=workers or torch.get_num_threads())
    if device != "cpu":
        runner = BatchRunner(device=torch.device(device), batch=batch)
    fuser = as_crisp_as_asked(fuser, source, runner)
    return _fused(source, fuser, runner, ms.dtype, progress)


def _array(image: npt.NDArray[Any] | torch.Tensor) -> npt.NDArray[Any]:
    return image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else image


def _fused(
    source: ArraySource,
    fuser: ModelFuser,
    runner: Runner,
    dtype: np.dtype[Any],
    progress: Progress | None,
) -> npt.NDArray[Any]:
    grid = model_grid(source, fuser)
    output = np.empty((source.bands, source.rows, source.cols), dtype)
    for done, block in enumerate(fuse_tiles(source, fuser, runner), 1):
        output[:, *block.window.within(source.area)] = cast(block.fused, dtype)
        if progress is not None:
            progress(done, grid.tile_rows * grid.tile_cols)
    return output


def _ratio(pan: npt.NDArray[Any], ms: npt.NDArray[Any], expected: int) -> int:
    """Returns the ratio of the shapes, which the source checks; of odd shapes, the expected one."""
    measured = round(pan.shape[0] / ms.shape[-2]) if ms.ndim == 3 and ms.shape[-2] else 0
    return measured or expected
