"""The PAN and the MS of a product as it is delivered: a folder of Landsat, Maxar or Airbus, a STAC item."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import urlopen
from xml.etree import ElementTree as ET

from ssdiff_cli.rasters.reading.band_files import landsat_name
from ssdiff_models.errors import InputError

__all__ = ["Product", "find_product"]

ADVICE = "name PAN and MS: ssdiff sharpen PAN MS… -o OUT"
MAXAR_BANDS = {
    "C": "coastal",
    "B": "blue",
    "G": "green",
    "Y": "yellow",
    "R": "red",
    "RE": "red_edge",
    "N": "nir1",
    "N2": "nir2",
}
"""Names of the bands by the groups of an .IMD file."""
STAC_BANDS = {
    "coastal": "coastal",
    "blue": "blue",
    "green": "green",
    "yellow": "yellow",
    "red": "red",
    "rededge": "red_edge",
    "nir": "nir",
    "nir08": "nir",
    "nir09": "nir2",
    "swir16": "swir1",
    "swir22": "swir2",
}
"""Names of the bands by STAC's common names."""
NOT_DATA = {"thumbnail", "overview", "visual", "metadata"}
"""STAC roles of assets that are no measurements."""
SECONDS = 30
"""Time for a STAC item to come."""
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The files of a product that make a pair."""

    pan: str
    ms: tuple[str, ...]
    """One or more, each ``FILE[,band=N][,name=NAME]``."""
    band_names: tuple[str, ...] = ()
    """Names of the bands, where `ms` is one file that may not tell them."""

    def __str__(self) -> str:
        """Returns what is PAN and what is MS, without folders."""
        names = ", ".join(PurePosixPath(entry).name for entry in self.ms)
        bands = f" ({', '.join(self.band_names)})" if self.band_names else ""
        return f"PAN is {PurePosixPath(self.pan).name}, MS is {names}{bands}"


def find_product(path: str) -> Product:
    """Finds PAN and MS in a folder, by a Landsat ``_MTL`` file, or in a STAC item (file or URL).

    Raises:
        InputError: When it is no product that is known, or lacks one of the two.
    """
    if re.search(r"_MTL\.(json|txt|xml)$", path, re.IGNORECASE):
        return _landsat(Path(path).parent)
    if path.lower().endswith((".json", ".geojson")) or path.startswith(("http://", "https://")):
        return _stac(path)
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(
            f"{path}: no folder and no STAC item, and there is no MS beside it: {ADVICE}"
        )
    if _files(folder, r".*\.IMD"):
        return _maxar(folder)
    if _files(folder, r"DIM_.*\.XML"):
        return _dimap(folder)
    return _landsat(folder)


def _files(folder: Path, pattern: str) -> list[Path]:
    """Returns the files anywhere in a folder whose names match, in any case."""
    wanted = re.compile(pattern, re.IGNORECASE)
    return sorted(path for path in folder.rglob("*") if wanted.fullmatch(path.name))


def _landsat(folder: Path) -> Product:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    names = {path: landsat_name(path.name) for path in files}
    pans = [path for path, name in names.items() if name == "pan"]
    bands = [str(path) for path, name in names.items() if name not in {None, "pan"}]
    return Product(pan=str(_only(pans, "PAN", folder)), ms=_some(bands, folder))


def _maxar(folder: Path) -> Product:
    """Reads the .IMD files: which bands an image has; the raster is the tile index beside it."""
    pans: list[Path] = []
    images: list[tuple[Path, tuple[str, ...]]] = []
    for imd in _files(folder, r".*\.IMD"):
        letters = re.findall(r"BEGIN_GROUP\s*=\s*BAND_(\w+)", imd.read_text(encoding="latin-1"))
        beside = [imd.with_suffix(end) for end in (".TIL", ".til", ".TIF", ".tif")]
        raster = next((path for path in beside if path.exists()), None)
        if raster is None:
            raise InputError(f"{imd}: neither a .TIL nor a .TIF lies beside it: {ADVICE}")
        if letters == ["P"]:
            pans.append(raster)
        elif letters:
            images.append((raster, tuple(MAXAR_BANDS.get(one, one) for one in letters)))
    pan = _only(pans, "PAN", folder)
    raster, names = _only(images, "MS", folder)
    if "nir2" not in names:
        names = tuple("nir" if name == "nir1" else name for name in names)
    return Product(pan=str(pan), ms=(str(raster),), band_names=names)


def _dimap(folder: Path) -> Product:
    """Reads the DIM_*.XML files of Pleiades and SPOT: what was processed; GDAL opens them."""
    kinds: dict[str, list[Path]] = {"P": [], "MS": []}
    for path in _files(folder, r"DIM_.*\.XML"):
        try:
            found = ET.parse(path).find(".//SPECTRAL_PROCESSING")  # noqa: S314 (user's own)
        except ET.ParseError as error:
            raise InputError(f"{path}: is no XML ({error}): {ADVICE}") from error
        kind = "" if found is None else (found.text or "").strip()
        kinds.get("MS" if kind.startswith("MS") else kind, []).append(path)
    pan = _only(kinds["P"], "PAN", folder)
    return Product(pan=str(pan), ms=(str(_only(kinds["MS"], "MS", folder)),))


def _stac(path: str) -> Product:
    item = _read_item(path)
    pans: list[str] = []
    images: list[list[str]] = []
    for key, asset in item["assets"].items():
        names = _common_names(key, asset)
        if NOT_DATA & {key, *asset.get("roles", ())} or not names:
            continue
        place = _located(asset["href"], path)
        if names == ["pan"]:
            pans.append(place)
        elif None not in names:
            bands = range(1, len(names) + 1) if len(names) > 1 else [None]
            images.append(
                [
                    f"{place}{f',band={band}' if band else ''},name={name}"
                    for band, name in zip(bands, names, strict=True)
                ]
            )
    whole = max(images, key=len, default=[])
    single = [entries[0] for entries in images if len(entries) == 1]
    return Product(pan=_only(pans, "PAN", path), ms=_some(max(single, whole, key=len), path))


def _read_item(path: str) -> dict[str, Any]:
    try:
        if path.startswith(("http://", "https://")):
            with urlopen(path, timeout=SECONDS) as answer:  # noqa: S310 (http and https alone)
                item = json.load(answer)
        else:
            item = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, URLError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a STAC item: {error}") from error
    if not isinstance(item, dict) or not isinstance(item.get("assets"), dict):
        raise InputError(f"{path}: is no STAC item, which has assets: {ADVICE}")
    return item


def _common_names(key: str, asset: dict[str, Any]) -> list[str | None]:
    """Returns the names of an asset's bands (``eo:bands``, or ``bands`` since STAC 1.1)."""
    bands = asset.get("eo:bands") or asset.get("bands") or []
    names = [band.get("common_name") or band.get("eo:common_name") for band in bands]
    if names == ["pan"] or (not names and key.lower() in {"pan", "panchromatic"}):
        return ["pan"]
    return [STAC_BANDS.get(name) for name in names]


def _located(href: str, item: str) -> str:
    """Returns an asset's place for GDAL; relative ones start from the item."""
    if "://" in item:
        return urljoin(item, href)
    if "://" in href or href.startswith("/"):
        return href
    return str(Path(item).parent / href)


def _only(found: Sequence[_Found], what: str, place: str | Path) -> _Found:
    if len(found) == 1:
        return found[0]
    count = f"{len(found)} {what} images" if found else f"no {what} image that is known"
    raise InputError(f"{place}: holds {count}: {ADVICE}")


def _some(entries: Sequence[str], place: str | Path) -> tuple[str, ...]:
    if not entries:
        raise InputError(f"{place}: holds no MS band that is known: {ADVICE}")
    return tuple(entries)
