"""Puts the page together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, resources

import numpy as np

from ssdiff_cli.jobs.evaluate.report.denoising import STEPS, denoising
from ssdiff_cli.jobs.evaluate.report.error_maps import band_figures, error_map, truth_of, worst_spot
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery, Shown
from ssdiff_cli.jobs.evaluate.report.pictures import embed, heat, signed
from ssdiff_cli.jobs.evaluate.report.plots import band_plot, colour_scale, round_up
from ssdiff_cli.jobs.evaluate.report.quicklook import Stretch, colour_bands, stretch_of
from ssdiff_cli.jobs.evaluate.results import Evaluation, describe_settings
from ssdiff_cli.jobs.evaluate.scores import METRICS
from ssdiff_models import __version__
from ssdiff_models.errors import UsageError
from ssdiff_models.scene.source import FloatArray

__all__ = ["render_report"]

ZOOM = 64
"""Side of the worst spot in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A picture with its caption."""

    title: str
    url: str
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """How images become pictures; the same for all of them."""

    bands: tuple[int, ...]
    """0-based bands shown as red, green and blue; one for grey."""
    stretch: Stretch

    def picture(self, image: FloatArray) -> str:
        """Returns ``(bands, rows, cols)`` as a data URL."""
        return embed(self.stretch.picture(image[list(self.bands)]))


def render_report(evaluation: Evaluation, gallery: Gallery) -> str:
    """Returns the page.

    Raises:
        UsageError: When what draws it is not installed.
    """
    try:
        jinja2 = import_module("jinja2")
        import_module("matplotlib")
    except ImportError as error:
        raise UsageError(
            "--report needs jinja2 and matplotlib: pip install 'ssdiff-cli[report]'"
        ) from error
    shown = gallery.shown
    assert shown is not None
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(
        resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    )
    page: str = template.render(
        version=__version__,
        settings=describe_settings(evaluation.settings, evaluation.count),
        notes=evaluation.settings.notes,
        metrics=[METRICS[name] for name in evaluation.metrics],
        rows=evaluation.table(),
        shown=shown.name,
        has_reference=shown.reference is not None,
        **_pictures(gallery, shown),
    )
    return page


def _pictures(gallery: Gallery, shown: Shown) -> dict[str, object]:
    view = _view(gallery, shown)
    errors = {
        method: error_map(fused, shown, gallery.settings) for method, fused in gallery.fused.items()
    }
    # Half of the methods fit the scale, so that one bad method does not make all others black.
    largest = round_up(float(np.median([np.percentile(error, 99) for error in errors.values()])))
    main = next(iter(errors))
    rows, cols = worst_spot(errors[main], ZOOM)
    figures = {
        method: band_figures(fused, shown, gallery.settings)
        for method, fused in gallery.fused.items()
    }
    return {
        "images": [
            *_inputs(gallery, shown, view),
            *(
                Tile(title=_title(name), url=view.picture(fused))
                for name, fused in gallery.fused.items()
            ),
        ],
        "errors": [_error_tile(name, error, largest) for name, error in errors.items()],
        "scale": colour_scale(largest),
        "plot": band_plot(figures, _band_names(gallery, len(truth_of(shown)))),
        "main": main,
        "box": _box((rows, cols), errors[main].shape),
        "spot": f"rows {rows.start} to {rows.stop}, columns {cols.start} to {cols.stop} of the part shown",
        "zoom": _zoom(gallery, shown, view, (rows, cols)),
        "zoom_errors": [
            _error_tile(name, error[rows, cols], largest) for name, error in errors.items()
        ],
        "sequence": _sequence(gallery, view),
        "steps": STEPS,
        "scored_steps": gallery.model.settings.steps if gallery.model else None,
    }


def _box(spot: tuple[slice, slice], shape: tuple[int, ...]) -> str:
    """Returns the place of a window in a picture as CSS."""
    (rows, cols), (height, width) = spot, shape
    sides = {"left": cols.start / width, "top": rows.start / height}
    sides |= {
        "width": (cols.stop - cols.start) / width,
        "height": (rows.stop - rows.start) / height,
    }
    return ";".join(f"{name}:{100 * value:.2f}%" for name, value in sides.items())


def _view(gallery: Gallery, shown: Shown) -> ReportView:
    truth = truth_of(shown)
    names = gallery.settings.sensor.bands
    bands = colour_bands(names if len(names) == len(truth) else (), len(truth))
    seen = np.where(shown.valid, truth[list(bands)], np.nan)
    return ReportView(bands=bands, stretch=stretch_of(seen))


def _inputs(gallery: Gallery, shown: Shown, view: ReportView) -> list[Tile]:
    tiles = []
    if shown.pan.size:
        tiles.append(Tile(title="PAN", url=_grey(shown.pan, shown)))
    if shown.lms.size and "exp" not in gallery.fused:
        tiles.append(Tile(title="MS, interpolated", url=view.picture(shown.lms)))
    if shown.reference is not None:
        tiles.append(Tile(title="reference", url=view.picture(shown.reference)))
    return tiles


def _grey(pan: FloatArray, shown: Shown) -> str:
    seen = np.where(shown.valid, pan, np.nan)[None] if shown.valid.shape == pan.shape else pan[None]
    return embed(stretch_of(seen).picture(pan[None]))


def _error_tile(name: str, error: FloatArray, largest: float) -> Tile:
    return Tile(title=name, url=embed(heat(error, largest)), caption=f"mean {error.mean():.1f} %")


def _zoom(
    gallery: Gallery, shown: Shown, view: ReportView, spot: tuple[slice, slice]
) -> list[Tile]:
    tiles = []
    if shown.pan.size:
        tiles.append(Tile(title="PAN", url=_grey(shown.pan[spot], shown)))
    images = (
        {"MS, interpolated": shown.lms} if shown.lms.size and "exp" not in gallery.fused else {}
    )
    if shown.reference is not None:
        images["reference"] = shown.reference
    images |= gallery.fused
    return [
        *tiles,
        *(
            Tile(title=_title(name), url=view.picture(image[:, *spot]))
            for name, image in images.items()
        ),
    ]


def _title(method: str) -> str:
    return "exp (MS, interpolated)" if method == "exp" else method


def _band_names(gallery: Gallery, count: int) -> Sequence[str]:
    names = gallery.settings.sensor.bands
    return names if len(names) == count else [str(k) for k in range(1, count + 1)]


def _sequence(gallery: Gallery, view: ReportView) -> Mapping[str, list[Tile]]:
    """Returns the rows of the denoising sequence; none without a model."""
    if gallery.model is None:
        return {}
    moments = denoising(gallery)
    bands = list(view.bands)
    ringing = float(np.percentile(np.abs(moments[-1].high[bands]), 99))
    noise = float(np.percentile(np.abs(moments[0].state), 99))

    def row(pictures: list[str]) -> list[Tile]:
        return [
            Tile(title=f"t = {moment.t}", url=url)
            for moment, url in zip(moments, pictures, strict=True)
        ]

    return {
        "state x_t (residual and noise)": row(
            [embed(signed(_shown(m.state, bands), noise)) for m in moments]
        ),
        "estimate of the image": row([view.picture(m.estimate) for m in moments]),
        "its low frequencies": row([view.picture(m.low) for m in moments]),
        "its high frequencies": row(
            [embed(signed(_shown(m.high, bands), ringing)) for m in moments]
        ),
    }


def _shown(image: FloatArray, bands: list[int]) -> FloatArray:
    return np.broadcast_to(image[bands], (3, *image.shape[1:]))
