"""Whether a change of the code changed any output: checksums of many small runs of ``ssdiff``.

Usage: ``python -m benchmarks.same_bytes [--only NAME]... [--json FILE] [--compare FILE]``

Prints a line a run: its name, the checksums of pixels, tags, text and whole raster files, and the
seconds it took. Before a change, write them with ``--json``; after it, ``--compare`` names the runs
that differ. Both belong on the same machine. Nothing of ssdiff is imported.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.same_bytes_hash import Sums, sums_of
from benchmarks.same_bytes_runs import KILLED, RUNS, lists
from benchmarks.same_bytes_scenes import make_scenes

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = {"sharpen", "eval", "check", "adapt", "merge", "batch", "train"}
"""Commands with ``-j``."""


def main(arguments: Sequence[str]) -> int:
    """Prints the list; returns the exit code, 1 where it differs from the one compared with."""
    options = _parse(arguments)
    found: dict[str, Sums] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        made = make_scenes(folder / "scenes", options.data, _simulate(folder))
        scenes = {name: Scene(words) for name, words in made.items()}
        for file, text in lists().items():
            (folder / "scenes" / file).write_text(text.format_map(scenes), encoding="utf-8")
        for run, command_lines in _chosen(options.only, scenes):
            start = time.monotonic()
            found[run] = _sums(folder / run, command_lines)
            print(f"{run:16}{found[run]}  {time.monotonic() - start:6.1f}", flush=True)
    table = {name: asdict(sums) for name, sums in found.items()}
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")
    if options.compare is None:
        return 0
    return _compare(table, json.loads(options.compare.read_text(encoding="utf-8")))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_bytes", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=list(RUNS),
        metavar="NAME",
        help="run only this; repeatable",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("../shared/data"),
        help="real pairs (default: ../shared/data)",
    )
    parser.add_argument("--json", type=Path, help="write the checksums to this file")
    parser.add_argument(
        "--compare", type=Path, help="exit 1 and name the runs that differ from this file"
    )
    parser.add_argument(
        "--keep", type=Path, help="new folder for what the runs write and print, to look at"
    )
    return parser.parse_args(arguments)


class Scene(str):
    """The words ``PAN MS``; the format ``0`` or ``1`` gives one of them, another one joins them."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        words = self.split()
        return words[int(spec)] if spec.isdigit() else (spec or " ").join(words)


def _chosen(
    only: Sequence[str] | None, scenes: Mapping[str, Scene]
) -> Iterator[tuple[str, list[str]]]:
    """Yields name and command lines; a run whose real scene is not there is left out."""
    for name in only or RUNS:
        try:
            yield name, [line.format_map(scenes) for line in RUNS[name]]
        except KeyError as missing:
            print(f"{name:16}left out: there is no scene {missing}", flush=True)


def _simulate(folder: Path) -> Callable[..., None]:
    def simulate(*words: str) -> None:
        subprocess.run(
            _command("simulate", *words),
            cwd=folder,
            env=_environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    return simulate


def _sums(folder: Path, command_lines: Sequence[str]) -> Sums:
    folder.mkdir()
    printed: list[str] = []
    for line in command_lines:
        if line.startswith(KILLED):
            _kill_half_way(folder, shlex.split(line.removeprefix(KILLED)))
        else:
            printed += _output(folder, shlex.split(line))
    found = sums_of(folder, printed)
    (folder / "printed.txt").write_text("\n".join(printed), encoding="utf-8")
    return found


def _output(folder: Path, words: Sequence[str]) -> list[str]:
    """Runs a command line; returns its exit code, stdout and stderr."""
    done = subprocess.run(
        _command(*words),
        cwd=folder,
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if "Traceback" in done.stderr:
        raise SystemExit(f"ssdiff {shlex.join(words)}\n{done.stderr}")
    return [str(done.returncode), done.stdout, done.stderr]


def _kill_half_way(folder: Path, words: Sequence[str]) -> None:
    """Kills a run as soon as its journal tells of more than its first entry did."""
    with subprocess.Popen(
        _command(*words), cwd=folder, env=_environment(), stdout=subprocess.DEVNULL
    ) as run:
        first = ""
        while run.poll() is None:
            now = "".join(
                path.read_text(encoding="utf-8") for path in folder.glob("*.journal.json")
            )
            if first and now not in {"", first}:
                run.kill()
                return
            first = first or now
            time.sleep(0.005)
    raise SystemExit(f"ssdiff {shlex.join(words)}: it ended before it could be killed")


def _command(*words: str) -> list[str]:
    one_thread = ["-j", "1"] if words[0] in ONE_THREAD and "--help" not in words else []
    return [sys.executable, "-m", "ssdiff_cli", *words, *one_thread]


def _environment() -> dict[str, str]:
    """Returns the variables of a run: one thread, a fixed width, the packages of this checkout."""
    fixed = {"OMP_NUM_THREADS": "1", "COLUMNS": "120", "TERM": "dumb", "NO_COLOR": "1"}
    return os.environ | fixed | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'models'}"}


def _compare(
    found: Mapping[str, Mapping[str, str]], before: Mapping[str, Mapping[str, str]]
) -> int:
    """Names the runs of `found` that differ."""
    differences = 0
    for name, sums in found.items():
        old = before.get(name, {})
        kinds = [kind for kind, value in sums.items() if old.get(kind) != value]
        if kinds:
            differences += 1
            print(f"{name}: differs in {', '.join(kinds)}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
