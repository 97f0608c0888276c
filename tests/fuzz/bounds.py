"""Time and memory that a reader may take on one input."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

__all__ = ["bounded"]

SECONDS = 60
"""A busy machine is slow; a reader that hangs takes longer."""
MORE_MEMORY = 2**30


@contextmanager
def bounded() -> Iterator[None]:
    """Lets the body take some time and a gigabyte more than the process has."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"the reader takes longer than {SECONDS} s")

    handler = signal.signal(signal.SIGALRM, late)
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    size = pages * resource.getpagesize() + MORE_MEMORY
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
