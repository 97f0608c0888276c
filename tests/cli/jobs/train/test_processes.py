"""The numbers that a launcher gives the processes of one training."""

import pytest

from ssdiff_cli.jobs.train.processes import Ranks, read_ranks
from ssdiff_models.errors import UsageError


@pytest.mark.parametrize(
    ("environ", "ranks"),
    [
        ({}, Ranks()),
        ({"RANK": "0", "WORLD_SIZE": "1"}, Ranks()),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, Ranks(rank=5, world=8, local=1)),
        ({"RANK": "1", "WORLD_SIZE": "2"}, Ranks(rank=1, world=2, local=1)),
    ],
)
def test_torchruns_variables(environ: dict[str, str], ranks: Ranks) -> None:
    assert read_ranks(environ) == ranks


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"WORLD_SIZE": "two"},
            "the variable WORLD_SIZE is two, no number: start several processes with torchrun",
        ),
        (
            {"WORLD_SIZE": "2"},
            "the variable RANK is not set: start several processes with torchrun",
        ),
        (
            {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "-1"},
            "the variable LOCAL_RANK is -1, no number",
        ),
    ],
)
def test_variables_that_are_no_numbers(environ: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_ranks(environ)
