"""Every `--help` at 80 columns: whole names in sections, and an example that parses."""

import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from ssdiff_cli.app import app

PANELS = {
    "Arguments",
    "Pair",
    "Output",
    "Model",
    "Device",
    "Data",
    "Training",
    "Network",
    "Evaluation",
    "Options",
    "Example",
}


def leaves(command: Any, words: tuple[str, ...]) -> dict[tuple[str, ...], Any]:
    subs = getattr(command, "commands", None)
    if subs is None:
        return {words: command}
    return {
        name: leaf
        for sub in subs.values()
        for name, leaf in leaves(sub, (*words, sub.name)).items()
    }


LEAVES = leaves(typer.main.get_command(app), ())
every_command = pytest.mark.parametrize("words", LEAVES, ids=" ".join)


def page(*words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("words", [(), ("models",)])
def test_a_list_of_commands_has_whole_sentences(words: tuple[str, ...]) -> None:
    text = page(*words)
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.partition("Commands:")[2]


@every_command
def test_every_option_stands_whole_in_a_section_with_its_help(words: tuple[str, ...]) -> None:
    text = page(*words)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert set(re.findall(r"^(\w+):$", text, flags=re.MULTILINE)) <= PANELS
    # A type's name in brackets says nothing; each option has a word for its value, or takes none.
    assert re.search(r"<[a-z][^>]*>", text) is None
    for parameter in LEAVES[words].params:
        names = [*parameter.opts, *parameter.secondary_opts]
        if parameter.param_type_name == "option":
            assert any(
                line.startswith("  -") and all(name in line for name in names) for line in lines
            )
        assert parameter.help
        first = parameter.help.split()[:2]
        assert any(" ".join(first) in " ".join(line.split()) for line in lines), parameter.name


@every_command
def test_the_example_is_a_command_line_of_this_command(words: tuple[str, ...]) -> None:
    example = LEAVES[words].epilog
    assert f"Example:\n  {example}\n" in page(*words)
    program, *rest = shlex.split(example.partition(">")[0])
    assert (program, *rest[: len(words)]) == ("ssdiff", *words)
    context = LEAVES[words].make_context(words[-1], rest[len(words) :])
    assert any(value is not None for value in context.params.values())


def test_help_imports_no_library_that_it_does_not_need() -> None:
    heavy = {"torch", "rasterio", "numpy", "matplotlib", "shapely", "pyproj", "rich", "pydantic"}
    code = (
        "import sys; from ssdiff_cli.app import app\n"
        "try: app(['--help'])\n"
        f"except SystemExit: print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "[]\n"


def test_the_library_is_imported_without_torch() -> None:
    code = "import sys, ssdiff_models; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "set()\n", done.stderr
