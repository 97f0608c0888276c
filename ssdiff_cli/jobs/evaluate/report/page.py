"""The page of ``ssdiff eval --report``."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np

from ssdiff_cli.jobs.evaluate.plan import Model
from ssdiff_cli.jobs.evaluate.report import pictures
from ssdiff_cli.jobs.evaluate.report.denoising import STEPS, denoising
from ssdiff_cli.jobs.evaluate.report.gallery import CloseUp, Gallery
from ssdiff_cli.jobs.evaluate.report.spots import SIDE, Spot
from ssdiff_cli.jobs.evaluate.results import Evaluation
from ssdiff_models import __version__
from ssdiff_models.scene.source import FloatArray

__all__ = ["render_report"]

ZOOM = 64
"""Side of the enlarged part in pixels."""
TAIL = 99
"""Percentile of an image that its scale ends at."""
TITLES = {"exp": "exp (MS, interpolated)"}


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
    stretch: pictures.Stretch

    @classmethod
    def of(cls, gallery: Gallery) -> "ReportView":
        """Chooses the bands, and their stretch by the truth."""
        truth = gallery.truth
        bands = list(pictures.colour_bands(gallery.band_names, len(truth)))
        seen = np.where(gallery.valid, truth[bands], np.nan)
        return cls(bands=bands, stretch=pictures.stretch_of(seen))

    def picture(self, image: FloatArray) -> str:
        """Returns ``(bands, rows, cols)`` as a data URL."""
        return pictures.embed(self.stretch.picture(image[self.bands]))

    def signed(self, image: FloatArray, largest: float) -> str:
        """Returns an image around middle grey as a data URL; -`largest` is black."""
        shown = np.broadcast_to(image[self.bands], (3, *image.shape[1:]))
        return pictures.embed(pictures.signed(shown, largest))


def render_report(evaluation: Evaluation, gallery: Gallery) -> str:
    """Returns the page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    text = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    settings = evaluation.settings
    return environment.from_string(text).render(
        version=__version__,
        settings=settings.described(evaluation.count),
        notes=[note.text for note in settings.notes],
        tables=evaluation.tables(),
        comments=evaluation.comments,
        shown=gallery.sample.name,
        has_reference=gallery.reference is not None,
        **_pictures(gallery),
    )


def _pictures(gallery: Gallery) -> dict[str, object]:
    view = ReportView.of(gallery)
    model = gallery.model
    errors = {name: gallery.error_map(image) for name, image in gallery.fused.items()}
    figures = {name: gallery.band_figures(image) for name, image in gallery.fused.items()}
    # Half of the methods fit the scale, so that one bad method does not make all others black.
    tails = [np.percentile(error, TAIL) for error in errors.values()]
    largest = pictures.round_up(float(np.median(tails)))
    main, main_error = next(iter(errors.items()))
    spot = pictures.busiest_window(main_error, ZOOM)
    rows, cols = spot
    position = f"rows {rows.start} to {rows.stop}, columns {cols.start} to {cols.stop}"
    error_tiles = []
    zoomed_tiles = []
    for name, error in errors.items():
        error_tiles.append(_error_tile(name, error, largest))
        zoomed_tiles.append(_error_tile(name, error[spot], largest))
    return {
        "spot_side": SIDE,
        "closeups": {place.name: _closeup(gallery, view, place) for place in gallery.closeups},
        "images": _images(gallery, view, (slice(None), slice(None))),
        "errors": error_tiles,
        "scale": pictures.colour_scale(largest),
        "plot": pictures.band_plot(figures, gallery.band_names),
        "main": main,
        "box": _box(spot, main_error.shape),
        "spot": f"{position} of the part shown",
        "zoom": _images(gallery, view, spot),
        "zoom_errors": zoomed_tiles,
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
    images = {}
    if gallery.lms.size and "exp" not in gallery.fused:
        images["MS, interpolated"] = gallery.lms
    if gallery.reference is not None:
        images["reference"] = gallery.reference
    images |= {TITLES.get(name, name): image for name, image in gallery.fused.items()}
    tiles = [Tile(title=name, url=view.picture(image[:, *spot])) for name, image in images.items()]
    if not gallery.pan.size:
        return tiles
    pan = gallery.pan[None, *spot]
    valid = gallery.valid[spot]
    seen = np.where(valid, pan, np.nan) if valid.any() else pan
    grey = pictures.stretch_of(seen).picture(pan)
    return [Tile(title="PAN", url=pictures.embed(grey)), *tiles]


def _closeup(gallery: Gallery, view: ReportView, place: CloseUp) -> list[Tile]:
    """Returns PAN, interpolated MS and fused images of a place; one stretch for all but the PAN."""
    spot = place.spot
    sample = gallery.sample
    images = {TITLES["exp"]: sample.lms[:, *spot].astype(np.float32)}
    for method, around in gallery.surroundings.items():
        image = around[gallery.closeups.index(place)]
        images[TITLES.get(method, method)] = image[:, *place.inner]
    # What lies in a shadow is seen by a stretch of its own only.
    shown = [image[view.bands] for image in images.values()]
    own = replace(view, stretch=pictures.brightened(view.stretch, shown))
    pan = sample.pan[None, *spot].astype(np.float32)
    tiles = [Tile(title="PAN", url=pictures.embed(pictures.stretch_of(pan).picture(pan)))]
    return tiles + [Tile(title=name, url=own.picture(image)) for name, image in images.items()]


def _error_tile(name: str, error: FloatArray, largest: float) -> Tile:
    url = pictures.embed(pictures.heat(error, largest))
    return Tile(title=name, url=url, caption=f"mean {error.mean():.1f} %")


def _sequence(gallery: Gallery, model: Model, view: ReportView) -> Mapping[str, list[Tile]]:
    """Returns the rows of the denoising sequence."""
    moments = denoising(gallery, model)
    noise = float(np.percentile(np.abs(moments[0].state), TAIL))
    detail = float(np.percentile(np.abs(moments[-1].high[view.bands]), TAIL))
    states = []
    estimates = []
    lows = []
    highs = []
    for moment in moments:
        title = f"t = {moment.t}"
        states.append(Tile(title=title, url=view.signed(moment.state, noise)))
        estimates.append(Tile(title=title, url=view.picture(moment.estimate)))
        lows.append(Tile(title=title, url=view.picture(moment.low)))
        highs.append(Tile(title=title, url=view.signed(moment.high, detail)))
    return {
        "state x_t (residual and noise)": states,
        "estimate of the image": estimates,
        "its low frequencies": lows,
        "its high frequencies": highs,
    }
