"""The pairs of a folder, or of a pattern: products, and files whose names tell PAN from MS."""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from ssdiff_cli.rasters.reading.product import find_product
from ssdiff_models.errors import InputError

__all__ = ["find_pairs", "is_place"]

_PAN = re.compile(r"(?<![a-z])(pan|panchromatic|p)(?![a-z])", re.IGNORECASE)
_MAGIC = re.compile(r"[*?[]")
MS_WORDS = ("ms", "mul", "mss", "xs", "multispectral", "m")
"""What stands in the name of an MS where that of its PAN has `pan`, `panchromatic` or `p`."""
RASTERS = {".tif", ".tiff", ".vrt", ".jp2", ".img", ".ntf"}


def is_place(name: str) -> bool:
    """Whether a name is a folder or a pattern, and no list of pairs."""
    return bool(_MAGIC.search(name)) or Path(name).is_dir()


def find_pairs(place: str, outputs: Path) -> list[dict[str, Any]]:
    """Returns the entries of a list: `pan`, `ms` and `out`, by name.

    Args:
        place: A folder, or a pattern of products and PANs.
        outputs: The folder of the outputs.

    Raises:
        InputError: When there is no pair, or a PAN has no MS beside it.
    """
    root = Path(place)
    found = root.iterdir() if root.is_dir() else _matching(root)
    entries = [entry for path in sorted(found) for entry in _entries(path, outputs)]
    if not entries:
        words = ", ".join(MS_WORDS)
        raise InputError(
            f"{place}: holds no product and no PAN that its name tells (pan, p) with an MS "
            f"({words}) beside it: give a list of pairs"
        )
    return entries


def _matching(pattern: Path) -> Iterator[Path]:
    """Yields what matches a pattern, whose first parts may be a plain folder."""
    plain = list(takewhile(lambda part: not _MAGIC.search(part), pattern.parts))
    rest = pattern.parts[len(plain) :]
    return Path(*plain).glob("/".join(rest))


def _entries(path: Path, outputs: Path) -> Iterator[dict[str, Any]]:
    if path.is_dir():
        try:
            product = find_product(str(path))
        except InputError:
            return  # some other folder
        entry = {"pan": product.pan, "ms": list(product.ms), "out": _output(outputs, path.name)}
        yield entry | ({"band_names": list(product.band_names)} if product.band_names else {})
    elif path.suffix.lower() in RASTERS and _PAN.search(path.stem):
        out = _output(outputs, path.stem)
        yield {"pan": str(path), "ms": str(_partner(path)), "out": out}


def _output(folder: Path, name: str) -> str:
    return str(folder / f"{name}_sharp.tif")


def _partner(pan: Path) -> Path:
    """Returns the MS beside a PAN: its name has another word in the place of the last `pan`."""
    *_, found = _PAN.finditer(pan.stem)
    start, end = pan.stem[: found.start()].lower(), pan.stem[found.end() :].lower()
    wanted = {f"{start}{word}{end}" for word in MS_WORDS}
    for path in sorted(pan.parent.iterdir()):
        if path.suffix.lower() in RASTERS and path.stem.lower() in wanted:
            return path
    raise InputError(
        f"{pan}: no MS lies beside it, such as {start}ms{end}{pan.suffix}: give a list of pairs"
    )
