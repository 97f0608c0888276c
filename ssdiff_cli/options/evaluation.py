"""The options of ``ssdiff eval``: what to score, how, and what to write besides the table."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ssdiff_cli.options.flags import Overwrite, output_option

if TYPE_CHECKING:
    from ssdiff_cli.jobs.evaluate.run import Outputs

__all__ = ["ReportFlags", "ScoringFlags"]

_option = partial(typer.Option, rich_help_panel="Evaluation")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringFlags:
    """What to score, and how."""

    reduced_res: Annotated[
        tuple[str, str] | None,
        _option(metavar="PAN MS", help="Pair to degrade by its ratio (Wald); its MS is the truth."),
    ] = None
    full_res: Annotated[
        tuple[str, str] | None,
        _option(metavar="PAN MS", help="Pair to score as it is, without a reference."),
    ] = None
    dataset: Annotated[
        str | None, _option(metavar="FILE", help="PanCollection .h5 or DLPan .mat test set.")
    ] = None
    fused: Annotated[
        list[str] | None, _option(metavar="FILE", help="Product to score; repeatable.")
    ] = None
    reference: Annotated[
        str | None, _option(metavar="FILE", help="Truth on the grid of --fused.")
    ] = None
    methods: Annotated[
        str | None,
        _option(
            metavar="A,B,…",
            help="Methods to fuse with and score; ssdiff-consistent is ssdiff with --consistency. "
            "(default: ssdiff and five classical ones; only exp beside --fused)",
        ),
    ] = None
    crop: Annotated[
        int | None,
        _option(metavar="N", min=0, help="Border cut, pixels. (default: 21 with a reference)"),
    ] = None
    windows: Annotated[
        int | None,
        _option(metavar="N", min=1, help="Random windows. (default: all, 24 above 64 MP)"),
    ] = None
    ratio: Annotated[
        int | None, _option(metavar="N", min=2, help="PAN pixels per MS pixel. (default: measured)")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFlags:
    """What to write besides the table."""

    csv: Annotated[str | None, output_option(metavar="FILE", help="All figures as CSV.")] = None
    report: Annotated[
        str | None, output_option(metavar="FILE", help="An HTML page with pictures.")
    ] = None
    overwrite: Overwrite = False
    fail_if: Annotated[
        list[str] | None,
        output_option(
            metavar="CONDITION",
            help="Exit 6 if so: 'hqnr<0.9' (of the given products, else of ssdiff, else of all), "
            "'gsa:sam>4'; repeatable.",
        ),
    ] = None

    def parsed(self) -> "Outputs":
        """Returns the outputs of an evaluation."""
        from ssdiff_cli.jobs.evaluate.run import Outputs

        return Outputs(
            csv=self.csv,
            report=self.report,
            overwrite=self.overwrite,
            fail_if=tuple(self.fail_if or ()),
        )
