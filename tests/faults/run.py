"""Runs a command once for each of its file operations, which fails there, and then once more without a fault.

Started with the library of `shim.c` in LD_PRELOAD: ``python -m tests.faults.run FOLDER STEP WORD…``. FOLDER has the inputs. Each
run is a fork of this process, so that torch and GDAL are loaded once. Prints a JSON object for each fault: what became of it.
"""

import ctypes
import errno
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ssdiff_cli.app import main

for name in ("adapt.run", "evaluate.run", "models", "sharpen.batch", "simulate", "train.run"):
    importlib.import_module(f"ssdiff_cli.jobs.{name}")

KINDS = {"kill": 0, "EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
NEVER = 1 << 40
SECONDS = 120


def operations(
    words: Sequence[str], folder: Path, number: int, failure: int
) -> tuple[int, str, int]:
    """Runs a command in a folder; returns its exit code, what it said, and its operations.

    A negative exit code is a signal; a process that was killed has counted nothing.
    """
    told, seen = folder.with_name("told"), folder.with_name("seen")
    seen.write_text("0")
    process = os.fork()
    if not process:
        os.chdir(folder)
        _run(words, told, seen, (os.fsencode(folder), number, failure))
    _, status = os.waitpid(process, 0)
    said = told.read_text(errors="replace")
    return os.waitstatus_to_exitcode(status), said, int(seen.read_text())


def _run(words: Sequence[str], told: Path, seen: Path, fault: tuple[bytes, int, int]) -> None:
    """Is the forked process: never returns."""
    signal.alarm(SECONDS)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.argv = ["ssdiff", *words]
    shim = ctypes.CDLL(None)
    code = 1
    shim.fault_arm(fault[0], ctypes.c_long(fault[1]), fault[2])
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    seen.write_text(str(shim.fault_seen()))
    os._exit(code)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Returns all files of a folder with what is in them, and all folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def faults(inputs: Path, step: int, words: Sequence[str]) -> Iterator[dict[str, object]]:
    """Yields what becomes of each fault, and of the same command after it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "work"
        shutil.copytree(inputs, folder)
        code, said, count = operations(words, folder, NEVER, 0)
        assert code == 0, said
        assert count > 0, "the library of shim.c is not loaded"
        whole = contents(folder)
        before = contents(inputs)
        kept = {name: data for name, data in before.items() if whole.get(name) == data}
        made = {name for name, data in whole.items() if data and before.get(name) != data}
        for kind, failure in KINDS.items():
            for number in range(0, count, step):
                shutil.rmtree(folder)
                shutil.copytree(inputs, folder)
                code, said, _ = operations(words, folder, number, failure)
                first = contents(folder)
                again, said_again, _ = operations(words, folder, NEVER, 0)
                found = {name for name in made if first.get(name) not in (None, before.get(name))}
                yield {
                    "kind": kind,
                    "number": number,
                    "of": count,
                    "code": code,
                    "said": said[-400:],
                    "inputs": all(first.get(name) == data for name, data in kept.items()),
                    "set": sorted(found)
                    if any(first[n] != whole[n] for n in found)
                    else len(found),
                    "outputs": len(made),
                    "again": again,
                    "said_again": said_again[-400:],
                    "same": contents(folder) == whole,
                    "left": sorted({*contents(folder)} ^ {*whole}),
                }


if __name__ == "__main__":
    for fault in faults(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]):
        sys.stdout.write(f"{json.dumps(fault)}\n")
        sys.stdout.flush()
