"""Option groups: dataclasses among a command's parameters, whose fields are its options."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import wraps
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from ssdiff_cli.options.flags import Quiet, Verbose

__all__ = ["expand", "group_values", "section"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verbosity:
    """Options of every command; they act through their callbacks."""

    verbose: Verbose = 0
    quiet: Quiet = 0


def section(title: str) -> Callable[..., Any]:
    """Returns a function that declares an option in a section of the help page.

    Its arguments are names besides the field's own, a default, and settings of `typer.Option`. It
    returns a dataclass's field.
    """

    def option(*names: str, default: object = None, **settings: Any) -> Any:  # noqa: ANN401
        settings["rich_help_panel"] = title
        return field(default=default, metadata={"names": names, "settings": settings})

    return option


def expand(function: Callable[..., None]) -> Callable[..., None]:
    """Returns a command as Typer sees it: a group's fields are options, and there are -v and -q.

    Args:
        function: The command. A parameter whose type is a dataclass is a group; it arrives as an
            object of that type.
    """
    signature = inspect.signature(function, eval_str=True)
    parameters = signature.parameters.values()
    groups = {one.name: one.annotation for one in parameters if is_dataclass(one.annotation)}

    @wraps(function)
    def command(**flags: object) -> None:
        _build(_Verbosity, flags)
        for name, group in groups.items():
            flags[name] = _build(group, flags)
        function(**flags)

    options: list[inspect.Parameter] = []
    for one in parameters:
        options += _options(one.annotation) if one.name in groups else [one]
    options += _options(_Verbosity)
    vars(command)["__signature__"] = signature.replace(parameters=options)
    command.__annotations__ = {one.name: one.annotation for one in options}
    return command


def group_values(group: Any, *without: str) -> dict[str, Any]:  # noqa: ANN401 (a dataclass)
    """Returns the values of a group's options by the names of its fields."""
    names = [one.name for one in fields(group) if one.name not in without]
    return {name: getattr(group, name) for name in names}


def _build(group: Any, flags: dict[str, object]) -> object:  # noqa: ANN401 (a dataclass)
    return group(**{one.name: flags.pop(one.name) for one in fields(group)})


def _options(group: Any) -> Iterator[inspect.Parameter]:  # noqa: ANN401 (a dataclass)
    kinds = get_type_hints(group, include_extras=True)
    for one in fields(group):
        kind = kinds[one.name]
        if one.metadata:
            kind = Annotated[kind, _option(one.name, kind, **one.metadata)]
        default = inspect.Parameter.empty if one.default is MISSING else one.default
        place = inspect.Parameter.KEYWORD_ONLY
        yield inspect.Parameter(one.name, place, default=default, annotation=kind)


def _option(name: str, kind: object, names: tuple[str, ...], settings: dict[str, Any]) -> object:
    if not any(one.startswith("--") for one in names):
        names = (f"--{name.replace('_', '-')}", *names)
    return typer.Option(*names, **({"metavar": _metavar(kind)} | settings))


def _metavar(kind: object) -> str | None:
    """Returns the word for a value: its choices, or N for a number."""
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    members = [one for one in get_args(kind) if one is not NoneType]
    if members:
        return _metavar(members[0])
    return "N" if kind in {int, float} else None
