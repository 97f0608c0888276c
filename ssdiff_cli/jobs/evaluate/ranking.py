"""Which method is best at full resolution, where no figure alone can say it.

D_rho sees ghosts, grain and softness alike, but not how much detail there is; the other figures
only bound it. Figures that fall with the injected detail (D_s, HQNR, R-SAM …) call the
interpolated MS good, so that they never decide.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ssdiff_cli.jobs.evaluate.scores import METRICS, Scores

__all__ = ["RULE", "Verdict", "ranking"]

SLOPES = (0.9, 1.08)
"""Detail, as a multiple of the PAN's, that looks neither soft nor over-sharpened."""
CORR = 0.97
"""Correlation with the PAN's detail below which it is not the PAN's."""
YARDSTICKS = ("gsa", "bt-h")
"""Methods whose better spectra bound those of the others."""
SPECTRAL = ("r_sam", "d_lambda_align")
RULE = (
    f"ranked by D_rho among images with slope {SLOPES[0]} to {SLOPES[1]}, corr of {CORR} or more, "
    "and R-SAM and D_lambda,align no worse than the better of GSA's and BT-H's"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The rank of one method."""

    rank: int | None
    """1 is best; None for a method that misses a condition."""
    misses: tuple[str, ...] = ()
    """The figures that miss one."""

    def explained(self, scores: Scores) -> str:
        """Returns what is missed, for readers."""
        return ", ".join(f"{METRICS[name].title} {scores[name]:.3g}" for name in self.misses)


def ranking(means: Mapping[str, Scores]) -> dict[str, Verdict]:
    """Returns the verdict on each method, the best first, those without a rank last."""
    bounds = _bounds(means)
    misses = {
        method: tuple(_misses(scores, {} if method in YARDSTICKS else bounds))
        for method, scores in means.items()
    }
    order = sorted(means, key=lambda method: (bool(misses[method]), means[method]["d_rho"]))
    ranked = [method for method in order if not misses[method]]
    return {
        method: Verdict(
            rank=ranked.index(method) + 1 if method in ranked else None, misses=misses[method]
        )
        for method in order
    }


def _bounds(means: Mapping[str, Scores]) -> dict[str, float]:
    known = [means[method] for method in YARDSTICKS if method in means]
    return {name: min(scores[name] for scores in known) for name in SPECTRAL if known}


def _misses(scores: Scores, bounds: Mapping[str, float]) -> Iterator[str]:
    # A comparison with NaN is false, so that what is unknown is missed.
    if not SLOPES[0] <= scores["slope"] <= SLOPES[1]:
        yield "slope"
    if not scores["corr"] >= CORR:
        yield "corr"
    for name, bound in bounds.items():
        if not scores[name] <= bound:
            yield name
