"""The rows of the table, and their trainings, which go on where an earlier call stopped."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ssdiff_cli.device import DeviceOptions
from ssdiff_cli.jobs.train.run import ValidationReport, train
from ssdiff_cli.jobs.train.setup import TrainingRequest, prepared
from ssdiff_models.checkpoint import read_header
from ssdiff_models.files import atomic
from ssdiff_models.nets.registry import BASELINES

__all__ = ["CLASSICAL", "ENTRIES", "Budget", "Entry", "Run", "Training", "runs_of"]

CLASSICAL = ("exp", "bt-h")
"""Rows without training: plain interpolation, and the prior of our models."""
SAVE_EVERY = 50
"""Steps that a stopped call may lose."""
TIMED = 5
"""Steps that are timed, after a first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A network and the image that it corrects."""

    name: str
    network: str
    prior: str = "lms"


ENTRIES = {
    "ssdiff-lms": Entry(name="ssdiff-lms", network="ssdiff"),
    "ssdiff": Entry(name="ssdiff", network="ssdiff", prior="bt-h"),
    **{name: Entry(name=name, network=name) for name in BASELINES},
}
"""SSDiff with the paper's prior and with ours, and the baselines, by name."""
REFERENCE = "ssdiff"
"""The entry whose time of training is the others' budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What all entries train with."""

    steps: int
    batch: int
    patch: int

    @property
    def pixels(self) -> int:
        """Pixels of a step."""
        return self.batch * self.patch**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training of one entry."""

    entry: Entry
    seed: int
    budget: str
    """``steps``: as many steps as all; ``time``: as long as the reference trains."""

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.entry.name}-{self.budget}-{self.seed}"


def runs_of(entries: Sequence[str], seeds: Sequence[int]) -> Iterator[Run]:
    """Yields the runs, seeds last, so that a table of one seed is whole first."""
    for seed in seeds:
        for budget in ("steps", "time"):
            for name in entries:
                entry = ENTRIES.get(name)
                # SSDiff's own time is the budget.
                if entry and not (budget == "time" and entry.network == REFERENCE):
                    yield Run(entry=entry, seed=seed, budget=budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Data, budget and folder of all trainings."""

    folder: Path
    data: tuple[tuple[str, Any], ...]
    """Settings of the section data."""
    budget: Budget
    device: DeviceOptions

    def model(self, run: Run) -> Path:
        """Returns the file of a run's best checkpoint."""
        return self.folder / f"{run.name}.safetensors"

    def finished(self, run: Run) -> bool:
        """Whether a run has all its steps."""
        last = self.model(run).with_suffix(".last.safetensors")
        if not last.exists():
            return False
        done: int = read_header(last)["metadata"]["training"]["steps"]
        return done >= self.steps(run)

    def advance(self, run: Run, deadline: float) -> bool:
        """Trains until the end or the deadline, by `time.monotonic`; tells whether it ended."""
        if self.finished(run):
            return True
        request = self._request(run.entry, self.model(run), self.steps(run), run.seed)
        with prepared(request, {}) as (job, scenes), closing(train(job, scenes)) as reports:
            for report in reports:
                # The state of a step is on disk when the next one comes.
                saved = not isinstance(report, ValidationReport) and report.step % SAVE_EVERY == 1
                if saved and time.monotonic() > deadline:
                    return False
        return True

    def steps(self, run: Run) -> int:
        """Returns the steps of a run."""
        if run.budget == "steps":
            return self.budget.steps
        reference = self.seconds_per_step(ENTRIES[REFERENCE])
        share = reference / self.seconds_per_step(run.entry)
        return max(round(self.budget.steps * share), 1)

    def seconds_per_step(self, entry: Entry) -> float:
        """Returns the time of a step; it is measured once, so that budgets stay as they are."""
        path = self.folder / "seconds.json"
        known: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
        if entry.name not in known:
            known[entry.name] = self._timed(entry)
            with atomic(path) as part:
                part.write_text(json.dumps(known, indent=1))
        return known[entry.name]

    def _timed(self, entry: Entry) -> float:
        """Trains a few steps for nothing but their time, without validation."""
        with TemporaryDirectory(dir=self.folder) as folder:
            # Longer than it runs, so that it never validates.
            request = self._request(entry, Path(folder) / "timed.safetensors", 10**6, 1)
            with prepared(request, {}) as (job, scenes), closing(train(job, scenes)) as reports:
                next(reports)
                started = time.perf_counter()
                for _ in range(TIMED):
                    next(reports)
                return (time.perf_counter() - started) / TIMED

    def _request(self, entry: Entry, output: Path, steps: int, seed: int) -> TrainingRequest:
        budget = self.budget
        data = {**dict(self.data), "prior": entry.prior}
        training = {"steps": steps, "batch": budget.batch, "size": budget.patch, "seed": seed}
        training |= {"decay": steps // 4, "warmup": min(200, steps // 10)}
        run = {"validate_every": max(steps // 10, 1), "save_every": SAVE_EVERY}
        network = {"name": entry.network}
        sections = {"data": data, "network": network, "training": training, "run": run}
        flags = [(title, *item) for title, values in sections.items() for item in values.items()]
        cache = str(self.folder / f"{entry.prior}.cache")
        return TrainingRequest(
            output=output, flags=tuple(flags), cache=cache, device=replace(self.device)
        )
