"""What to do when memory does not suffice: fewer things at a time, down to one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["WorkerLimit", "is_out_of_memory"]

NAMES = {"MemoryError", "OutOfMemoryError"}
TEXTS = (
    "DefaultCPUAllocator: ", "CUDA out of memory", "CUDA error: out of memory", "MPS backend out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "can't start new thread",
)  # fmt: skip
"""Parts of the messages of plain RuntimeErrors: only some devices' allocators have an exception of their own."""
SENTENCES = {"could not create a primitive", "std::bad_alloc"}
"""Whole messages; oneDNN says little."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on whatever device."""
    # By name, without importing torch: if it raised, it is there.
    names = {base.__name__ for base in type(error).__mro__}
    if names & NAMES:
        return True
    return isinstance(error, RuntimeError) and (
        str(error) in SENTENCES or any(text in str(error) for text in TEXTS)
    )


class WorkerLimit:
    """How many threads may be at work at a time."""

    def __init__(self, places: int) -> None:
        """Takes the number of threads that there are."""
        self._places, self._busy = places, 0
        self._change = threading.Condition()

    @property
    def places(self) -> int:
        """How many may be at work now."""
        return self._places

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Waits for a place; gives how many there are, this one included."""
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
        """Halves the places, once for all those who found that so many are too many; returns whether it was this time."""
        with self._change:
            before, self._places = self._places, max(min(self._places, places // 2), 1)
            return self._places < before
