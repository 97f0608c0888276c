"""Ways to run a fuser over tiles: a thread a tile on a CPU, batches with overlapped transfers on an accelerator. The order is kept."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.consistency.target import Target, stacked_targets
from ssdiff_models.errors import ResourceError
from ssdiff_models.fusion.model_fuser import InputTile, ModelFuser
from ssdiff_models.parallel.memory_budget import WorkerLimit, is_out_of_memory
from ssdiff_models.parallel.threads import ordered_map, single_threaded
from ssdiff_models.scene.source import FloatArray

__all__ = ["BatchRunner", "Runner", "ThreadRunner"]

Fused = tuple[InputTile, FloatArray]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRunner:
    """Runs each tile on one thread, several tiles at a time.

    A tile's arithmetic is then the same whatever the number of threads, and threads never wait for each other inside an operator.
    Where memory does not suffice for so many tiles, half as many are worked on from then on.
    """

    workers: int

    @property
    def ahead(self) -> int:
        """Tiles worth reading ahead."""
        return self.workers

    def run(self, fuser: ModelFuser, tiles: Iterable[InputTile]) -> Iterator[Fused]:
        """Yields each tile with ``(layers, rows, cols)`` float32 in DN: see `ModelFuser.fuse`.

        Raises:
            ResourceError: When memory does not suffice for one tile alone.
        """
        stop, room = Event(), WorkerLimit(self.workers)

        def fuse(tile: InputTile) -> Fused:
            while (fused := _try_one(fuser, tile, stop, room)) is None:
                pass
            return fused

        yield from ordered_map(
            fuse, tiles, workers=self.workers, initializer=single_threaded, stop=stop
        )


def _try_one(fuser: ModelFuser, tile: InputTile, stop: Event, room: WorkerLimit) -> Fused | None:
    """Fuses a tile, or makes room when there was too little memory."""
    with room.slot() as places:
        try:
            return _fuse_one(fuser, tile, stop)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if places == 1:
                raise _no_room(
                    torch.device("cpu"), tile, "choose a smaller --tile or fewer --num-threads"
                ) from error
    if room.halve(places):
        _log.warning(
            "too little memory for %d tiles at a time: %d from now on", places, room.places
        )
    return None


def _no_room(device: torch.device, tile: InputTile, remedy: str) -> ResourceError:
    rows, cols = tile.window.shape
    return ResourceError(f"{device}: no memory for one tile of {rows} x {cols} pixels: {remedy}")


@torch.inference_mode()
def _fuse_one(fuser: ModelFuser, tile: InputTile, stop: Event) -> Fused:
    if tile.blank:
        return tile, _blank(fuser, tile)
    return tile, fuser.fuse(tile.pan[None], tile.ms[None], [tile.window], stop, _given([tile]))[
        0
    ].numpy()


def _given(tiles: Sequence[InputTile]) -> Target | None:
    """Returns the MS of a batch as it was given."""
    return stacked_targets([tile.native_ms for tile in tiles if tile.native_ms is not None])


def _blank(fuser: ModelFuser, tile: InputTile) -> FloatArray:
    return np.zeros((fuser.layers, *tile.window.shape), np.float32)


@dataclass(slots=True, kw_only=True)
class BatchRunner:
    """Runs tiles of one shape in batches; the next batch is on its way to the device while the last one is computed and fetched."""

    device: torch.device
    batch: int
    """Tiles at a time; halved when the device's memory does not suffice."""

    @property
    def ahead(self) -> int:
        """Tiles worth reading ahead: the next batch."""
        return self.batch

    def run(self, fuser: ModelFuser, tiles: Iterable[InputTile]) -> Iterator[Fused]:
        """Yields each tile with ``(layers, rows, cols)`` float32 in DN: see `ModelFuser.fuse`.

        Raises:
            ResourceError: When not even one tile fits into the device's memory.
        """
        waiting: list[tuple[list[InputTile], Tensor, torch.cuda.Event | None]] = []
        for chunk in self._chunks(tiles):
            waiting.extend(self._submit(fuser, chunk))
            while len(waiting) > 1:
                yield from _collect(*waiting.pop(0))
        for submitted in waiting:
            yield from _collect(*submitted)

    def _chunks(self, tiles: Iterable[InputTile]) -> Iterator[list[InputTile]]:
        """Groups neighbours of one shape and kind."""
        chunk: list[InputTile] = []
        for tile in tiles:
            if chunk and (
                len(chunk) >= self.batch
                or tile.window.shape != chunk[0].window.shape
                or tile.blank != chunk[0].blank
            ):
                yield chunk
                chunk = []
            chunk.append(tile)
        if chunk:
            yield chunk

    @torch.inference_mode()
    def _submit(
        self, fuser: ModelFuser, chunk: list[InputTile]
    ) -> list[tuple[list[InputTile], Tensor, "torch.cuda.Event | None"]]:
        if chunk[0].blank:
            return [
                (
                    chunk,
                    torch.stack([torch.from_numpy(_blank(fuser, tile)) for tile in chunk]),
                    None,
                )
            ]
        try:
            pan, ms = (
                self._send(torch.stack(images))
                for images in zip(*((tile.pan, tile.ms) for tile in chunk), strict=True)
            )
            given = _given(chunk)
            sent = given and given.sent(self._send)
            return [
                (
                    chunk,
                    *self._fetch(fuser.fuse(pan, ms, [tile.window for tile in chunk], given=sent)),
                )
            ]
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(chunk) == 1:
                raise _no_room(
                    self.device, chunk[0], "choose a smaller --tile or --device cpu"
                ) from error
        # Outside the handler, or the failed call's tensors would still be alive.
        half = len(chunk) // 2
        _log.warning(
            "%s: too little memory for %d tiles at a time: %d from now on",
            self.device,
            len(chunk),
            half,
        )
        self.batch = half
        self._empty_cache()
        return self._submit(fuser, chunk[:half]) + self._submit(fuser, chunk[half:])

    def _empty_cache(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()

    def _send(self, images: Tensor) -> Tensor:
        if self.device.type != "cuda":
            return images.to(self.device)
        return images.pin_memory().to(self.device, non_blocking=True)

    def _fetch(self, fused: Tensor) -> tuple[Tensor, "torch.cuda.Event | None"]:
        if self.device.type != "cuda":
            return fused.cpu(), None
        target = torch.empty(fused.shape, dtype=fused.dtype, pin_memory=True)
        target.copy_(fused, non_blocking=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record()
        return target, done


def _collect(
    chunk: list[InputTile], fused: Tensor, done: "torch.cuda.Event | None"
) -> Iterator[Fused]:
    if done is not None:
        done.synchronize()
    for tile, image in zip(chunk, fused, strict=True):
        yield tile, image.numpy()


Runner = ThreadRunner | BatchRunner
