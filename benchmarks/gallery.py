"""Crops of the methods side by side, a sheet for each full-resolution pair of a folder.

A sheet has a column for the PAN, for each classical method and for each model, and rows of crops at
1:1 and at 4:1 around places that are found by rules (`ssdiff_cli.jobs.evaluate.report.spots`). One
stretch, taken from the interpolated MS, shows all of them; shadows and plants have their own. Beneath
are the figures of ``ssdiff eval --full-res``. Models sharpen as ``ssdiff sharpen`` does by default.

Usage: ``python -m benchmarks.gallery FOLDER [--split val] [--model NAME=FILE]... [--scene NAME]...
[--close] [-o OUTPUT]``
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.gallery_sheet import draw_sheet
from ssdiff_cli import sharpen
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
from ssdiff_cli.jobs.evaluate.results import Evaluation
from ssdiff_cli.jobs.evaluate.run import open_plan, score_plan
from ssdiff_cli.jobs.train.pairs import PairRecord, read_index
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_models.errors import SsdiffError, UsageError
from ssdiff_models.scene import sensors

CLASSICAL = ("exp", "gsa", "bt-h", "mtf-glp-fs")
SHOWN = (
    ("d_rho", "D_rho"),
    ("d_rho_worst", "worst"),
    ("slope", "slope"),
    ("corr", "corr"),
    ("other", "other"),
    ("r_sam", "R-SAM"),
    ("d_lambda_align", "D_l,al"),
    ("d_lambda_khan", "D_l,K"),
)
"""The figures beneath a column."""


def main(arguments: Sequence[str]) -> None:
    """Draws the sheets and prints their names."""
    options = _parse(arguments)
    models = dict(map(_model, options.model or ["ssdiff="]))
    options.output.mkdir(parents=True, exist_ok=True)
    for record in _records(options):
        sheet = options.output / f"{record.name.replace('/', '_')}.png"
        with tempfile.TemporaryDirectory() as temporary:
            products = tuple(_sharpened(record, models, Path(temporary)))
            evaluation, gallery = _scored(record, products)
        columns = _columns(evaluation)
        draw_sheet(sheet, gallery, _title(record, evaluation), columns, wide=not options.close)
        print(sheet, flush=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument(
        "--model", action="append", metavar="NAME=FILE", help="default: the shipped one that fits"
    )
    parser.add_argument("--scene", action="append", help="folder/name, instead of a split")
    parser.add_argument("--close", action="store_true", help="no crops at 1:1")
    parser.add_argument("-o", "--output", type=Path, default=Path("gallery"))
    return parser.parse_args(arguments)


def _model(text: str) -> tuple[str, str | None]:
    """Reads ``NAME=FILE``; without a file it is the shipped model that serves the pair."""
    name, _, file = text.partition("=")
    return name, file or None


def _records(options: argparse.Namespace) -> Iterator[PairRecord]:
    for record in read_index(options.folder):
        named = record.name in options.scene if options.scene else record.split == options.split
        if named and not record.has_gt:
            yield record


def _sharpened(record: PairRecord, models: dict[str, str | None], folder: Path) -> Iterator[str]:
    """Yields a product of each model; one that cannot serve the pair is told on stderr."""
    pan, ms = record.files
    for name, model in models.items():
        output = str(folder / f"{name}.tif")
        try:
            sharpen(pan, ms, output=output, model=model)
        except SsdiffError as error:
            print(f"{record.name}: without {name}: {error}", file=sys.stderr)
            continue
        yield output


def _scored(record: PairRecord, products: tuple[str, ...]) -> tuple[Evaluation, Gallery]:
    request = EvaluationRequest(
        full=record.files, fused=products, methods=CLASSICAL, sensor=_sensor(record)
    )
    with raster_env(), open_plan(request) as plan:
        scored, gallery = score_plan(plan, pictures=True)
        evaluation = Evaluation(settings=plan.settings, scored=scored)
    assert gallery is not None
    return evaluation, gallery


def _sensor(record: PairRecord) -> str | None:
    """Returns the sensor's name, None for one that is not in the table."""
    try:
        return sensors.get(record.sensor).name
    except UsageError:
        return None


def _title(record: PairRecord, evaluation: Evaluation) -> str:
    natural = evaluation.settings.natural_d_rho
    return f"{record.name}, {record.sensor}; natural D_rho {natural:.3f}"


def _columns(evaluation: Evaluation) -> dict[str, list[str]]:
    """Returns the lines beneath each method: the classical ones, then the models."""
    means = evaluation.means()
    verdicts = evaluation.verdicts()
    names = [*CLASSICAL, *(name for name in means if name not in CLASSICAL)]
    columns = {}
    for name in names:
        verdict = verdicts[name]
        verdict_text = f"rank {verdict.rank}" if verdict.rank else f"misses {verdict.misses[0]}"
        lines = [verdict_text + ", …" * (len(verdict.misses) > 1)]
        lines += [f"{title:7} {means[name][figure]:.3f}" for figure, title in SHOWN]
        columns[name] = lines
    return columns


if __name__ == "__main__":
    main(sys.argv[1:])
