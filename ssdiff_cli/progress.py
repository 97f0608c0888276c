"""How a job says how far it is: a callback, so that jobs know no terminal."""

from collections.abc import Callable

__all__ = ["Progress", "no_progress"]

Progress = Callable[[int, int, int], None]
"""``progress(done, total, pixels)``: tiles done, tiles in all, PAN pixels done by this run."""


def no_progress(done: int, total: int, pixels: int) -> None:
    """Shows nothing."""
    del done, total, pixels
