"""Fewer things at a time where memory does not suffice."""

import threading

import pytest
import torch

from ssdiff_models.parallel.memory_budget import WorkerLimit, is_out_of_memory


def test_the_real_error_of_the_processors_allocator_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"),
        RuntimeError("could not create a primitive"),
        RuntimeError("can't start new thread"),
    ],
    ids=str,
)
def test_so_are_others(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("could not create a primitive descriptor for a convolution"),
        RuntimeError("shape mismatch"),
        ValueError("CUDA out of memory"),
    ],
    ids=str,
)
def test_other_errors_are_other_errors(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_several_that_fail_at_once_halve_once() -> None:
    limit = WorkerLimit(8)
    assert [limit.halve(8), limit.halve(8), limit.places] == [True, False, 4]
    assert [limit.halve(4), limit.halve(2), limit.halve(1), limit.places] == [True, True, False, 1]


def test_no_more_than_there_are_places_are_at_work() -> None:
    limit, lock, busy, most = WorkerLimit(6), threading.Lock(), 0, {6: 0, 2: 0}
    limit.halve(5)

    def work() -> None:
        nonlocal busy
        for _ in range(50):
            with limit.slot() as places:
                with lock:
                    busy += 1
                    most[places] = max(most[places], busy)
                with lock:
                    busy -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[6] == 0
    assert 1 <= most[2] <= 2


def test_a_place_is_free_again_after_an_error() -> None:
    limit = WorkerLimit(1)
    with pytest.raises(KeyError), limit.slot():
        raise KeyError
    with limit.slot() as places:
        assert places == 1
