import threading
import time
from collections.abc import Iterator

import pytest

from ssdiff_models.parallel.threads import ordered_map, prefetch


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_order_is_kept_whatever_takes_longest() -> None:
    def slow(item: int) -> int:
        time.sleep(0.002 * (item % 3 == 0))
        return item * item

    assert list(ordered_map(slow, prefetch(range(40), 3), workers=4)) == [
        item * item for item in range(40)
    ]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_short_inputs(count: int) -> None:
    assert list(ordered_map(str, prefetch(range(count), 8), workers=3)) == [
        str(item) for item in range(count)
    ]


def test_reading_ahead_is_bounded() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            read.append(item)
            yield item

    stream = prefetch(items(), 3)
    next(stream)
    time.sleep(0.05)
    # One taken, three waiting, one in the reader's hands.
    assert len(read) <= 5
    stream.close()


def test_mapping_ahead_is_bounded() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    stream = ordered_map(str, items(), workers=2)
    next(stream)
    assert len(taken) <= 5
    stream.close()  # type: ignore[attr-defined]


def failing(item: int) -> int:
    if item == 7:
        raise OSError("item 7")
    return item


def taken_until_error(stream: Iterator[int]) -> list[int]:
    """What a stream gives before it fails at item 7."""
    got: list[int] = []
    with pytest.raises(OSError, match="item 7"):
        got.extend(stream)
    return got


def test_an_error_of_the_reader_arrives_after_what_was_read() -> None:
    assert taken_until_error(prefetch(map(failing, range(20)), 2)) == list(range(7))


def test_an_error_of_a_worker_arrives_in_its_place() -> None:
    assert taken_until_error(ordered_map(failing, prefetch(range(20), 2), workers=3)) == list(
        range(7)
    )


def test_an_early_stop_ends_both_threads_and_closes_the_source() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    stream = ordered_map(str, prefetch(items(), 2), workers=2)
    assert next(stream) == "0"
    stream.close()  # type: ignore[attr-defined]
    assert closed.wait(2)


def test_the_consumers_own_error_leaves_no_thread() -> None:
    def consume() -> None:
        for item in ordered_map(str, prefetch(range(1000), 2), workers=2):
            if item == "5":
                raise KeyError(item)

    with pytest.raises(KeyError):
        consume()


def test_what_is_at_work_is_told_that_nobody_waits() -> None:
    stop = threading.Event()

    def work(item: int) -> int:
        return item if item == 0 else item + int(stop.wait(30))

    started = time.monotonic()
    stream = ordered_map(work, range(10), workers=3, stop=stop)
    assert next(stream) == 0
    stream.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 20


def test_workers_start_with_the_initializer() -> None:
    seen = threading.local()

    def prepare() -> None:
        seen.ready = True

    assert all(ordered_map(lambda _: seen.ready, range(10), workers=3, initializer=prepare))
