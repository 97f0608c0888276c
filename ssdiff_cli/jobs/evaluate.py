"""``ssdiff eval`` on named datasets: what the user asks for becomes a plan that yields scores."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ssdiff_cli.jobs.evaluate_plan_pair import pair_plan
from ssdiff_cli.jobs.evaluate_plan_sets import dataset_plan, reference_plan
from ssdiff_cli.jobs.evaluate_request import Request
from ssdiff_cli.jobs.evaluate_samples import Plan

__all__ = ["open_plan"]


@contextmanager
def open_plan(request: Request) -> Iterator[Plan]:
    """Opens what is to be scored and decides everything before the first pixel.

    Raises:
        InputError: When the data cannot be scored.
        ModelError: When the model cannot be used.
        UsageError: When the request cannot be used as given.
    """
    with ExitStack() as stack:
        if request.dataset is not None:
            yield dataset_plan(request, request.dataset, stack)
        elif request.reference is not None:
            yield reference_plan(request, request.reference, stack)
        else:
            yield pair_plan(request, stack)
