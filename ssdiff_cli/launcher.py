"""The numbers that a launcher gives its processes, and which shard of an output is whose."""

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
    """Returns a number among the variables of a process.

    Args:
        environ: The variables.
        name: Of the one to read.
        default: What counts where it is not set; None: it must be.
        advice: What the user can do, for the message.

    Raises:
        UsageError: When it is missing or no number.
    """
    text = environ.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise UsageError(
            f"the variable {name} is {f'{text}, no number' if text else 'not set'}: {advice}"
        )
    return int(text)


def read_shard(text: str | None, environ: Mapping[str, str]) -> Shard | None:
    """Reads ``--shard``.

    Args:
        text: ``i/N`` with i from 1, ``auto``, or None.
        environ: Variables of the process, for ``auto``: ``RANK`` and ``WORLD_SIZE`` as torchrun and most launchers set them, else Slurm's
            task and array numbers; an array of several tasks each counts as one long row.

    Raises:
        UsageError: When the text is neither, or the variables are missing or no numbers.
    """
    if text is None:
        return None
    if text.strip().lower() == "auto":
        return _launched(environ)
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if match is None:
        raise UsageError(f"--shard {text}: {FORM}, or auto")
    return Shard(index=int(match[1]), count=int(match[2]))


def _launched(environ: Mapping[str, str]) -> Shard:
    if "WORLD_SIZE" in environ:
        return Shard(index=_number(environ, "RANK") + 1, count=_number(environ, "WORLD_SIZE"))
    tasks, arrays = "SLURM_NTASKS" in environ, "SLURM_ARRAY_TASK_COUNT" in environ
    if not (tasks or arrays):
        raise UsageError(f"--shard auto: neither WORLD_SIZE nor Slurm's variables are set; {FORM}")
    task, per_element = (
        (_number(environ, "SLURM_PROCID"), _number(environ, "SLURM_NTASKS")) if tasks else (0, 1)
    )
    element, elements = _array_place(environ) if arrays else (0, 1)
    return Shard(index=element * per_element + task + 1, count=elements * per_element)


def _array_place(environ: Mapping[str, str]) -> tuple[int, int]:
    first, step = (
        _number(environ, "SLURM_ARRAY_TASK_MIN"),
        _number(environ, "SLURM_ARRAY_TASK_STEP", 1),
    )
    return (_number(environ, "SLURM_ARRAY_TASK_ID") - first) // max(step, 1), _number(
        environ, "SLURM_ARRAY_TASK_COUNT"
    )


_number = partial(number_of, advice=f"--shard auto needs it; {FORM}")
