"""The table in Markdown, of the scores that there are."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from ssdiff_cli.jobs.evaluate.scores import METRICS

__all__ = ["tables"]

Rows = Sequence[Mapping[str, Any]]
TITLES = {
    **{name: metric.title for name, metric in METRICS.items()},
    "parameters": "parameters",
    "kflop": "kFLOP/px",
    "s_per_mpx": "s/Mpx",
    "s_per_step": "s/step",
}
"""The columns in their order."""
BUDGETS = {"steps": ": equal steps", "time": ": equal time of training"}


def tables(rows: Rows, costs: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yields the lines of all tables: each budget and group, then the costs."""
    budgets = [budget for budget in BUDGETS if any(row["budget"] == budget for row in rows)]
    for budget in budgets or [""]:
        # Rows without a budget are the same in all.
        own = [row for row in rows if row["budget"] in {budget, ""}]
        for group in dict.fromkeys(row["group"] for row in own):
            members = [row for row in own if row["group"] == group]
            yield from _table(group + BUDGETS.get(budget, ""), _by_entry(members))
            strange = {row["scene"] for row in members if row["unseen"]}
            if strange:
                unseen = [row for row in members if row["scene"] in strange]
                title = f"{group}, unseen sensors" + BUDGETS.get(budget, "")
                yield from _table(title, _by_entry(unseen))
    if costs:
        cells = {
            name: {key: _number(value) for key, value in cost.items()}
            for name, cost in costs.items()
        }
        yield from _table("cost", cells)


def _by_entry(rows: Rows) -> dict[str, dict[str, str]]:
    """Returns the cells of each entry: the mean of its seeds, and half their range."""
    cells: dict[str, dict[str, str]] = {}
    for entry in dict.fromkeys(row["entry"] for row in rows):
        own = [row for row in rows if row["entry"] == entry]
        seeds = [
            [row for row in own if row["seed"] == seed] for seed in {row["seed"] for row in own}
        ]
        cells[entry] = {name: _cell(seeds, name) for name in own[0]["figures"]}
    return cells


def _cell(seeds: Sequence[Rows], name: str) -> str:
    means = [fmean(row["figures"][name] for row in rows) for rows in seeds]
    text = _number(fmean(means))
    return text if len(means) == 1 else f"{text} ± {_number((max(means) - min(means)) / 2)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _table(title: str, cells: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    present = {name for row in cells.values() for name in row}
    names = [name for name in TITLES if name in present]
    yield ""
    yield f"## {title}"
    yield ""
    yield "| | " + " | ".join(TITLES[name] for name in names) + " |"
    yield "|---|" + "---|" * len(names)
    for entry, row in cells.items():
        yield f"| {entry} | " + " | ".join(row.get(name, "") for name in names) + " |"
