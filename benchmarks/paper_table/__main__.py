"""The paper's table: its deep baselines and SSDiff, trained alike and scored alike.

Usage: ``python -m benchmarks.paper_table FOLDER -o DIR [--steps N] [--seeds 1 2] [--only NAME …]
[--seconds S]``, or with PanCollection's files instead of the folder
``--h5 TRAIN.h5 --valid VALID.h5 --test TEST.h5 …``.

The same command goes on where an earlier one was stopped, by ``--seconds`` or otherwise.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.paper_table.runs import CLASSICAL, ENTRIES, Budget, Run, Training, runs_of
from benchmarks.paper_table.scores import (
    FolderScores,
    H5Scores,
    ScoreFile,
    Task,
    cost_of,
    sensor_name,
)
from benchmarks.paper_table.table import tables
from ssdiff_cli.device import DeviceOptions
from ssdiff_models.checkpoint import read_header
from ssdiff_models.errors import ModelError, SsdiffError
from ssdiff_models.files import atomic

BANDS = ("blue", "green", "red", "nir")
SETTINGS = ("folder", "h5", "valid", "test", "steps", "batch", "patch", "without", "crop")
"""Options that decide the figures: a folder of results keeps to them."""


def main(arguments: Sequence[str]) -> int:
    """Trains and scores what is missing, as long as it may, and prints the tables."""
    options = _parse(arguments)
    try:
        finished = _Table(options).advance()
    except SsdiffError as error:
        sys.stderr.write(f"paper_table: {error}\n")
        return error.exit_code
    if not finished:
        sys.stderr.write("paper_table: out of time: the same command goes on\n")
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper_table", description=__doc__)
    add = parser.add_argument
    add("folder", nargs="?", help="pairs with an index.json")
    add("-o", "--output", type=Path, required=True, help="folder of the results")
    add("--h5", action="append", default=[], help="PanCollection file to train on")
    add("--valid", action="append", default=[], help="PanCollection file to validate with")
    add("--test", action="append", default=[], help="PanCollection file to score on")
    add("--steps", type=int, default=4000)
    add("--batch", type=int, default=4)
    add("--patch", type=int, default=64, help="side in PAN pixels, a multiple of 16")
    add("--seeds", type=int, nargs="+", default=[1, 2])
    known = [*CLASSICAL, *ENTRIES]
    add("--only", nargs="+", choices=known, default=known, metavar="NAME", help=", ".join(known))
    add("--without", action="append", default=[], help="sensor that no training sees")
    add("--crop", type=int, help="border cut of the test files with a reference (21)")
    add("--seconds", type=float, default=float("inf"), help="time after which to stop")
    add("--device", default="auto")
    add("--threads", type=int)
    options = parser.parse_args(arguments)
    if bool(options.folder) == bool(options.h5):
        parser.error("give a folder of pairs, or --h5 with --valid and --test")
    _keep(options, parser)
    return options


def _keep(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuses other settings than those of the results that are there."""
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "settings.json"
    settings = {name: getattr(options, name) for name in SETTINGS}
    if not path.exists():
        with atomic(path) as part:
            part.write_text(json.dumps(settings, indent=1))
    before = json.loads(path.read_text())
    for name, value in settings.items():
        if value != before[name]:
            parser.error(
                f"{path}: the results were made with --{name} {before[name]}, not {value}: "
                "choose another --output"
            )


class _Table:
    """The results in a folder, and what is missing."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._deadline = time.monotonic() + options.seconds
        self._folder: Path = options.output
        self._rows = ScoreFile(self._folder / "scores.jsonl")
        device = DeviceOptions(device=options.device, threads=options.threads)
        data: dict[str, Any] = {"without": options.without}
        if options.h5:
            data |= {"sources": options.h5, "valid": options.valid}
            self._scores: FolderScores | H5Scores = H5Scores(
                files=tuple(options.test), device=device, crop=options.crop
            )
        else:
            data |= {"sources": [options.folder], "bands": BANDS, "ratio": 4}
            self._scores = FolderScores(folder=Path(options.folder), bands=BANDS, device=device)
        self._training = Training(
            folder=self._folder,
            data=tuple(data.items()),
            budget=Budget(steps=options.steps, batch=options.batch, patch=options.patch),
            device=device,
        )

    def advance(self) -> bool:
        """Does what is missing, prints the tables, and tells whether nothing is missing."""
        finished = self._complete()
        text = "\n".join(tables(self._rows.rows, self._costs()))
        print(text.strip())
        return finished

    def _complete(self) -> bool:
        tasks = self._tasks()
        for name in CLASSICAL:
            if name in self._options.only and not self._score(name, None, tasks):
                return False
        for run in runs_of(self._options.only, self._options.seeds):
            try:
                trained = self._training.advance(run, self._deadline)
            except ModelError as error:
                # One that diverges must not cost the others their rows.
                sys.stderr.write(f"paper_table: {run.name} is left out: {error}\n")
                continue
            if not (trained and self._score(run.name, run, tasks)):
                return False
        return True

    def _tasks(self) -> list[Task]:
        """Returns the images to score; finding them takes minutes, so they are kept."""
        path = self._folder / "tasks.json"
        if not path.exists():
            found = [asdict(task) for task in self._scores.tasks()]
            with atomic(path) as part:
                part.write_text(json.dumps(found, indent=1))
        return [Task(**values) for values in json.loads(path.read_text())]

    def _score(self, name: str, run: Run | None, tasks: Sequence[Task]) -> bool:
        model = self._training.model(run) if run else None
        seen = read_header(model)["metadata"]["sensors"] if model else []
        budget = run.budget if run and run.entry.network != "ssdiff" else ""
        for task in tasks:
            if self._rows.has(name, task):
                continue
            if time.monotonic() > self._deadline:
                return False
            self._rows.add(
                {
                    "run": name,
                    "entry": run.entry.name if run else name,
                    "budget": budget,
                    "seed": run.seed if run else 0,
                    "group": task.group,
                    "scene": task.scene,
                    "sensor": task.sensor,
                    "unseen": bool(model and task.sensor) and sensor_name(task.sensor) not in seen,
                    "figures": self._scores.score(name, model, task),
                }
            )
        return True

    def _costs(self) -> dict[str, dict[str, float]]:
        """Measures each trained network once."""
        path = self._folder / "costs.json"
        known: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.exists() else {}
        for run in runs_of(self._options.only, self._options.seeds[:1]):
            name = run.entry.name
            if name not in known and self._training.model(run).exists():
                cost = cost_of(self._training.model(run), self._options.patch)
                known[name] = cost | {"s_per_step": self._training.seconds_per_step(run.entry)}
        with atomic(path) as part:
            part.write_text(json.dumps(known, indent=1))
        return known


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
