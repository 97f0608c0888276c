"""The page that ``--help`` shows: options in sections, whole names at 80 columns, an example."""

from typing import Any

from typer.core import TyperCommand

__all__ = ["HelpPage"]

_REST = "Options"
_NAMES = 32
"""Widest column of names."""


class HelpPage(TyperCommand):
    """A command whose help has a section for each ``rich_help_panel``; its epilog is an example."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 (Typer's own type)
        """Returns the words after the command's name."""
        arguments = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        return ["[OPTIONS]", *map(_name, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 (Typer's own types)
        """Writes arguments and options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                panel = getattr(parameter, "rich_help_panel", None)
                if parameter.param_type_name == "argument":
                    panel, record = "Arguments", (_name(parameter), record[1])
                sections.setdefault(panel or _REST, []).append(record)
        sections[_REST] = sections.pop(_REST)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=_NAMES)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 (Typer's own types)
        """Writes the example as it is: a command line must not be wrapped."""
        with formatter.section("Example"):
            formatter.write(f"  {self.epilog}\n")


def _name(argument: Any) -> str:  # noqa: ANN401 (Typer's own type)
    return str(argument.metavar or argument.name)
