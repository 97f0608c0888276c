"""Several processes that train one model together, as ``torchrun`` starts them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from ssdiff_cli.launcher import number_of
from ssdiff_models.errors import SsdiffError, UsageError
from ssdiff_models.training.execution import Execution

__all__ = ["Ranks", "joined", "read_ranks"]

PATIENCE = timedelta(hours=6)
"""For as long the others wait for the first one to make the cache, or to validate."""
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    world: int = 1
    local: int = 0
    """Number of this process on its machine: which of its devices it takes."""

    @property
    def chief(self) -> bool:
        """Whether this is the one that validates, saves and speaks."""
        return self.rank == 0

    def execution(self, precision: torch.dtype) -> Execution:
        """Returns how this process computes its part of a step."""
        reduce = self._mean if self.world > 1 else None
        return Execution(precision=precision, rank=self.rank, world=self.world, reduce=reduce)

    def _mean(self, values: Tensor) -> None:
        torch.distributed.all_reduce(values)
        values /= self.world

    def chief_first(self, make: Callable[[], Made], take: Callable[[], Made]) -> Made:
        """Lets the chief make something, then the others take it.

        Raises:
            SsdiffError: The chief's, in all processes.
        """
        if self.world == 1:
            return make()
        made, failure = None, None
        if self.chief:
            try:
                made = make()
            except SsdiffError as error:
                failure = error
        told: list[Any] = [failure]
        torch.distributed.broadcast_object_list(told)
        if told[0] is not None:
            raise told[0]
        return made if self.chief else take()  # type: ignore[return-value]


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
    """Connects this process with the others for the time of the block.

    Raises:
        UsageError: When they cannot be found.
    """
    if ranks.world == 1:
        yield
        return
    try:
        torch.distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE
        )
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"the processes of this training cannot find each other ({error}): start them with torchrun"
        ) from error
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()
