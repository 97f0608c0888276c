"""Threads behind generators: read ahead, and map in parallel while keeping the order. Errors and early stops reach both ends."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["ordered_map", "prefetch", "single_threaded"]


def single_threaded() -> None:
    """Makes the calling thread run operators alone; its number of threads changes no sum then."""
    torch.set_num_threads(1)


Item = TypeVar("Item")
Result = TypeVar("Result")
_POLL = 0.1
_END = object()


def prefetch(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yields the items of an iterable that a thread runs up to `depth` items ahead; its exception is raised here.

    Whoever starts it closes it: until then the thread reads on, even after an error elsewhere, from files that may be closed by then.
    """
    waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
    stop = threading.Event()
    failure: list[BaseException] = []

    def run() -> None:
        try:
            for item in items:
                if not _put(waiting, item, stop):
                    return
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, which raises it
            failure.append(error)
        _put(waiting, _END, stop)

    thread = threading.Thread(target=run, name="ssdiff-reader", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stop.set()
        thread.join()


def _put(waiting: "queue.Queue[object]", item: object, stop: threading.Event) -> bool:
    """Puts an item as soon as there is room; tells whether the consumer is still there."""
    while not stop.is_set():
        try:
            waiting.put(item, timeout=_POLL)
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
    """Yields ``function(item)`` in the order of the items, `workers` of them at work at a time and one more waiting each.

    Args:
        function: What to do with each item, on a thread.
        items: The items.
        workers: Number of threads.
        initializer: Called by each thread when it starts.
        stop: Set here as soon as nobody waits for results any more; what is still at work may then give up.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(
        workers, thread_name_prefix="ssdiff-worker", initializer=initializer
    ) as pool:
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
