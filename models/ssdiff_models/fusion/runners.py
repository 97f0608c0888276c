"""Runs a fuser over tiles, in order: on threads of a CPU, or in batches on an accelerator."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.errors import ResourceError
from ssdiff_models.fusion.inputs import InputBatch, InputTile
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.parallel.memory_budget import WorkerLimit, is_out_of_memory
from ssdiff_models.parallel.threads import ordered_map, single_threaded
from ssdiff_models.scene.source import FloatArray

__all__ = ["BatchRunner", "Runner", "ThreadRunner"]

FusedTile = tuple[InputTile, FloatArray]
Pending = tuple[Sequence[InputTile], Tensor, "torch.cuda.Event | None"]
"""A batch on its way back, ``(B, layers, rows, cols)``, and the event of its arrival."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRunner:
    """Runs each tile on one thread, several tiles at a time.

    So no pixel depends on the number of threads, and threads never wait for each other inside an
    operator. Where memory runs out, half as many tiles are run at a time.
    """

    workers: int

    @property
    def read_ahead(self) -> int:
        """Tiles worth reading before they are needed."""
        return self.workers

    def run(self, fuser: ModelFuser, tiles: Iterable[InputTile]) -> Iterator[FusedTile]:
        """Yields each tile with ``(layers, rows, cols)`` float32 in DN: see `ModelFuser.fuse`.

        Raises:
            ResourceError: When memory does not suffice for one tile alone.
        """
        stop = Event()
        limit = WorkerLimit(self.workers)

        def fuse(tile: InputTile) -> FusedTile:
            while (fused := _try_one(fuser, tile, stop, limit)) is None:
                pass
            return tile, fused

        yield from ordered_map(
            fuse, tiles, workers=self.workers, initializer=single_threaded, stop=stop
        )


def _try_one(
    fuser: ModelFuser, tile: InputTile, stop: Event, limit: WorkerLimit
) -> FloatArray | None:
    """Fuses a tile; where memory runs out, lowers the limit and returns None."""
    with limit.slot() as places:
        try:
            return _fuse_one(fuser, tile, stop)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if places == 1:
                remedy = "choose a smaller --tile or fewer --num-threads"
                raise _too_large(torch.device("cpu"), tile, remedy) from error
    if limit.halve(places):
        _log.warning(
            "too little memory for %d tiles at a time: %d from now on", places, limit.places
        )
    return None


@torch.inference_mode()
def _fuse_one(fuser: ModelFuser, tile: InputTile, stop: Event) -> FloatArray:
    if tile.blank:
        return np.zeros((fuser.layers, *tile.window.shape), np.float32)
    fused: FloatArray = fuser.fuse(InputBatch.of([tile]), stop)[0].numpy()
    return fused


def _too_large(device: torch.device, tile: InputTile, remedy: str) -> ResourceError:
    rows, cols = tile.window.shape
    return ResourceError(f"{device}: no memory for one tile of {rows} x {cols} pixels: {remedy}")


@dataclass(slots=True, kw_only=True)
class BatchRunner:
    """Runs tiles in batches; the next batch is sent while the last one is computed and fetched."""

    device: torch.device
    batch: int
    """Tiles at a time; halved when the device's memory runs out."""

    @property
    def read_ahead(self) -> int:
        """Tiles worth reading before they are needed."""
        return self.batch

    def run(self, fuser: ModelFuser, tiles: Iterable[InputTile]) -> Iterator[FusedTile]:
        """Yields each tile with ``(layers, rows, cols)`` float32 in DN: see `ModelFuser.fuse`.

        Raises:
            ResourceError: When not even one tile fits into the device's memory.
        """
        waiting: list[Pending] = []
        for batch in self._batches(tiles):
            waiting.extend(self._submit(fuser, batch))
            while len(waiting) > 1:
                yield from _collect(waiting.pop(0))
        for pending in waiting:
            yield from _collect(pending)

    def _batches(self, tiles: Iterable[InputTile]) -> Iterator[list[InputTile]]:
        """Groups neighbours of one shape that are all blank, or none of them."""
        batch: list[InputTile] = []
        for tile in tiles:
            if batch and (len(batch) >= self.batch or _kind(tile) != _kind(batch[0])):
                yield batch
                batch = []
            batch.append(tile)
        if batch:
            yield batch

    @torch.inference_mode()
    def _submit(self, fuser: ModelFuser, tiles: Sequence[InputTile]) -> list[Pending]:
        """Starts a batch; where memory runs out, two batches of half the size."""
        if tiles[0].blank:
            return [(tiles, torch.zeros(len(tiles), fuser.layers, *tiles[0].window.shape), None)]
        try:
            fused = fuser.fuse(InputBatch.of(tiles).sent(self._send))
            return [(tiles, *self._fetch(fused))]
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(tiles) == 1:
                remedy = "choose a smaller --tile or --device cpu"
                raise _too_large(self.device, tiles[0], remedy) from error
        # Outside the handler, or the failed call's tensors would still be alive.
        half = len(tiles) // 2
        _log.warning(
            "%s: too little memory for %d tiles at a time: %d from now on",
            *(self.device, len(tiles), half),
        )
        self.batch = half
        if self.device.type != "cpu":
            torch.get_device_module(self.device).empty_cache()
        return self._submit(fuser, tiles[:half]) + self._submit(fuser, tiles[half:])

    def _send(self, images: Tensor) -> Tensor:
        if self.device.type != "cuda":
            return images.to(self.device)
        return images.pin_memory().to(self.device, non_blocking=True)

    def _fetch(self, fused: Tensor) -> tuple[Tensor, "torch.cuda.Event | None"]:
        if self.device.type != "cuda":
            return fused.cpu(), None
        target = torch.empty(fused.shape, dtype=fused.dtype, pin_memory=True)
        target.copy_(fused, non_blocking=True)
        arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrival.record()
        return target, arrival


def _kind(tile: InputTile) -> tuple[tuple[int, int], bool]:
    return tile.window.shape, tile.blank


def _collect(pending: Pending) -> Iterator[FusedTile]:
    tiles, fused, arrival = pending
    if arrival is not None:
        arrival.synchronize()
    for tile, image in zip(tiles, fused, strict=True):
        yield tile, image.numpy()


Runner = ThreadRunner | BatchRunner
