"""The uncertainty beside an output: its file, and what becomes of it when a run is killed between the two final names."""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.journal import Journal
from ssdiff_cli.rasters.writing.metadata import read_provenance
from ssdiff_cli.rasters.writing.shards import own_path
from ssdiff_cli.rasters.writing.sink import RasterSink, SinkOptions, open_sink
from ssdiff_models.errors import UsageError

__all__ = ["check_named_spread", "open_spread", "spread_is_named"]

CONTENT = "standard deviation of the samples, DN"


def open_spread(
    job: SharpenJob, pair: ScenePair, options: SinkOptions
) -> AbstractContextManager[RasterSink]:
    """Opens the file of standard deviations, given the output's options."""
    assert job.uncertainty is not None
    own = replace(
        options,
        dtype="float32",
        nodata=float("nan"),
        creation=tuple(
            option for option in options.creation if option[0].upper() not in {"NBITS", "PREDICTOR"}
        ),
        provenance={**options.provenance, "CONTENT": CONTENT},
        deviations=True,
    )
    return open_sink(job.uncertainty, pair, options=own)


def spread_is_named(job: SharpenJob) -> bool:
    """Whether the uncertainty has its final name while the output is unfinished: it is the first of the two to get it."""
    if job.uncertainty is None or job.sink.overwrite:
        return False
    output, spread = (own_path(path, job.sink.shard) for path in (job.output, job.uncertainty))
    unfinished = Path(f"{output}.part").exists() and Journal(output).path.exists()
    return (
        unfinished
        and Path(spread).exists()
        and not Path(output).exists()
        and not Path(f"{spread}.part").exists()
    )


def check_named_spread(job: SharpenJob, options: SinkOptions) -> None:
    """Makes sure that it is this run's: it says how it was made.

    Raises:
        UsageError: When it is not.
    """
    assert job.uncertainty is not None
    path = own_path(job.uncertainty, job.sink.shard)
    tags = read_provenance(path)
    expected = {**options.provenance, "CONTENT": CONTENT}
    if any(tags.get(name) != value for name, value in expected.items()):
        raise UsageError(
            f"{path}: exists, and comes from another run; pass --overwrite to replace it"
        )
