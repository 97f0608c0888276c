"""Option groups: a frozen dataclass among a command's parameters becomes its fields on the command line."""

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
class _Talk:
    """Options of every command; they act through their callbacks."""

    verbose: Verbose = 0
    quiet: Quiet = 0


def section(title: str) -> Callable[..., Any]:
    """Returns what declares the options of a group in a section of the help page.

    Called with names besides the field's own, a default and the settings of `typer.Option`, it
    returns the default of a dataclass's field.
    """

    def option(*names: str, default: object = None, **settings: Any) -> Any:  # noqa: ANN401 (a field)
        settings["rich_help_panel"] = title
        return field(default=default, metadata={"names": names, "settings": settings})

    return option


def expand(function: Callable[..., None]) -> Callable[..., None]:
    """Returns a command as Typer sees it: a group's fields are options, and there are -v and -q.

    Args:
        function: The command. Each parameter whose type is a dataclass is a group: inside, it is one
            object of that type.
    """
    signature = inspect.signature(function, eval_str=True)
    parameters = list(signature.parameters.values())
    groups = {one.name: one.annotation for one in parameters if is_dataclass(one.annotation)}

    @wraps(function)
    def command(**flags: object) -> None:
        _build(_Talk, flags)
        for name, group in groups.items():
            flags[name] = _build(group, flags)
        function(**flags)

    flat: list[inspect.Parameter] = []
    for parameter in parameters:
        flat += _options(parameter.annotation) if parameter.name in groups else [parameter]
    flat += _options(_Talk)
    vars(command)["__signature__"] = signature.replace(parameters=flat)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return command


def group_values(group: Any, *without: str) -> dict[str, Any]:  # noqa: ANN401 (any dataclass)
    """Returns the values of a group's options by the fields' names."""
    names = [one.name for one in fields(group) if one.name not in without]
    return {name: getattr(group, name) for name in names}


def _build(group: Any, flags: dict[str, object]) -> object:  # noqa: ANN401 (any dataclass)
    return group(**{one.name: flags.pop(one.name) for one in fields(group)})


def _options(group: Any) -> Iterator[inspect.Parameter]:  # noqa: ANN401 (any dataclass)
    types = get_type_hints(group, include_extras=True)
    for one in fields(group):
        annotation = types[one.name]
        if one.metadata:
            annotation = Annotated[annotation, _option(one.name, annotation, **one.metadata)]
        default = inspect.Parameter.empty if one.default is MISSING else one.default
        yield inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )


def _option(name: str, kind: Any, names: tuple[str, ...], settings: dict[str, Any]) -> Any:  # noqa: ANN401 (Typer's)
    long = any(one.startswith("--") for one in names)
    own = () if long else (f"--{name.replace('_', '-')}",)
    return typer.Option(*own, *names, **({"metavar": _metavar(kind)} | settings))


def _metavar(kind: Any) -> str | None:  # noqa: ANN401 (any type)
    """Returns what stands for a value: the choices, or N for a number."""
    kinds = [one for one in get_args(kind) or (kind,) if one is not NoneType]
    if all(isinstance(one, str) for one in kinds):
        return "|".join(kinds)
    if get_origin(kinds[0]) is Literal:
        return _metavar(kinds[0])
    return "N" if kinds[0] in {int, float} else None
