"""The commands as Python functions on files: keywords are the options, reports the results.

An option has the name of its flag with ``_`` for ``-`` (``--band-names`` is ``band_names``, ``-j`` is
``threads``, ``--batch-size`` is ``batch``), and its text or the Python value that it stands for:
``bidx="3,2,1"`` or ``bidx=(3, 2, 1)``, ``co={"COMPRESS": "ZSTD"}``.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from ssdiff_cli.options.evaluation import ReportFlags, ScoringFlags
from ssdiff_cli.options.expand import group_values
from ssdiff_cli.options.groups import (
    FusionFlags,
    InferenceFlags,
    MethodFlags,
    ModelFlags,
    PartFlags,
    SceneFlags,
    SinkFlags,
    sharpen_job,
)
from ssdiff_cli.progress import Progress, no_progress
from ssdiff_models.errors import UsageError

if TYPE_CHECKING:
    from ssdiff_cli.jobs.evaluate.results import Evaluation
    from ssdiff_cli.jobs.sharpen.check import CheckReport
    from ssdiff_cli.jobs.sharpen.job import SharpenReport

__all__ = ["check", "evaluate", "sharpen"]

Paths = str | os.PathLike[str]
_SCENE = (SceneFlags, MethodFlags, FusionFlags, InferenceFlags)
_NUMBERS = (int, float)


def sharpen(
    pan: Paths,
    *ms: Paths,
    output: Paths,
    progress: Progress = no_progress,
    **options: Any,  # noqa: ANN401 (whatever an option takes)
) -> "SharpenReport":
    """Fuses a PAN and an MS into a GeoTIFF, as ``ssdiff sharpen`` does.

    Args:
        pan: The PAN, or a product that holds both where there is no `ms`.
        ms: One or more files, each ``FILE[,band=N]``.
        output: The file to write.
        progress: Called with blocks done, blocks in all, and PAN pixels done.
        options: Those of the command, and `stats`, `uncertainty` and `shard`.

    Raises:
        SsdiffError: A `UsageError`, `InputError`, `ModelError` or `ResourceError`, in the words of
            the command; no file then has the output's name.
    """
    from ssdiff_cli.jobs.sharpen.refusals import check_needless
    from ssdiff_cli.jobs.sharpen.run import sharpen as run

    own = {name: options.pop(name, None) for name in ("stats", "uncertainty", "shard")}
    sink, *groups = _groups(options, SinkFlags, *_SCENE)
    job = sharpen_job(
        *groups,
        pan=os.fspath(pan),
        ms=[os.fspath(path) for path in ms],
        output=os.fspath(output),
        sink=sink.parsed(threads=groups[-1].threads, shard=own["shard"]),
        statistics=_text(own["stats"]),
        uncertainty=_text(own["uncertainty"]),
    )
    check_needless(job)
    return run(job, progress)


def check(pan: Paths, *ms: Paths, **options: Any) -> "CheckReport":  # noqa: ANN401 (as above)
    """Looks at a pair before it is sharpened, as ``ssdiff check`` does; `options` are its options.

    Raises:
        UsageError: When the options cannot be used with any pair.
        InputError: When sharpening would be refused.
    """
    from ssdiff_cli.jobs.sharpen.check import check as run

    statistics = _text(options.pop("stats", None))
    job = sharpen_job(
        *_groups(options, *_SCENE),
        pan=os.fspath(pan),
        ms=[os.fspath(path) for path in ms],
        output="",
        statistics=statistics,
    )
    return run(job)


def evaluate(
    *,
    progress: Progress = no_progress,
    **options: Any,  # noqa: ANN401 (as above)
) -> "Evaluation":
    """Scores fused images, as ``ssdiff eval`` does.

    Args:
        progress: Called as samples are scored.
        options: Those of the command; ``reduced=(pan, ms)`` and ``full=(pan, ms)`` are
            ``--reduced-res`` and ``--full-res``, and `steps` and `seed` the network's.

    Raises:
        SsdiffError: In the words of the command; a `ThresholdError` where one of `fail_if` holds.
    """
    from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
    from ssdiff_cli.jobs.evaluate.run import evaluate as run

    network = {name: options.pop(name) for name in ("steps", "seed") if name in options}
    groups = (ScoringFlags, ReportFlags, PartFlags, ModelFlags, InferenceFlags)
    scoring, outputs, pair, model, device = _groups(options, *groups)
    request = EvaluationRequest(
        **scoring.parsed([]),
        **group_values(model),
        **network,
        device=device.parsed(),
        pair=pair.parsed(),
        register=pair.registration,
        outputs=outputs.parsed(),
    )
    evaluation = run(request, progress)
    evaluation.check_thresholds()
    return evaluation


def _groups(options: Mapping[str, Any], *groups: Any) -> Iterator[Any]:  # noqa: ANN401 (classes)
    """Yields the groups of options with their values.

    Raises:
        UsageError: When an option is unknown, or is given what it does not take.
    """
    known = {one.name for group in groups for one in fields(group)}
    for name in options:
        if name not in known:
            raise UsageError(f"{name}: no such option: known are {', '.join(sorted(known))}")
    for group in groups:
        hints = _hints(group)
        given = {one.name: options[one.name] for one in fields(group) if one.name in options}
        yield group(**{name: _value(name, value, hints[name]) for name, value in given.items()})


@cache
def _hints(group: Any) -> dict[str, Any]:  # noqa: ANN401 (a class)
    return get_type_hints(group)


def _value(name: str, value: Any, hint: Any) -> Any:  # noqa: ANN401 (an option's value)
    """Returns a value as the command line would have it."""
    kinds = get_args(hint) if type(None) in get_args(hint) else (hint,)
    if value is None and type(None) in kinds:
        return None
    origins = {get_origin(kind) or kind for kind in kinds}
    if Literal in origins:
        choices = [choice for kind in kinds for choice in get_args(kind)]
        if value not in choices:
            raise UsageError(f"{name}={value!r}: choose among {', '.join(map(repr, choices))}")
        return value
    if list in origins:
        named = isinstance(value, Mapping)
        return [f"{key}={value[key]}" for key in value] if named else [*map(str, value)]
    if tuple in origins:
        return tuple(map(os.fspath, value))
    if str in origins:
        return _text(value)
    wanted = tuple(origin for origin in origins if origin in {bool, *_NUMBERS})
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise UsageError(f"{name}={value!r}: give {' or '.join(kind.__name__ for kind in wanted)}")
    return value


def _text(value: Any) -> str | None:  # noqa: ANN401 (an option's value)
    """Returns a text: paths as they are, sequences with commas."""
    if value is None:
        return None
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, (list, tuple)):
        return ",".join(str(_text(one)) for one in value)
    return str(value)
