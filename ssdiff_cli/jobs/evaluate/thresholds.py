"""``--fail-if``: conditions on scores, such as ``hqnr<0.9`` or ``gsa:sam>4``.

A condition without a row's name is about what is being judged: the given products; without any, ssdiff; without it, every row.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ssdiff_cli.jobs.evaluate.scores import Scores
from ssdiff_cli.jobs.sharpen.job import NETWORK
from ssdiff_models.errors import ThresholdError, UsageError

__all__ = ["Condition", "Conditions", "check_rows", "judged_rows", "parse_condition"]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FORM = re.compile(
    r"\s*(?:(?P<method>[^<>=]+):)?\s*(?P<metric>\w+)\s*(?P<sign><=|>=|<|>)\s*(?P<limit>\S+)\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A comparison whose truth is a failure."""

    text: str
    """As the user wrote it."""
    method: str | None
    """The row it names; None names none."""
    metric: str
    sign: str
    limit: float

    def failures(self, scores: Mapping[str, Scores], judged: Sequence[str]) -> list[str]:
        """Returns a phrase for each row that fails, among those `judged` or the one it names; what is no number cannot pass."""
        rows = judged if self.method is None else [self.method]
        values = {name: scores[name][self.metric] for name in rows}
        failing = {
            name: value
            for name, value in values.items()
            if math.isnan(value) or _COMPARE[self.sign](value, self.limit)
        }
        return [
            f"{name} has {self.metric} {value:.6g} ({self.text.strip()})"
            for name, value in failing.items()
        ]


def parse_condition(text: str, metrics: Sequence[str]) -> Condition:
    """Reads ``[METHOD:]METRIC<NUMBER`` (or ``<=``, ``>``, ``>=``).

    Raises:
        UsageError: When it is of another form, or the metric is none of `metrics`.
    """
    match = _FORM.fullmatch(text)
    limit = _number(match["limit"]) if match else None
    if match is None or limit is None:
        raise UsageError(
            f"--fail-if {text!r} is not a condition: write it like 'hqnr<0.9' or 'gsa:sam>4'"
        )
    metric = match["metric"].lower()
    if metric not in metrics:
        raise UsageError(
            f"--fail-if {text!r}: {metric!r} is not scored here; known are {', '.join(metrics)}"
        )
    method = match["method"]
    return Condition(
        text=text,
        method=method.strip() if method else None,
        metric=metric,
        sign=match["sign"],
        limit=limit,
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def check_rows(conditions: Sequence[Condition], rows: Sequence[str]) -> None:
    """Refuses conditions on rows that will not be there.

    Raises:
        UsageError: When a condition names another row; the message lists the rows.
    """
    for condition in conditions:
        if condition.method is not None and condition.method not in rows:
            raise UsageError(
                f"--fail-if {condition.text!r}: no row is called {condition.method!r}; there are {', '.join(rows)}"
            )


def judged_rows(rows: Sequence[str], products: Sequence[str]) -> tuple[str, ...]:
    """Returns the rows that conditions without a name are about."""
    if products:
        return tuple(products)
    return (NETWORK,) if NETWORK in rows else tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """All conditions of a run, and the rows that those without a name are about."""

    conditions: tuple[Condition, ...]
    judged: tuple[str, ...]

    def check(self, scores: Mapping[str, Scores]) -> None:
        """Compares the mean scores with every condition.

        Raises:
            ThresholdError: When one fails; the message is the first failing line and how many more there are.
        """
        failing = [
            line
            for condition in self.conditions
            for line in condition.failures(scores, self.judged)
        ]
        if failing:
            more = f", and {len(failing) - 1} more" if len(failing) > 1 else ""
            raise ThresholdError(f"threshold missed: {failing[0]}{more}")
