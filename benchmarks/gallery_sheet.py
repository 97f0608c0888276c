"""The sheets of `benchmarks.gallery`: rows of crops, a column for each method."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssdiff_cli.jobs.evaluate.report import pictures
from ssdiff_cli.jobs.evaluate.report.gallery import AROUND, CloseUp, Gallery
from ssdiff_cli.jobs.evaluate.report.page import ReportView
from ssdiff_cli.jobs.evaluate.report.pictures import Picture

__all__ = ["draw_sheet"]

CELL = AROUND
"""Side of a crop in the sheet, in its pixels."""
GAP = 4
LEFT = 24
"""Width of the rows' titles."""
TOP = 44
LINE = 13
"""Height of a line of figures."""
DPI = 100

DIM = ("shadow", "vegetation")
"""Places that are seen by a stretch of their own only."""

Row = tuple[str, list[Picture]]


def draw_sheet(
    path: Path,
    gallery: Gallery,
    title: str,
    columns: Mapping[str, Sequence[str]],
    *,
    wide: bool = True,
) -> None:
    """Writes a PNG.

    Args:
        path: The file.
        gallery: Images of one scene by each method.
        title: Of the sheet.
        columns: The methods, and what is written beneath each.
        wide: Whether there are rows at 1:1.
    """
    from matplotlib.figure import Figure

    rows = list(_rows(gallery, list(columns), wide=wide))
    lines = max(map(len, columns.values()))
    width = LEFT + (len(columns) + 1) * (CELL + GAP)
    height = TOP + len(rows) * (CELL + GAP) + (lines + 1) * LINE
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)

    def write(text: str, left: int, top: int, **style: Any) -> None:
        figure.text(left / width, 1 - top / height, text, va="top", **style)

    write(title, LEFT, 4, fontsize=10, weight="bold")
    for k, name in enumerate(["PAN", *columns]):
        write(name, LEFT + k * (CELL + GAP), TOP - 18, fontsize=10)
    for row, (name, crops) in enumerate(rows):
        top = TOP + row * (CELL + GAP)
        write(name, 4, top, fontsize=9, rotation=90)
        for k, crop in enumerate(crops):
            image = crop.transpose(1, 2, 0)
            bottom = height - top - len(image)
            figure.figimage(image, LEFT + k * (CELL + GAP), bottom, origin="upper")
    top = TOP + len(rows) * (CELL + GAP) + 2
    for k, texts in enumerate(columns.values(), 1):
        style: dict[str, Any] = {"fontsize": 8, "family": "monospace", "linespacing": 1.15}
        write("\n".join(texts), LEFT + k * (CELL + GAP), top, **style)
    figure.savefig(path, dpi=DPI)


def _rows(gallery: Gallery, methods: Sequence[str], *, wide: bool) -> Iterator[Row]:
    """Yields rows of crops: surroundings where no earlier row has shown the place, then the place."""
    view = ReportView.of(gallery)
    shown = np.zeros_like(gallery.sample.valid)
    for place in gallery.closeups:
        if wide and not shown[place.spot].all():
            shown[place.around] = True
            yield f"{place.name}, 1:1", _crops(gallery, view, methods, place)
        crops = _crops(gallery, view, methods, place, own=place.name in DIM)
        factor = CELL // (place.spot[0].stop - place.spot[0].start)
        close = [crop[:, *place.inner].repeat(factor, 1).repeat(factor, 2) for crop in crops]
        yield f"{place.name}, {factor}:1", close


def _crops(
    gallery: Gallery,
    view: ReportView,
    methods: Sequence[str],
    place: CloseUp,
    *,
    own: bool = False,
) -> list[Picture]:
    """Returns the surroundings of a place; by a stretch of the place, or the sheet's."""
    pan = gallery.sample.pan[None].astype(np.float32)
    index = gallery.closeups.index(place)
    around = [gallery.surroundings[method][index] for method in methods]
    stretch = view.stretch
    grey = pictures.stretch_of(pan)
    if own:
        inner = [image[view.bands][:, *place.inner] for image in around]
        stretch = pictures.brightened(stretch, inner)
        grey = pictures.stretch_of(pan[:, *place.spot])
    colours = [stretch.picture(image[view.bands]) for image in around]
    return [grey.picture(pan[:, *place.around]), *colours]
