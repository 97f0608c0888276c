"""Groups of options as a command's signature, on whatever Typer is installed."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from ssdiff_cli.app import ErrorGroup
from ssdiff_cli.options.expand import expand


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: Annotated[int, typer.Option("--x")]
    y: Annotated[int, typer.Option("--y")] = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Point):
    name: Annotated[str | None, typer.Option("--name")] = None


def run(*words: str) -> Result:
    app = typer.Typer(cls=ErrorGroup)

    @app.command()
    @expand
    def show(place: str, *, point: Named, loud: bool = False) -> None:
        typer.echo(f"{place} {point} {loud}")

    @app.callback()
    def root() -> None:
        """Makes `show` a sub-command."""

    return CliRunner().invoke(app, ["show", *words])


def test_a_group_arrives_as_one_object_with_its_defaults() -> None:
    assert run("here", "--x", "3").stdout == "here Named(x=3, y=7, name=None) False\n"
    done = run("here", "--x", "3", "--y", "4", "--name", "n", "--loud", "-v", "-q")
    assert done.stdout == "here Named(x=3, y=4, name='n') True\n"


@pytest.mark.parametrize("words", [("here",), ("here", "--x", "three")])
def test_a_field_without_default_is_required_and_types_are_checked(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert "--x" in done.stderr
