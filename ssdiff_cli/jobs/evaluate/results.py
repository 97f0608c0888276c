"""Scores of all methods on all units, as JSON, CSV and rows of a table."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ssdiff_cli.jobs.evaluate.plan import Settings
from ssdiff_cli.jobs.evaluate.ranking import RULE, Verdict, ranking
from ssdiff_cli.jobs.evaluate.scores import (
    METRICS,
    Metric,
    Scores,
    Summary,
    metric_names,
    metric_tables,
    summarise,
)
from ssdiff_cli.jobs.evaluate.scoring import Scored
from ssdiff_cli.jobs.evaluate.thresholds import Condition
from ssdiff_cli.jobs.sharpen.job import NETWORK
from ssdiff_models.errors import ThresholdError

__all__ = ["Cell", "Evaluation", "Table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One score as a table prints it."""

    text: str
    best: bool
    """Whether no other row is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Figures as they are printed."""

    metrics: tuple[Metric, ...]
    """Its columns."""
    rows: Mapping[str, Sequence[Cell]]
    """A cell of each column by method."""
    ranks: Mapping[str, int | None] = field(default_factory=dict)
    """The methods' ranks, where this table decides them."""

    def rank(self, method: str) -> str:
        """Returns a method's rank as text."""
        return str(self.ranks[method] or "–")


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

    def verdicts(self) -> dict[str, Verdict]:
        """Returns the methods' ranks, best first; none but at full resolution."""
        full = self.settings.protocol == "full-resolution"
        return ranking(self.means()) if full else {}

    @property
    def comments(self) -> list[str]:
        """What a reader of the tables must know about ranks."""
        verdicts = self.verdicts()
        means = self.means()
        comments = [f"{RULE}; the best figures of ranked methods are marked"] if verdicts else []
        return comments + [
            f"not ranked: {method} ({verdict.explained(means[method])})"
            for method, verdict in verdicts.items()
            if verdict.misses
        ]

    def tables(self) -> list[Table]:
        """Returns the tables, a cell for each metric of each method: the mean, and its spread.

        The spread is the confidence interval for windows, else the standard deviation.
        """
        summaries = self.summaries()
        verdicts = self.verdicts()
        ranked = {method for method in verdicts if verdicts[method].rank}
        judged = {
            method: row for method, row in summaries.items() if method in ranked or not verdicts
        }
        tables = []
        for names in metric_tables(self.settings.protocol):
            best = {name: _best(name, judged) for name in names}
            rows = {}
            for method in verdicts or summaries:
                rows[method] = [
                    Cell(text=self._text(name, summaries[method]), best=method in best[name])
                    for name in names
                ]
            tables.append(Table(metrics=tuple(METRICS[name] for name in names), rows=rows))
        if verdicts:
            tables[0] = replace(tables[0], ranks={k: v.rank for k, v in verdicts.items()})
        return tables

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
            "ranking": {
                method: {"rank": verdict.rank, "misses": list(verdict.misses)}
                for method, verdict in self.verdicts().items()
            },
            "natural_d_rho": settings.natural_d_rho,
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
