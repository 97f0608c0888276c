"""Scores of all methods on all units, as JSON, CSV and rows of a table."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

from ssdiff_cli.jobs.evaluate.plan import Settings
from ssdiff_cli.jobs.evaluate.scores import METRICS, Scores, Summary, metric_names, summarise
from ssdiff_cli.jobs.evaluate.scoring import Scored
from ssdiff_cli.jobs.evaluate.thresholds import Condition
from ssdiff_cli.jobs.sharpen.job import NETWORK
from ssdiff_models.errors import ThresholdError

__all__ = ["Cell", "Evaluation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One score as a table prints it."""

    text: str
    best: bool
    """Whether no other row is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an evaluation found."""

    settings: Settings
    scored: tuple[Scored, ...]
    products: tuple[str, ...] = ()
    """Those of the methods that were given as files."""
    conditions: tuple[Condition, ...] = ()
    """What must not be true of the mean scores."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, in the order of tables."""
        return metric_names(self.settings.protocol)

    @property
    def count(self) -> int:
        """Number of scored units: scenes, windows or images."""
        return len({scored.name for scored in self.scored})

    def rows(self) -> dict[str, list[Scored]]:
        """Returns the scores of each method."""
        methods = dict.fromkeys(scored.method for scored in self.scored)
        return {
            method: [scored for scored in self.scored if scored.method == method]
            for method in methods
        }

    def summaries(self) -> dict[str, Summary]:
        """Returns mean, deviation and confidence interval of each method."""
        return {
            method: summarise([scored.scores for scored in row])
            for method, row in self.rows().items()
        }

    def means(self) -> dict[str, Scores]:
        """Returns the mean scores of each method."""
        return {method: summary.mean for method, summary in self.summaries().items()}

    def check_thresholds(self) -> None:
        """Compares the mean scores with the conditions.

        Conditions that name no method are about the products; without any, about ssdiff; without
        it, about all methods.

        Raises:
            ThresholdError: When one fails.
        """
        means = self.means()
        network = (NETWORK,) if NETWORK in means else tuple(means)
        judged = self.products or network
        failures = [
            line for condition in self.conditions for line in condition.failures(means, judged)
        ]
        if failures:
            more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
            raise ThresholdError(f"threshold missed: {failures[0]}{more}")

    def table(self) -> dict[str, list[Cell]]:
        """Returns a cell for each metric of each method: the mean, and its spread if there is one.

        The spread is the confidence interval for windows, else the standard deviation.
        """
        summaries = self.summaries()
        best = {name: _best(name, summaries) for name in self.metrics}
        table = {}
        for method, summary in summaries.items():
            table[method] = [
                Cell(text=self._text(name, summary), best=method in best[name])
                for name in self.metrics
            ]
        return table

    def _text(self, name: str, summary: Summary) -> str:
        digits = METRICS[name].digits
        mean = summary.mean[name]
        spread = summary.ci95 if self.settings.unit == "window" else summary.std
        text = "n/a" if math.isnan(mean) else f"{mean:.{digits}f}"
        if self.count > 1 and math.isfinite(spread[name]):
            return f"{text} ± {spread[name]:.{digits}f}"
        return text

    def as_json(self) -> dict[str, object]:
        """Returns the object that ``--json`` prints."""
        settings = self.settings
        means = {}
        deviations = {}
        intervals = {}
        for method, summary in self.summaries().items():
            means[method] = summary.mean
            deviations[method] = summary.std
            intervals[method] = summary.ci95
        return {
            "protocol": settings.protocol,
            "sensor": settings.sensor.name,
            "ratio": settings.ratio,
            "crop": settings.crop,
            "psnr": settings.pooling,
            "inputs": list(settings.inputs),
            "unit": settings.unit,
            "count": self.count,
            "methods": means,
            "std": deviations,
            "ci95": intervals,
            "notes": [note.text for note in settings.notes],
        }

    def as_csv(self) -> str:
        """Returns a line for each method and unit, then, for several units, mean, std and ci95."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["method", self.settings.unit, *self.metrics])
        summaries = self.summaries()
        for method, row in self.rows().items():
            lines = [(scored.name, scored.scores) for scored in row]
            if len(row) > 1:
                summary = summaries[method]
                lines += [("mean", summary.mean), ("std", summary.std), ("ci95", summary.ci95)]
            for name, scores in lines:
                writer.writerow([method, name, *self._values(scores)])
        return text.getvalue()

    def _values(self, scores: Scores) -> list[str]:
        return [repr(scores[name]) if math.isfinite(scores[name]) else "" for name in self.metrics]


def _best(name: str, summaries: Mapping[str, Summary]) -> list[str]:
    """Returns the methods that no other one beats; none where there is nothing to compare."""
    means = {method: summary.mean[name] for method, summary in summaries.items()}
    best = []
    for method, mean in means.items():
        beaten = any(METRICS[name].better(other, mean) for other in means.values())
        if len(means) > 1 and not beaten and not math.isnan(mean):
            best.append(method)
    return best
