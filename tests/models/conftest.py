"""What all tests of the science need."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("patient", deadline=None, max_examples=60)
settings.load_profile("patient")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tiny tensors: threads that wait for each other would take most of the time, on a busy machine nearly all of it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
