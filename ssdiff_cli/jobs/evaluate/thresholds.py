"""``--fail-if``: conditions on scores, such as ``hqnr<0.9`` or ``gsa:sam>4``."""

import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ssdiff_cli.jobs.evaluate.scores import Scores
from ssdiff_models.errors import UsageError

__all__ = ["Condition", "parse_condition"]

_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_FORM = re.compile(
    r"\s*(?:(?P<method>[^<>=]+):)?\s*(?P<metric>\w+)\s*(?P<sign><=|>=|<|>)"
    r"\s*(?P<limit>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A comparison whose truth is a failure."""

    text: str
    """As the user wrote it."""
    method: str | None
    """The row of the table; None is every row that is judged."""
    metric: str
    sign: str
    limit: float

    def failures(self, scores: Mapping[str, Scores], judged: Sequence[str]) -> list[str]:
        """Returns a phrase for each row that fails; NaN fails."""
        failures = []
        for method in judged if self.method is None else [self.method]:
            value = scores[method][self.metric]
            if math.isnan(value) or _COMPARE[self.sign](value, self.limit):
                failures.append(f"{method} has {self.metric} {value:.6g} ({self.text.strip()})")
        return failures


def parse_condition(text: str, metrics: Sequence[str], methods: Sequence[str]) -> Condition:
    """Reads ``[METHOD:]METRIC<NUMBER`` (or ``<=``, ``>``, ``>=``).

    Raises:
        UsageError: When it has another form, or names no row of `methods` or none of `metrics`.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--fail-if {text!r} is not a condition: write it like 'hqnr<0.9' or 'gsa:sam>4'"
        )
    metric = match["metric"].lower()
    if metric not in metrics:
        raise UsageError(
            f"--fail-if {text!r}: {metric!r} is not scored here; known are {', '.join(metrics)}"
        )
    method = match["method"] and match["method"].strip()
    if method and method not in methods:
        raise UsageError(
            f"--fail-if {text!r}: no row is called {method!r}; there are {', '.join(methods)}"
        )
    return Condition(
        text=text,
        method=method or None,
        metric=metric,
        sign=match["sign"],
        limit=float(match["limit"]),
    )
