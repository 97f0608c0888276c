"""Files that GDAL reads together with an image, by their names beside it.

An image that replaces another one must not inherit its overviews, mask, statistics or place.
"""

import os
from pathlib import Path

from ssdiff_models.errors import UsageError

__all__ = ["check_side_cars", "remove_side_cars", "side_cars"]

AFTER_NAME = (".aux.xml", ".ovr", ".msk", ".msk.ovr")
AFTER_STEM = (".tfw", ".tifw", ".wld", ".rpb", ".imd", "_rpc.txt")
"""World files and metadata of sensors; another image of the same stem may own them."""


def side_cars(image: Path) -> list[Path]:
    """Returns the side-cars that an image has, or would have if it were there."""
    return [*_beside(image.name, image, AFTER_NAME), *_shared(image)]


def check_side_cars(image: Path, *, overwrite: bool) -> None:
    """Refuses an image to which side-cars would stick that it is not to replace.

    Raises:
        UsageError: When there is one and `overwrite` is off, or when it may be another image's.
    """
    what = f"and would be read as a part of {image}"
    for path in side_cars(image):
        if not overwrite:
            raise UsageError(f"{path}: exists {what}; pass --overwrite to remove it")
    for path in [] if os.path.lexists(image) else _shared(image):
        raise UsageError(f"{path}: exists {what}; move it or choose another output")


def remove_side_cars(image: Path) -> None:
    """Removes the side-cars of an image that is about to be replaced, as GDAL's drivers do."""
    for path in side_cars(image):
        path.unlink(missing_ok=True)


def _shared(image: Path) -> list[Path]:
    if not image.suffix.lower().startswith(".tif"):
        return []
    return _beside(image.stem, image, AFTER_STEM)


def _beside(stem: str, image: Path, endings: tuple[str, ...]) -> list[Path]:
    names = [stem + form for ending in endings for form in (ending, ending.upper())]
    paths = [image.with_name(name) for name in names]
    return [path for path in paths if os.path.lexists(path)]
