"""The variables that launchers set for their processes, and the shard of a process."""

import re
from collections.abc import Mapping
from functools import partial

from ssdiff_cli.rasters.writing.shards import Shard
from ssdiff_models.errors import UsageError

__all__ = ["number_of", "read_shard"]

FORM = "give i/N, such as 2/4"


def number_of(
    environ: Mapping[str, str], name: str, default: int | None = None, *, advice: str
) -> int:
    """Returns a variable as a number.

    Args:
        environ: The variables of a process.
        name: The variable's name.
        default: Its value where it is not set; None: it must be set.
        advice: What the user can do, for the message.

    Raises:
        UsageError: When it is missing or no number.
    """
    text = environ.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        problem = f"{text}, no number" if text else "not set"
        raise UsageError(f"the variable {name} is {problem}: {advice}")
    return int(text)


def read_shard(text: str | None, environ: Mapping[str, str]) -> Shard | None:
    """Reads ``--shard``: ``i/N`` with i from 1, ``auto``, or None.

    ``auto`` reads ``RANK`` and ``WORLD_SIZE``, as torchrun and most launchers set them, else
    Slurm's task and array numbers; an array of several tasks each counts as one long row.

    Raises:
        UsageError: When the text is neither, or the variables are missing or no numbers.
    """
    if text is None:
        return None
    if text.strip().lower() == "auto":
        return _own_shard(environ)
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if match is None:
        raise UsageError(f"--shard {text}: {FORM}, or auto")
    return Shard(index=int(match[1]), count=int(match[2]))


def _own_shard(environ: Mapping[str, str]) -> Shard:
    number = partial(number_of, environ, advice=f"--shard auto needs it; {FORM}")
    if "WORLD_SIZE" in environ:
        return Shard(index=number("RANK") + 1, count=number("WORLD_SIZE"))
    if "SLURM_NTASKS" not in environ and "SLURM_ARRAY_TASK_COUNT" not in environ:
        raise UsageError(f"--shard auto: neither WORLD_SIZE nor Slurm's variables are set; {FORM}")
    index = 0
    count = 1
    if "SLURM_ARRAY_TASK_COUNT" in environ:
        step = max(number("SLURM_ARRAY_TASK_STEP", 1), 1)
        index = (number("SLURM_ARRAY_TASK_ID") - number("SLURM_ARRAY_TASK_MIN")) // step
        count = number("SLURM_ARRAY_TASK_COUNT")
    if "SLURM_NTASKS" in environ:
        index = index * number("SLURM_NTASKS") + number("SLURM_PROCID")
        count *= number("SLURM_NTASKS")
    return Shard(index=index + 1, count=count)
