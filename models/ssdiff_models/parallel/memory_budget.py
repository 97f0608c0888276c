"""Recovery from a lack of memory: fewer workers at a time, down to one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["WorkerLimit", "is_out_of_memory"]

NAMES = {"MemoryError", "OutOfMemoryError"}
TEXTS = (
    "DefaultCPUAllocator: ", "CUDA out of memory", "CUDA error: out of memory",
    "MPS backend out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
    "can't start new thread",
)  # fmt: skip
"""Parts of the messages of plain RuntimeErrors: few devices' allocators have an own exception."""
SENTENCES = {"could not create a primitive", "std::bad_alloc"}
"""Whole messages; oneDNN says little."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on any device."""
    # By name, without importing torch: if it raised, it is there.
    if NAMES & {base.__name__ for base in type(error).__mro__}:
        return True
    text = str(error)
    known = text in SENTENCES or any(part in text for part in TEXTS)
    return isinstance(error, RuntimeError) and known


class WorkerLimit:
    """The number of threads that may work at a time."""

    def __init__(self, places: int) -> None:
        """Takes the number of threads."""
        self._places = places
        self._busy = 0
        self._change = threading.Condition()

    @property
    def places(self) -> int:
        """The number that may work now."""
        return self._places

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Waits for a place; gives the number of places, this one included."""
        with self._change:
            self._change.wait_for(lambda: self._busy < self._places)
            self._busy += 1
            places = self._places
        try:
            yield places
        finally:
            with self._change:
                self._busy -= 1
                self._change.notify_all()

    def halve(self, places: int) -> bool:
        """Halves the places, once for all who found `places` too many; returns whether it did."""
        with self._change:
            before = self._places
            self._places = max(min(before, places // 2), 1)
            return self._places < before
