"""The frame of the command line: start-up, exit codes, verbosity, stdout and stderr."""

import errno
import logging
import os
import subprocess
import sys
from io import StringIO

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from ssdiff_cli import console
from ssdiff_cli.app import ErrorGroup, app
from ssdiff_cli.options.flags import Quiet, Verbose
from ssdiff_models import __version__
from ssdiff_models.errors import (
    InputError,
    ModelError,
    ResourceError,
    SsdiffError,
    ThresholdError,
    UsageError,
)


class Terminal(StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        return True


def run_raising(error: BaseException, *flags: str) -> Result:
    failing = typer.Typer(cls=ErrorGroup)

    @failing.command()
    def work(verbose: Verbose = 0, quiet: Quiet = 0) -> None:
        raise error

    @failing.callback()
    def root() -> None:
        """Makes `work` a sub-command, as in ssdiff."""

    return CliRunner().invoke(failing, ["work", *flags])


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"ssdiff {__version__}\n")


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ssdiff_cli", "--nope"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ssdiff: No such option: --nope")
    assert done.stderr.endswith("Try 'ssdiff --help'.\n")


def test_without_a_command_it_shows_its_help() -> None:
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0
    assert "Usage: ssdiff" in done.stdout or "Usage: root" in done.stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SsdiffError("x.tif: odd"), 1),
        (UsageError("x.tif: odd"), 2),
        (typer.BadParameter("x.tif: odd"), 2),
        (InputError("x.tif: odd"), 3),
        (ModelError("x.tif: odd"), 4),
        (ResourceError("x.tif: odd"), 5),
        (ThresholdError("x.tif: odd"), 6),
    ],
)
def test_an_error_for_users_is_one_line_and_its_exit_code(error: Exception, code: int) -> None:
    done = run_raising(error)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith("ssdiff: ")
    assert "x.tif: odd" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_command_is_a_usage_error_that_names_a_near_one() -> None:
    frame = typer.Typer(cls=ErrorGroup)
    frame.command("sharpen")(lambda: None)
    frame.command("check")(lambda: None)
    done = CliRunner().invoke(frame, ["sharpn"])
    assert done.exit_code == 2
    assert done.stderr.startswith("ssdiff: No such command 'sharpn'")
    assert "sharpen" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_message_of_several_lines_becomes_one() -> None:
    assert run_raising(InputError("a.tif:\n  cut short\n")).stderr == "ssdiff: a.tif: cut short\n"


def test_interrupting_is_130() -> None:
    done = run_raising(KeyboardInterrupt())
    assert (done.exit_code, done.stderr) == (130, "ssdiff: interrupted\n")


def allocation_error() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    return caught.value


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), allocation_error()]
)
def test_out_of_memory_is_5_and_says_what_helps(error: Exception) -> None:
    done = run_raising(error)
    assert done.exit_code == 5
    assert done.stderr.startswith("ssdiff: out of memory")
    assert "--batch-size" in done.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_5_and_names_the_file(number: int) -> None:
    done = run_raising(OSError(number, os.strerror(number), "out.tif"))
    assert done.exit_code == 5
    assert "out.tif: the disk is full" in done.stderr


def test_anything_else_is_a_bug_that_asks_for_a_report() -> None:
    done = run_raising(KeyError("band"))
    assert done.exit_code == 1
    assert "bug" in done.stderr
    assert "KeyError: 'band'" in done.stderr
    assert "-vv" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("error", [KeyError("band"), InputError("x.tif: odd")])
def test_vv_adds_the_traceback_to_any_error(error: Exception) -> None:
    assert "Traceback" not in run_raising(error, "-v").stderr
    assert "Traceback (most recent call last)" in run_raising(error, "-vv").stderr


def test_no_quiet_is_quiet_enough_to_hide_an_error() -> None:
    assert run_raising(InputError("x.tif: odd"), "-qqq").stderr == "ssdiff: x.tif: odd\n"


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (["-qq"], ""),
        (["-q"], ""),
        ([], "W"),
        (["-v", "-q"], "W"),
        (["-v"], "WI"),
        (["-vv"], "WID"),
        (["-vvv"], "WID"),
    ],
)
def test_verbosity_after_the_command_name(flags: list[str], shown: str) -> None:
    talking = typer.Typer(cls=ErrorGroup)

    @talking.command()
    def work(verbose: Verbose = 0, quiet: Quiet = 0) -> None:
        log = logging.getLogger("ssdiff_models.some.room")
        log.warning("W")
        log.info("I")
        log.debug("D")
        logging.getLogger("rasterio").warning("not ours")

    done = CliRunner().invoke(talking, flags)
    expected = {"W": "ssdiff: warning: W\n", "I": "ssdiff: I\n", "D": "ssdiff: D\n"}
    assert done.stderr == "".join(expected[letter] for letter in shown)


def test_verbosity_before_and_after_the_command_name_adds_up() -> None:
    frame = typer.Typer(cls=ErrorGroup)

    @frame.callback()
    def root(verbose: Verbose = 0) -> None:
        """Takes a -v before the command."""

    @frame.command()
    def work(verbose: Verbose = 0) -> None:
        logging.getLogger("ssdiff_cli.jobs").debug("D")

    assert CliRunner().invoke(frame, ["-v", "work"]).stderr == ""
    assert CliRunner().invoke(frame, ["-v", "work", "-v"]).stderr == "ssdiff: D\n"


def test_warnings_are_collected_even_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    console.adjust_verbosity(-2, 0)
    with console.collected_warnings() as texts:
        logging.getLogger("ssdiff_cli.jobs").warning("MS has %d bands", 5)
        logging.getLogger("ssdiff_cli.jobs").error("not a warning")
    logging.getLogger("ssdiff_cli.jobs").warning("later")
    assert texts == ["MS has 5 bands"]
    assert "bands" not in capsys.readouterr().err


def test_python_warnings_are_one_line_of_talk() -> None:
    done = python(
        "import sys, warnings; from ssdiff_cli.app import app, main\n"
        "app.command('warn')(lambda: warnings.warn('odd')); sys.argv = ['ssdiff', 'warn']; main()"
    )
    assert done.returncode == 0
    assert done.stderr.startswith("ssdiff: warning: ")
    assert "odd" in done.stderr
    assert done.stderr.count("\n") == 1


def test_json_has_numbers_and_nulls(capsys: pytest.CaptureFixture[str]) -> None:
    record = {
        "a": float("nan"),
        "b": [1, 2.5, float("inf")],
        "c": torch.tensor(3),
        "d": {"é": None, "t": True},
    }
    console.emit_json(record)
    assert (
        capsys.readouterr().out
        == '{"a": null, "b": [1, 2.5, null], "c": 3, "d": {"é": null, "t": true}}\n'
    )


def test_json_refuses_what_has_no_form() -> None:
    with pytest.raises(TypeError, match="set"):
        console.emit_json({"a": {1, 2}})


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_streams_that_the_caller_closed_are_no_error(closed: str) -> None:
    closing = " ".join(f"{number}>&-" for number in closed.split())
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m ssdiff_cli models list {closing}', sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "ssdiff_cli", "--version"],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_progress_shows_tiles_and_speed_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with console.tile_progress("sharpen") as update:
        update(3, 7, 3_000_000)
        logging.getLogger("ssdiff_cli").warning("odd tile")
    text = terminal.getvalue()
    assert "3/7" in text
    assert "MP/s" in text
    assert "ssdiff: warning: odd tile" in text
    assert not capsys.readouterr().out


@pytest.mark.parametrize(("stream", "quiet"), [(StringIO, 0), (Terminal, 1)])
def test_progress_is_silent_without_a_terminal_and_when_quiet(
    monkeypatch: pytest.MonkeyPatch, stream: type[StringIO], quiet: int
) -> None:
    stderr = stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    console.adjust_verbosity(-quiet, 0)
    with console.tile_progress("sharpen") as update:
        update(1, 1, 1_000)
    assert not stderr.getvalue()


def test_no_help_is_eaten_as_markup() -> None:
    """Square brackets in a help text are markup to what renders it, and vanish."""
    root = typer.main.get_command(app)
    assert isinstance(root, ErrorGroup)
    helps = {
        f"{name} {param.name}": getattr(param, "help", None) or ""
        for name, command in root.commands.items()
        for param in command.params
    }
    assert len(helps) > 100
    assert [place for place, text in helps.items() if "[" in text] == []
