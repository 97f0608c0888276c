"""``ssdiff eval``: how good a fused image is, by the field's figures, against what one would use otherwise."""

from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.flags import (
    Aoi,
    AssumeSameCrs,
    BatchSize,
    Bbox,
    BboxCrs,
    Bidx,
    Device,
    Json,
    Like,
    Model,
    Overwrite,
    PanBidx,
    Precision,
    Quiet,
    Register,
    RegisterLocal,
    RpcDem,
    Seed,
    Sensor,
    SrcNodata,
    Steps,
    Threads,
    Verbose,
)
from ssdiff_cli.options.groups import pair_options, registration

__all__ = ["evaluate"]

Pair = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--reduced-res",
        metavar="PAN MS",
        help="Degrade this pair by its ratio (Wald); its MS is the reference.",
        show_default=False,
    ),
]
FullPair = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--full-res",
        metavar="PAN MS",
        help="Score at the PAN's resolution, without a reference.",
        show_default=False,
    ),
]
Fused = Annotated[
    list[str] | None,
    typer.Option(
        "--fused", metavar="FILE", help="Product to score; repeatable.", show_default=False
    ),
]
More = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FUSED]...", help="More products, as after --fused.", show_default=False
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference", metavar="FILE", help="Truth on the grid of --fused.", show_default=False
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="FILE",
        help="PanCollection .h5 or DLPan .mat test set.",
        show_default=False,
    ),
]
Methods = Annotated[
    str | None,
    typer.Option(
        "--methods",
        metavar="A,B,...",
        help="Methods to fuse with and score; ssdiff-consistent is ssdiff with --consistency. "
        "(default: ssdiff and five classical ones; only exp beside --fused)",
        show_default=False,
    ),
]
Crop = Annotated[
    int | None,
    typer.Option(
        "--crop",
        min=0,
        help="Border cut in pixels. (default: 21 where there is a reference)",
        show_default=False,
    ),
]
Windows = Annotated[
    int | None,
    typer.Option(
        "--windows",
        min=1,
        help="Score this many random windows. (default: all, 24 above 64 MP)",
        show_default=False,
    ),
]
Ratio = Annotated[
    int | None,
    typer.Option(
        "--ratio", min=2, help="PAN pixels per MS pixel. (default: measured)", show_default=False
    ),
]
Csv = Annotated[
    str | None,
    typer.Option("--csv", metavar="FILE", help="Write all figures as CSV.", show_default=False),
]
Report = Annotated[
    str | None,
    typer.Option(
        "--report", metavar="FILE", help="Write an HTML page with pictures.", show_default=False
    ),
]
FailIf = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if",
        metavar="CONDITION",
        help="Exit 6 if so: 'hqnr<0.9' (of the given products, else of ssdiff, else of all), 'gsa:sam>4'; repeatable.",
        show_default=False,
    ),
]


def evaluate(
    *,
    more: More = None,
    reduced_res: Pair = None,
    full_res: FullPair = None,
    fused: Fused = None,
    reference: Reference = None,
    dataset: Dataset = None,
    methods: Methods = None,
    model: Model = None,
    sensor: Sensor = None,
    steps: Steps = None,
    seed: Seed = 0,
    bidx: Bidx = None,
    pan_bidx: PanBidx = None,
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    aoi: Aoi = None,
    like: Like = None,
    assume_same_crs: AssumeSameCrs = False,
    src_nodata: SrcNodata = None,
    rpc_dem: RpcDem = None,
    register: Register = False,
    register_local: RegisterLocal = False,
    crop: Crop = None,
    windows: Windows = None,
    ratio: Ratio = None,
    json: Json = False,
    csv: Csv = None,
    report: Report = None,
    overwrite: Overwrite = False,
    fail_if: FailIf = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: BatchSize = None,
    num_threads: Threads = None,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Score fused images: on a pair degraded by Wald's protocol, at full resolution, against a truth, or on a test set.

    Prints a table with the best figures marked. Exits 0 whatever the scores, unless --fail-if says otherwise.
    """
    del verbose, quiet  # they act through their callbacks
    from ssdiff_cli.commands.eval_table import render_table
    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.evaluate.method_names import parse_methods
    from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, ModelChoice
    from ssdiff_cli.jobs.evaluate.run import Outputs, run_evaluation

    request = EvaluationRequest(
        reduced=reduced_res,
        full=full_res,
        dataset=dataset,
        reference=reference,
        fused=(*(fused or ()), *(more or ())),
        methods=None if methods is None else parse_methods(methods),
        sensor=sensor,
        choice=ModelChoice(
            model=model,
            steps=steps,
            seed=seed,
            device=DeviceOptions(
                device=device, precision=precision, batch=batch_size, threads=num_threads
            ),
        ),
        pair=pair_options(
            bidx=bidx,
            pan_bidx=pan_bidx,
            bbox=bbox,
            bbox_crs=bbox_crs,
            aoi=aoi,
            like=like,
            assume_same_crs=assume_same_crs,
            src_nodata=src_nodata,
            rpc_dem=rpc_dem,
        ),
        register=registration(register=register, local=register_local),
        crop=crop,
        windows=windows,
        ratio=ratio,
    )
    outputs = Outputs(csv=csv, report=report, overwrite=overwrite, fail_if=tuple(fail_if or ()))
    with console.tile_progress("scoring") as progress:
        evaluation, conditions = run_evaluation(request, outputs, progress)
    if json:
        console.emit_json(evaluation.as_json())
    else:
        console.result(render_table(evaluation))
    conditions.check(evaluation.means())
