"""The file of standard deviations beside an output.

Of the two files it is the first to get its final name. A run that is killed between the two names
leaves it finished and the output unfinished; the run that resumes the output then keeps it.
"""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.journal import journal_path
from ssdiff_cli.rasters.writing.metadata import read_provenance
from ssdiff_cli.rasters.writing.output_path import refuse_existing
from ssdiff_cli.rasters.writing.shards import own_path
from ssdiff_cli.rasters.writing.sink import RasterSink, SinkOptions, open_sink

__all__ = ["check_finished_uncertainty", "open_uncertainty", "uncertainty_is_finished"]

CONTENT = "standard deviation of the samples, DN"
INTEGER_OPTIONS = {"NBITS", "PREDICTOR"}
"""Creation options that suit the output's integers, not floats."""


def open_uncertainty(
    path: str, pair: ScenePair, options: SinkOptions
) -> AbstractContextManager[RasterSink]:
    """Opens the file of standard deviations; `options` are the output's."""
    creation = options.creation
    own = replace(
        options,
        dtype="float32",
        nodata=float("nan"),
        creation=tuple(item for item in creation if item[0].upper() not in INTEGER_OPTIONS),
        provenance={**options.provenance, "CONTENT": CONTENT},
        deviations=True,
    )
    return open_sink(path, pair, options=own)


def uncertainty_is_finished(job: SharpenJob) -> bool:
    """Whether the uncertainty has its final name while the output is unfinished."""
    if job.uncertainty is None or job.sink.overwrite:
        return False
    output = own_path(job.output, job.sink.shard)
    uncertainty = own_path(job.uncertainty, job.sink.shard)
    resumable = Path(f"{output}.part").exists() and journal_path(output).exists()
    finished = Path(uncertainty).exists() and not Path(f"{uncertainty}.part").exists()
    return resumable and not Path(output).exists() and finished


def check_finished_uncertainty(path: str, options: SinkOptions) -> None:
    """Refuses a finished uncertainty that another run made, by its tags."""
    own = own_path(path, options.shard)
    tags = read_provenance(own)
    expected = {**options.provenance, "CONTENT": CONTENT}
    if any(tags.get(name) != value for name, value in expected.items()):
        refuse_existing(own, "and comes from another run")
