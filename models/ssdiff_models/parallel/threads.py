"""Threads behind generators: prefetching, and a parallel map that keeps the order.

Errors and early stops reach both ends.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["ordered_map", "prefetch", "single_threaded"]


def single_threaded() -> None:
    """Makes the calling thread run torch operators alone, so that no sum depends on threads."""
    torch.set_num_threads(1)


Item = TypeVar("Item")
Result = TypeVar("Result")
_POLL = 0.1
_END = object()


def prefetch(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yields the items of an iterable that a thread runs up to `depth` items ahead.

    Its exception is raised here. Whoever starts it closes it: until then the thread reads on, even
    after an error elsewhere.
    """
    results: queue.Queue[object] = queue.Queue(maxsize=depth)
    stop = threading.Event()
    failure: list[BaseException] = []

    def run() -> None:
        try:
            for item in items:
                if not _put(results, item, stop):
                    return
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, which raises it
            failure.append(error)
        _put(results, _END, stop)

    thread = threading.Thread(target=run, name="ssdiff-reader", daemon=True)
    thread.start()
    try:
        while (item := results.get()) is not _END:
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stop.set()
        thread.join()


def _put(results: "queue.Queue[object]", item: object, stop: threading.Event) -> bool:
    """Puts an item when the queue has space; returns whether the consumer is still there."""
    while not stop.is_set():
        try:
            results.put(item, timeout=_POLL)
        except queue.Full:
            continue
        return True
    return False


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    initializer: Callable[[], None] | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Result]:
    """Yields ``function(item)`` in the order of the items, on `workers` threads.

    Args:
        function: Called on a thread.
        items: Read as far ahead as twice the workers.
        workers: Number of threads.
        initializer: Called by each thread when it starts.
        stop: Set here once nobody waits for results, so that running calls may give up.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, "ssdiff-worker", initializer) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            if stop is not None:
                stop.set()
            for future in pending:
                future.cancel()
