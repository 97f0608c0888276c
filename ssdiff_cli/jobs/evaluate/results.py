"""Scores of all methods on all samples, and the forms they leave the tool in: JSON, CSV, rows of a table."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ssdiff_cli.jobs.evaluate.samples.sample import Scored, Settings
from ssdiff_cli.jobs.evaluate.scores import METRICS, Scores, Summary, metric_names, summarise

__all__ = ["Cell", "Evaluation", "describe_settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure as a table prints it."""

    text: str
    best: bool
    """Whether no other row is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores as they come in, and what they amount to."""

    settings: Settings
    scores: dict[str, list[tuple[str, Scores]]] = field(default_factory=dict)
    """For each method the units' names and scores."""

    def add(self, scored: Scored) -> None:
        """Takes the scores of one method on one unit."""
        self.scores.setdefault(scored.method, []).append((scored.name, scored.scores))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, in the order of tables."""
        return metric_names(self.settings.protocol)

    @property
    def count(self) -> int:
        """Units scored: scenes, windows or images."""
        return max((len(rows) for rows in self.scores.values()), default=0)

    def summaries(self) -> dict[str, Summary]:
        """Returns mean, deviation and confidence interval of each method."""
        return {
            method: summarise([scores for _, scores in rows])
            for method, rows in self.scores.items()
        }

    def means(self) -> dict[str, Scores]:
        """Returns the mean scores of each method."""
        return {method: summary.mean for method, summary in self.summaries().items()}

    def table(self) -> dict[str, list[Cell]]:
        """Returns the rows of a table, a cell for each metric; with several samples mean ± deviation (± confidence for windows)."""
        summaries = self.summaries()
        best = {name: _best(name, summaries) for name in self.metrics}
        return {
            method: [self._cell(name, method, summary, best[name]) for name in self.metrics]
            for method, summary in summaries.items()
        }

    def _cell(self, name: str, method: str, summary: Summary, best: frozenset[str]) -> Cell:
        digits = METRICS[name].digits
        text = (
            f"{summary.mean[name]:.{digits}f}"
            if math.isfinite(summary.mean[name])
            else _odd(summary.mean[name])
        )
        spread = summary.ci95 if self.settings.unit == "window" else summary.std
        if self.count > 1 and math.isfinite(spread[name]):
            text += f" ± {spread[name]:.{digits}f}"
        return Cell(text=text, best=method in best)

    def as_json(self) -> dict[str, object]:
        """Returns the object that ``--json`` prints."""
        settings, summaries = self.settings, self.summaries()
        return {
            "protocol": settings.protocol,
            "sensor": settings.sensor.name,
            "ratio": settings.ratio,
            "crop": settings.crop,
            "psnr": f"pooled over bands, peak {settings.peak:g}",
            "inputs": list(settings.inputs),
            "unit": settings.unit,
            "count": self.count,
            "methods": {method: summary.mean for method, summary in summaries.items()},
            "std": {method: summary.std for method, summary in summaries.items()},
            "ci95": {method: summary.ci95 for method, summary in summaries.items()},
            "notes": list(settings.notes),
        }

    def as_csv(self) -> str:
        """Returns a row for each method and sample, then, with several samples, their mean, std and ci95."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["method", self.settings.unit, *self.metrics])
        summaries = self.summaries()
        for method, rows in self.scores.items():
            for name, scores in rows:
                writer.writerow([method, name, *self._values(scores)])
            if len(rows) > 1:
                summary = summaries[method]
                for name, scores in (
                    ("mean", summary.mean),
                    ("std", summary.std),
                    ("ci95", summary.ci95),
                ):
                    writer.writerow([method, name, *self._values(scores)])
        return text.getvalue()

    def _values(self, scores: Scores) -> list[str]:
        return [repr(scores[name]) if math.isfinite(scores[name]) else "" for name in self.metrics]


def _odd(value: float) -> str:
    return "n/a" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _best(name: str, summaries: Mapping[str, Summary]) -> frozenset[str]:
    """Returns the methods that no other one beats; none where there is nothing to compare."""
    values = {
        method: summary.mean[name]
        for method, summary in summaries.items()
        if not math.isnan(summary.mean[name])
    }
    if len(summaries) < 2:
        return frozenset()
    return frozenset(
        method
        for method, value in values.items()
        if not any(METRICS[name].better(other, value) for other in values.values())
    )


def describe_settings(settings: Settings, count: int) -> list[tuple[str, str]]:
    """Returns the protocol as pairs of a name and what stands there."""
    cut = (
        f"{settings.crop} pixels (rows and columns {settings.crop}:end-{settings.crop})"
        if settings.crop
        else "none"
    )
    gains = ", ".join(f"{gain:g}" for gain in settings.sensor.ms_gains)
    described = [
        ("protocol", settings.protocol),
        ("inputs", ", ".join(settings.inputs)),
        ("sensor", f"{settings.sensor.title} (MTF gains {gains})"),
        ("ratio", str(settings.ratio)),
        ("border cut", cut),
    ]
    if settings.protocol != "full-resolution":
        described.append(("PSNR, SSIM", f"PSNR pooled over bands, peak {settings.peak:g}"))
    if count > 1:
        spread = (
            "95 % confidence interval of the mean"
            if settings.unit == "window"
            else "standard deviation (N-1)"
        )
        described.append(("figures", f"mean over {count} {settings.unit}s ± {spread}"))
    return described
