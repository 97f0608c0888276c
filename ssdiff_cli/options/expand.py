"""Option groups: a frozen dataclass among a command's parameters becomes its fields on the command line."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

from ssdiff_cli.options.flags import Quiet, Verbose

__all__ = ["expand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Talk:
    """Options of every command; they act through their callbacks."""

    verbose: Verbose = 0
    quiet: Quiet = 0


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


def _build(group: Any, flags: dict[str, object]) -> object:  # noqa: ANN401 (any dataclass)
    return group(**{field.name: flags.pop(field.name) for field in fields(group)})


def _options(group: Any) -> Iterator[inspect.Parameter]:  # noqa: ANN401 (any dataclass)
    types = get_type_hints(group, include_extras=True)
    for field in fields(group):
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=types[field.name],
        )


def _default(field: "Field[Any]") -> Any:  # noqa: ANN401 (of any type)
    return inspect.Parameter.empty if field.default is MISSING else field.default
