"""GDAL only logs what it does not understand in creation options; here it becomes an error."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.errors import NotGeoreferencedWarning

from ssdiff_cli.rasters.gdal import GDAL_ERRORS
from ssdiff_models.errors import UsageError

__all__ = ["refused_options"]


class _Listener(logging.Handler):
    """Keeps the complaints about creation options."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.complaints: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "creation option" in message:
            # rasterio puts GDAL's error class in front: "CPLE_NotSupported in ...".
            self.complaints.append(message.partition(" in ")[2] or message)


@contextmanager
def refused_options() -> Iterator[None]:
    """Raises for creation options that GDAL ignores or fails on inside the block.

    Raises:
        UsageError: With GDAL's own words.
    """
    logger, listener = logging.getLogger("rasterio._env"), _Listener()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(listener)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            yield
    except (*GDAL_ERRORS, ValueError, TypeError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise UsageError(f"--co: GDAL cannot write such a file: {reason}") from error
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
        logger.propagate = propagate
    if listener.complaints:
        raise UsageError(f"--co: {listener.complaints[0]}")
