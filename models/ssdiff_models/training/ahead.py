"""The next batch is drawn while a device computes: it does not wait for the processor."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from ssdiff_models.training.batches import Batch

__all__ = ["Ahead", "Draws", "drawn_ahead"]


class Draws(Protocol):
    """Draws the batch of a step; that of `BatchSampler` depends on the step alone, so it may come early."""

    def draw(self, step: int) -> Batch:
        """Returns the batch."""
        ...


class Ahead:
    """Draws of another, one step ahead on a thread of its own."""

    def __init__(self, draws: Draws, thread: ThreadPoolExecutor) -> None:
        self._draws, self._thread = draws, thread
        self._next: tuple[int, Future[Batch]] | None = None

    def draw(self, step: int) -> Batch:
        """Returns the batch of a step, and begins with that of the next one."""
        waiting = self._next[1] if self._next is not None and self._next[0] == step else None
        batch = self._draws.draw(step) if waiting is None else waiting.result()
        self._next = (step + 1, self._thread.submit(self._draws.draw, step + 1))
        return batch


@contextmanager
def drawn_ahead(draws: Draws) -> Iterator[Ahead]:
    """Yields draws that are a step ahead; the thread ends with the block."""
    with ThreadPoolExecutor(1, thread_name_prefix="ssdiff-batches") as thread:
        yield Ahead(draws, thread)
