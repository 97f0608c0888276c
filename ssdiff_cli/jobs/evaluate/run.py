"""One evaluation from start to end: open, score, and write what was asked for."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ssdiff_cli.jobs.evaluate.plans.pair import pair_plan
from ssdiff_cli.jobs.evaluate.plans.plan import Plan
from ssdiff_cli.jobs.evaluate.plans.reference import reference_plan
from ssdiff_cli.jobs.evaluate.plans.test_set import dataset_plan
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
from ssdiff_cli.jobs.evaluate.results import Evaluation
from ssdiff_cli.jobs.evaluate.samples.sample import Scored
from ssdiff_cli.jobs.evaluate.scores import metric_names
from ssdiff_cli.jobs.evaluate.thresholds import Conditions, check_rows, judged_rows, parse_condition
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.writing.output_path import check_output
from ssdiff_models.errors import UsageError
from ssdiff_models.files import atomic

__all__ = ["Outputs", "open_plan", "run_evaluation"]


@contextmanager
def open_plan(request: EvaluationRequest) -> Iterator[Plan]:
    """Opens what is to be scored and decides everything before the first pixel.

    Raises:
        InputError: When the data cannot be scored.
        ModelError: When the model cannot be used.
        UsageError: When the request cannot be used as given.
    """
    with ExitStack() as stack:
        if request.dataset is not None:
            yield dataset_plan(request, request.dataset, stack)
        elif request.reference is not None:
            yield reference_plan(request, request.reference, stack)
        else:
            yield pair_plan(request, stack)


Progress = Callable[[int, int, int], None]
"""``progress(done, total, pixels)``: rows of samples scored, their total, PAN pixels scored."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What is made besides the table."""

    csv: str | None = None
    report: str | None = None
    overwrite: bool = False
    """Whether existing files are replaced."""
    fail_if: tuple[str, ...] = ()
    """Conditions as the user wrote them."""

    def check(self) -> None:
        """Makes sure, before anything is computed, that the files can be written.

        Raises:
            UsageError: When one exists already, or its folder does not.
        """
        for path in (self.csv, self.report):
            if path is not None:
                check_output(path, overwrite=self.overwrite)


def run_evaluation(
    request: EvaluationRequest, outputs: Outputs, progress: Progress
) -> tuple[Evaluation, Conditions]:
    """Scores what was asked for and writes the files.

    Returns:
        The evaluation, and the conditions that are still to be checked: a missed threshold must not cost the user the figures.

    Raises:
        SsdiffError: When anything the user gave cannot be used.
    """
    outputs.check()
    with raster_env(), open_plan(request) as plan:
        conditions = tuple(
            parse_condition(text, metric_names(plan.settings.protocol)) for text in outputs.fail_if
        )
        check_rows(conditions, plan.methods)
        for note in plan.settings.notes:
            _log.log(logging.WARNING if " is left out: " in note else logging.INFO, note)
        evaluation = Evaluation(settings=plan.settings)
        gallery = (
            Gallery(settings=plan.settings, model=plan.model)
            if outputs.report is not None
            else None
        )
        _score(plan, evaluation, gallery, progress)
        _write(outputs, evaluation, gallery)
        judged = judged_rows(plan.methods, plan.products)
    return evaluation, Conditions(conditions=conditions, judged=judged)


def _score(plan: Plan, evaluation: Evaluation, gallery: Gallery | None, progress: Progress) -> None:
    total, done, pixels = plan.count * len(plan.methods), 0, 0
    progress(0, total, 0)
    for event in plan.run():
        if isinstance(event, Scored):
            evaluation.add(event)
            continue
        if gallery is not None:
            gallery.offer(event)
        done, pixels = done + 1, pixels + event.sample.valid.size
        progress(done, total, pixels)


def _write(outputs: Outputs, evaluation: Evaluation, gallery: Gallery | None) -> None:
    if outputs.csv is not None:
        _write_text(outputs.csv, evaluation.as_csv())
    if outputs.report is not None and gallery is not None:
        from ssdiff_cli.jobs.evaluate.report import render_report

        _write_text(outputs.report, render_report(evaluation, gallery))


def _write_text(path: str, text: str) -> None:
    """Writes a file under its name only once it is whole.

    Raises:
        UsageError: When the folder cannot be written to.
    """
    try:
        with atomic(path) as part:
            part.write_text(text, encoding="utf-8")
    except PermissionError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}): choose another folder"
        ) from error
