"""Ways to run a fuser over tiles: a thread a tile on a CPU, batches with overlapped transfers on an accelerator. The order is kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_models.errors import ResourceError
from ssdiff_models.fusing import ModelFuser, PreparedTile
from ssdiff_models.pipeline import ordered_map
from ssdiff_models.scene import FloatArray

__all__ = ["BatchRunner", "Runner", "ThreadRunner"]

Fused = tuple[PreparedTile, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRunner:
    """Runs each tile on one thread, several tiles at a time.

    A tile's arithmetic is then the same whatever the number of threads, and threads never wait for each other inside an operator.
    """

    workers: int

    def run(self, fuser: ModelFuser, tiles: Iterable[PreparedTile]) -> Iterator[Fused]:
        """Yields each tile with ``(2*bands, rows, cols)`` float32, mean and standard deviation in DN."""
        yield from ordered_map(lambda tile: _fuse_one(fuser, tile), tiles, workers=self.workers, initializer=_single_threaded)


def _single_threaded() -> None:
    torch.set_num_threads(1)


@torch.inference_mode()
def _fuse_one(fuser: ModelFuser, tile: PreparedTile) -> Fused:
    if tile.blank:
        return tile, _blank(tile)
    return tile, fuser.fuse(tile.lms[None], tile.pan[None], tile.ms[None], tile.noise[None])[0].numpy()


def _blank(tile: PreparedTile) -> FloatArray:
    bands, rows, cols = tile.lms.shape
    zeros: FloatArray = torch.zeros(2 * bands, rows, cols).numpy()
    return zeros


@dataclass(slots=True, kw_only=True)
class BatchRunner:
    """Runs tiles of one shape in batches; the next batch is on its way to the device while the last one is computed and fetched."""

    device: torch.device
    batch: int
    """Tiles at a time; halved when the device's memory does not suffice."""

    def run(self, fuser: ModelFuser, tiles: Iterable[PreparedTile]) -> Iterator[Fused]:
        """Yields each tile with ``(2*bands, rows, cols)`` float32, mean and standard deviation in DN.

        Raises:
            ResourceError: When not even one tile fits into the device's memory.
        """
        waiting: list[tuple[list[PreparedTile], Tensor, torch.cuda.Event | None]] = []
        for chunk in self._chunks(tiles):
            waiting.extend(self._submit(fuser, chunk))
            while len(waiting) > 1:
                yield from _collect(*waiting.pop(0))
        for submitted in waiting:
            yield from _collect(*submitted)

    def _chunks(self, tiles: Iterable[PreparedTile]) -> Iterator[list[PreparedTile]]:
        """Groups neighbours of one shape and kind."""
        chunk: list[PreparedTile] = []
        for tile in tiles:
            if chunk and (len(chunk) >= self.batch or tile.lms.shape != chunk[0].lms.shape or tile.blank != chunk[0].blank):
                yield chunk
                chunk = []
            chunk.append(tile)
        if chunk:
            yield chunk

    @torch.inference_mode()
    def _submit(
        self, fuser: ModelFuser, chunk: list[PreparedTile]
    ) -> list[tuple[list[PreparedTile], Tensor, "torch.cuda.Event | None"]]:
        if chunk[0].blank:
            return [(chunk, torch.stack([torch.from_numpy(_blank(tile)) for tile in chunk]), None)]
        try:
            inputs = [
                self._send(torch.stack(images)) for images in zip(*((t.lms, t.pan, t.ms, t.noise) for t in chunk), strict=True)
            ]
            return [(chunk, *self._fetch(fuser.fuse(*inputs)))]
        except torch.OutOfMemoryError as error:
            if len(chunk) == 1:
                raise ResourceError(
                    f"{self.device}: no memory for one tile of {tuple(chunk[0].lms.shape[1:])} pixels: choose a smaller --tile or --device cpu"
                ) from error
        # Outside the handler, or the failed call's tensors would still be alive.
        self.batch = max(len(chunk) // 2, 1)
        torch.cuda.empty_cache()
        half = len(chunk) // 2
        return self._submit(fuser, chunk[:half]) + self._submit(fuser, chunk[half:])

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


def _collect(chunk: list[PreparedTile], fused: Tensor, done: "torch.cuda.Event | None") -> Iterator[Fused]:
    if done is not None:
        done.synchronize()
    for tile, image in zip(chunk, fused, strict=True):
        yield tile, image.numpy()


Runner = ThreadRunner | BatchRunner
