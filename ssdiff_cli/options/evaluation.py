"""The options of ``ssdiff eval``: what to score, how, and what to write besides the table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ssdiff_cli.options.expand import group_values, section
from ssdiff_cli.options.flags import Overwrite

if TYPE_CHECKING:
    from ssdiff_cli.jobs.evaluate.request import Outputs

__all__ = ["ReportFlags", "ScoringFlags"]

_evaluation = section("Evaluation")
_output = section("Output")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringFlags:
    """What to score, and how."""

    reduced: tuple[str, str] | None = _evaluation(
        "--reduced-res",
        metavar="PAN MS",
        help="Pair to degrade by its ratio (Wald); its MS is the truth.",
    )
    full: tuple[str, str] | None = _evaluation(
        "--full-res", metavar="PAN MS", help="Pair to score as it is, without a reference."
    )
    dataset: str | None = _evaluation(
        metavar="FILE", help="PanCollection .h5 or DLPan .mat test set."
    )
    fused: list[str] | None = _evaluation(metavar="FILE", help="Product to score; repeatable.")
    reference: str | None = _evaluation(metavar="FILE", help="Truth on the grid of --fused.")
    methods: str | None = _evaluation(
        metavar="A,B,…",
        help="Methods to fuse with and score; ssdiff-consistent is ssdiff with --consistency. "
        "(default: ssdiff and five classical ones; only exp beside --fused)",
    )
    crop: int | None = _evaluation(min=0, help="Border cut, pixels. (default: 21 with a reference)")
    windows: int | None = _evaluation(min=1, help="Random windows. (default: all, 24 above 64 MP)")
    ratio: int | None = _evaluation(min=2, help="PAN pixels per MS pixel. (default: measured)")

    def parsed(self, more: list[str]) -> dict[str, Any]:
        """Returns fields of an `EvaluationRequest`; `more` are products to add to `fused`."""
        from ssdiff_cli.jobs.evaluate.method_names import parse_methods

        methods = None if self.methods is None else parse_methods(self.methods)
        fused = (*(self.fused or ()), *more)
        return group_values(self) | {"methods": methods, "fused": fused}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFlags:
    """What to write besides the table."""

    csv: str | None = _output(metavar="FILE", help="All figures as CSV.")
    report: str | None = _output(metavar="FILE", help="An HTML page with pictures.")
    quicklook: str | None = _output(
        metavar="FILE.png", help="Picture of PAN, MS and the first --fused, with --full-res."
    )
    overwrite: Overwrite = False
    fail_if: list[str] | None = _output(
        metavar="CONDITION",
        help="Exit 6 if so: 'hqnr<0.9' (of the given products, else of ssdiff, else of all), "
        "'gsa:sam>4'; repeatable.",
    )

    def parsed(self) -> "Outputs":
        """Returns the outputs of an evaluation."""
        from ssdiff_cli.jobs.evaluate.request import Outputs

        return Outputs(**group_values(self) | {"fail_if": tuple(self.fail_if or ())})
