"""One evaluation from start to end: open, score, and write what was asked for."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from ssdiff_cli.jobs.evaluate.plan import Plan
from ssdiff_cli.jobs.evaluate.plans.pair import pair_plan
from ssdiff_cli.jobs.evaluate.plans.reference import reference_plan
from ssdiff_cli.jobs.evaluate.plans.test_set import dataset_plan
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_cli.jobs.evaluate.report.page import render_report
from ssdiff_cli.jobs.evaluate.report.side_by_side import draw_quicklook
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
from ssdiff_cli.jobs.evaluate.results import Evaluation
from ssdiff_cli.jobs.evaluate.scores import metric_names
from ssdiff_cli.jobs.evaluate.scoring import Scored, score
from ssdiff_cli.jobs.evaluate.thresholds import parse_condition
from ssdiff_cli.progress import Progress, no_progress
from ssdiff_cli.rasters.gdal import disk_errors, raster_env
from ssdiff_cli.rasters.writing.output_path import claimed_outputs
from ssdiff_models.files import atomic_set

__all__ = ["evaluate", "open_plan", "score_plan"]

_log = logging.getLogger(__name__)


def evaluate(request: EvaluationRequest, progress: Progress = no_progress) -> Evaluation:
    """Fuses and scores what was asked for, and writes the files.

    A missed threshold does not cost the scores: `Evaluation.check_thresholds` tells of it.

    Raises:
        InputError: When the data cannot be scored.
        ModelError: When the model cannot be used.
        ResourceError: When a file cannot be written.
        UsageError: When the request cannot be used as it is.
    """
    outputs = request.outputs
    outputs.check_drawing()
    with claimed_outputs(outputs.files, request.files, overwrite=outputs.overwrite):
        evaluation, gallery = _evaluated(request, progress)
        _write(_contents(evaluation, gallery, request))
    return evaluation


def _evaluated(request: EvaluationRequest, progress: Progress) -> tuple[Evaluation, Gallery | None]:
    outputs = request.outputs
    with raster_env(), open_plan(request) as plan:
        metrics = metric_names(plan.settings.protocol)
        methods = tuple(plan.fusers)
        conditions = tuple(parse_condition(text, metrics, methods) for text in outputs.fail_if)
        for note in plan.settings.notes:
            _log.log(note.level, note.text)
        scored, gallery = score_plan(plan, progress, pictures=outputs.report is not None)
        evaluation = Evaluation(
            settings=plan.settings,
            scored=scored,
            products=tuple(plan.products),
            conditions=conditions,
        )
    return evaluation, gallery


def _contents(
    evaluation: Evaluation, gallery: Gallery | None, request: EvaluationRequest
) -> dict[str, bytes]:
    """Returns each file and what is in it."""
    outputs = request.outputs
    files: dict[str, bytes] = {}
    if outputs.csv is not None:
        files[outputs.csv] = evaluation.as_csv().encode()
    if outputs.report is not None and gallery is not None:
        files[outputs.report] = render_report(evaluation, gallery).encode()
    if outputs.quicklook is not None:
        pan, ms = request.pair_paths
        files[outputs.quicklook] = draw_quicklook(pan, ms, request.fused[0], request.pair)
    return files


@contextmanager
def open_plan(request: EvaluationRequest) -> Iterator[Plan]:
    """Opens what is to be scored and decides everything before the first pixel.

    Raises:
        SsdiffError: As `evaluate` does.
    """
    with ExitStack() as stack:
        if request.dataset is not None:
            yield dataset_plan(request, request.dataset, stack)
        elif request.reference is not None:
            yield reference_plan(request, request.reference, stack)
        else:
            yield pair_plan(request, stack)


def score_plan(
    plan: Plan, progress: Progress = no_progress, *, pictures: bool
) -> tuple[tuple[Scored, ...], Gallery | None]:
    """Returns all scores of a plan and, if asked for, the images of the sample to show.

    Raises:
        InputError: When an image cannot be scored.
    """
    total = plan.count * len(plan.fusers)
    done = 0
    pixels = 0
    scored = []
    gallery = None
    progress(done, total, pixels)
    for event in score(plan):
        if isinstance(event, Scored):
            scored.append(event)
            continue
        if pictures and event.sample.shown:
            gallery = gallery or Gallery.of(event.sample, plan.settings, plan.model)
            gallery = gallery.with_image(event)
        done += 1
        pixels += event.sample.valid.size
        progress(done, total, pixels)
    return tuple(scored), gallery


def _write(files: Mapping[str, bytes]) -> None:
    """Writes files that appear together."""
    if not files:
        return
    with disk_errors(next(iter(files))), atomic_set(list(files)) as parts:
        for part, (path, content) in zip(parts, files.items(), strict=True):
            with disk_errors(path):
                part.write_bytes(content)
