"""The file of standard deviations beside an output."""

from dataclasses import replace

from ssdiff_cli.rasters.writing.sink import SinkOptions

__all__ = ["uncertainty_options"]

CONTENT = "standard deviation of the samples, DN"
INTEGER_OPTIONS = {"NBITS", "PREDICTOR"}
"""Creation options that suit the output's integers, not floats."""


def uncertainty_options(options: SinkOptions) -> SinkOptions:
    """Returns how the standard deviations are written beside an output with these options."""
    creation = options.creation
    return replace(
        options,
        dtype="float32",
        nodata=float("nan"),
        creation=tuple(item for item in creation if item[0].upper() not in INTEGER_OPTIONS),
        provenance={**options.provenance, "CONTENT": CONTENT},
        deviations=True,
    )
