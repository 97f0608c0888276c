"""``ssdiff eval``: how good a fused image is, by the field's figures."""

from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.evaluation import ReportFlags, ScoringFlags
from ssdiff_cli.options.expand import expand, group_values
from ssdiff_cli.options.flags import Json, Seed, Steps
from ssdiff_cli.options.groups import InferenceFlags, ModelFlags, PartFlags

__all__ = ["eval_command"]


@expand
def eval_command(
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FUSED]…", help="More products, as after --fused."),
    ] = None,
    *,
    scoring: ScoringFlags,
    outputs: ReportFlags,
    pair: PartFlags,
    model: ModelFlags,
    steps: Steps = None,
    seed: Seed = 0,
    device: InferenceFlags,
    json: Json = False,
) -> None:
    """Score fused images by the field's figures.

    Works on pairs, degraded by Wald's protocol or at full resolution, on products with or without
    a truth, and on test sets. Marks the best figures. Exits 0 unless --fail-if says otherwise.
    """
    from ssdiff_cli.commands.eval_table import render_table
    from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
    from ssdiff_cli.jobs.evaluate.run import evaluate

    request = EvaluationRequest(
        **scoring.parsed(more or []),
        **group_values(model),
        steps=steps,
        seed=seed,
        device=device.parsed(),
        pair=pair.parsed(),
        register=pair.registration,
        outputs=outputs.parsed(),
    )
    with console.tile_progress("scoring") as progress:
        evaluation = evaluate(request, progress)
    if json:
        console.emit_json(evaluation.as_json())
    else:
        console.result(render_table(evaluation))
    evaluation.check_thresholds()
