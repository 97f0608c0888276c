"""The page of ``ssdiff eval --report``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, resources

import numpy as np

from ssdiff_cli.jobs.evaluate.methods.model import Model
from ssdiff_cli.jobs.evaluate.report.denoising import STEPS, denoising
from ssdiff_cli.jobs.evaluate.report.error_maps import band_figures, error_map
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_cli.jobs.evaluate.report.pictures import (
    Stretch,
    busiest_window,
    colour_bands,
    embed,
    heat,
    signed,
    stretch_of,
)
from ssdiff_cli.jobs.evaluate.report.plots import band_plot, colour_scale, round_up
from ssdiff_cli.jobs.evaluate.results import Evaluation
from ssdiff_cli.jobs.evaluate.scores import METRICS
from ssdiff_models import __version__
from ssdiff_models.errors import UsageError
from ssdiff_models.scene.source import FloatArray

__all__ = ["render_report"]

ZOOM = 64
"""Side of the enlarged part in pixels."""
TAIL = 99
"""Percentile of an image that its scale ends at."""

Spot = tuple[slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A picture with its caption."""

    title: str
    url: str
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """How images become pictures, the same for all of them."""

    bands: list[int]
    """0-based bands shown as red, green and blue; one for grey."""
    stretch: Stretch

    @classmethod
    def of(cls, gallery: Gallery) -> "ReportView":
        """Chooses the bands, and their stretch by the truth."""
        truth = gallery.truth
        bands = list(colour_bands(gallery.band_names, len(truth)))
        seen = np.where(gallery.valid, truth[bands], np.nan)
        return cls(bands=bands, stretch=stretch_of(seen))

    def picture(self, image: FloatArray) -> str:
        """Returns ``(bands, rows, cols)`` as a data URL."""
        return embed(self.stretch.picture(image[self.bands]))

    def signed(self, images: Sequence[FloatArray], largest: float) -> list[str]:
        """Returns images around middle grey as data URLs; -`largest` is black."""
        chosen = [image[self.bands] for image in images]
        return [
            embed(signed(np.broadcast_to(image, (3, *image.shape[1:])), largest))
            for image in chosen
        ]


def render_report(evaluation: Evaluation, gallery: Gallery) -> str:
    """Returns the page.

    Raises:
        UsageError: When jinja2 or matplotlib is not installed.
    """
    try:
        jinja2 = import_module("jinja2")
        import_module("matplotlib")
    except ImportError as error:
        raise UsageError(
            "--report needs jinja2 and matplotlib: pip install 'ssdiff-cli[report]'"
        ) from error
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    settings = evaluation.settings
    page: str = environment.from_string(text).render(
        version=__version__,
        settings=settings.described(evaluation.count),
        notes=[note.text for note in settings.notes],
        metrics=[METRICS[name] for name in evaluation.metrics],
        rows=evaluation.table(),
        shown=gallery.sample.name,
        has_reference=gallery.reference is not None,
        **_pictures(gallery),
    )
    return page


def _pictures(gallery: Gallery) -> dict[str, object]:
    view = ReportView.of(gallery)
    errors = {name: error_map(image, gallery) for name, image in gallery.fused.items()}
    figures = {name: band_figures(image, gallery) for name, image in gallery.fused.items()}
    # Half of the methods fit the scale, so that one bad method does not make all others black.
    tails = [np.percentile(error, TAIL) for error in errors.values()]
    largest = round_up(float(np.median(tails)))
    main, main_error = next(iter(errors.items()))
    spot = busiest_window(main_error, ZOOM)
    rows, cols = spot
    all_rows, all_cols = (slice(0, size) for size in main_error.shape)
    model = gallery.model
    return {
        "images": _images(gallery, view, (all_rows, all_cols)),
        "errors": [_error_tile(name, error, largest) for name, error in errors.items()],
        "scale": colour_scale(largest),
        "plot": band_plot(figures, gallery.band_names),
        "main": main,
        "box": _box(spot, main_error.shape),
        "spot": f"rows {rows.start} to {rows.stop}, columns {cols.start} to {cols.stop} "
        "of the part shown",
        "zoom": _images(gallery, view, spot),
        "zoom_errors": [_error_tile(name, error[spot], largest) for name, error in errors.items()],
        "sequence": _sequence(gallery, model, view) if model else {},
        "steps": STEPS,
        "scored_steps": model.settings.steps if model else None,
    }


def _box(spot: Spot, shape: tuple[int, ...]) -> str:
    """Returns the place of a window in a picture as CSS."""
    rows, cols = spot
    height, width = shape
    sides = {
        "left": cols.start / width,
        "top": rows.start / height,
        "width": (cols.stop - cols.start) / width,
        "height": (rows.stop - rows.start) / height,
    }
    return ";".join(f"{name}:{100 * value:.2f}%" for name, value in sides.items())


def _images(gallery: Gallery, view: ReportView, spot: Spot) -> list[Tile]:
    """Returns a part of the inputs and of the fused images."""
    tiles = []
    if gallery.pan.size:
        tiles.append(Tile(title="PAN", url=_grey(gallery, spot)))
    images = {}
    if gallery.lms.size and "exp" not in gallery.fused:
        images["MS, interpolated"] = gallery.lms
    if gallery.reference is not None:
        images["reference"] = gallery.reference
    images |= gallery.fused
    tiles += [
        Tile(title=_title(name), url=view.picture(image[:, *spot]))
        for name, image in images.items()
    ]
    return tiles


def _grey(gallery: Gallery, spot: Spot) -> str:
    image = gallery.pan[None, *spot]
    valid = gallery.valid[spot]
    seen = np.where(valid, image, np.nan) if valid.any() else image
    return embed(stretch_of(seen).picture(image))


def _error_tile(name: str, error: FloatArray, largest: float) -> Tile:
    return Tile(title=name, url=embed(heat(error, largest)), caption=f"mean {error.mean():.1f} %")


def _title(method: str) -> str:
    return "exp (MS, interpolated)" if method == "exp" else method


def _sequence(gallery: Gallery, model: Model, view: ReportView) -> Mapping[str, list[Tile]]:
    """Returns the rows of the denoising sequence."""
    moments = denoising(gallery, model)
    noise = float(np.percentile(np.abs(moments[0].state), TAIL))
    detail = float(np.percentile(np.abs(moments[-1].high[view.bands]), TAIL))
    rows = {
        "state x_t (residual and noise)": view.signed([m.state for m in moments], noise),
        "estimate of the image": [view.picture(m.estimate) for m in moments],
        "its low frequencies": [view.picture(m.low) for m in moments],
        "its high frequencies": view.signed([m.high for m in moments], detail),
    }
    return {
        title: [
            Tile(title=f"t = {moment.t}", url=url)
            for moment, url in zip(moments, urls, strict=True)
        ]
        for title, urls in rows.items()
    }
