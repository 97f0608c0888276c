"""Errors for creation options that GDAL only logs about."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.errors import NotGeoreferencedWarning

from ssdiff_cli.rasters.gdal import GDAL_ERRORS, reason
from ssdiff_models.errors import UsageError

__all__ = ["refused_options"]


class _Listener(logging.Handler):
    """Collects GDAL's messages about creation options."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "creation option" in message:
            # rasterio puts GDAL's error class in front: "CPLE_NotSupported in ...".
            self.messages.append(message.partition(" in ")[2] or message)


@contextmanager
def refused_options() -> Iterator[None]:
    """Raises for creation options that GDAL ignores or fails on inside the block.

    Raises:
        UsageError: With GDAL's own words.
    """
    logger = logging.getLogger("rasterio._env")
    level, propagate = logger.level, logger.propagate
    listener = _Listener()
    logger.addHandler(listener)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            yield
    except (*GDAL_ERRORS, ValueError, TypeError) as error:
        raise UsageError(f"--co: GDAL cannot write such a file: {reason(error)}") from error
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
        logger.propagate = propagate
    if listener.messages:
        raise UsageError(f"--co: {listener.messages[0]}")
