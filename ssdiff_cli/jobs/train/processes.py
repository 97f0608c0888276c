"""Several processes that train one model together, as ``torchrun`` starts them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import torch

from ssdiff_cli.launcher import number_of
from ssdiff_models.errors import SsdiffError, UsageError
from ssdiff_models.training.loop import Execution

__all__ = ["Ranks", "joined", "read_ranks"]

PATIENCE = timedelta(hours=6)
"""For this long the others wait until the first one has made the cache, or has validated."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    """Rank 0 validates, saves and writes messages."""
    world: int = 1
    """Number of processes."""
    local: int = 0
    """Number of this process on its machine: the index of its device."""

    def execution(self, precision: torch.dtype) -> Execution:
        """Returns how this process computes its part of a step."""
        return Execution(precision=precision, rank=self.rank, world=self.world)

    def first_alone(self, make: Callable[[], Result], take: Callable[[], Result]) -> Result:
        """Calls `make` in rank 0, and `take` in the others when it is done.

        Raises:
            SsdiffError: That of rank 0, in all processes.
        """
        if self.world == 1:
            return make()
        made: list[Result] = []
        failure: list[SsdiffError | None] = [None]
        if self.rank == 0:
            try:
                made.append(make())
            except SsdiffError as error:
                failure = [error]
        torch.distributed.broadcast_object_list(failure)
        if failure[0] is not None:
            raise failure[0]
        return made[0] if made else take()


def read_ranks(environ: Mapping[str, str]) -> Ranks:
    """Reads the variables that torchrun sets; without them the process is alone.

    Raises:
        UsageError: When they are no numbers.
    """
    number = partial(number_of, environ, advice="start several processes with torchrun")
    world = number("WORLD_SIZE", 1)
    if world <= 1:
        return Ranks()
    rank = number("RANK")
    return Ranks(rank=rank, world=world, local=number("LOCAL_RANK", rank))


@contextmanager
def joined(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """Connects this process with the others as long as the block runs.

    Raises:
        UsageError: When they cannot be found.
    """
    if ranks.world == 1:
        yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    try:
        torch.distributed.init_process_group(backend, timeout=PATIENCE)
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"the processes of this training cannot find each other ({error}): "
            "start them with torchrun"
        ) from error
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()
