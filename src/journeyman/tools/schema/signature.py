"""Reads a tool function's signature: type hints, defaults and docstring. Pure, and without pydantic."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Union

import msgspec

from journeyman.errors import ToolValidationError
from journeyman.tools.authoring.context import BlockingToolContext, ToolContext
from journeyman.tools.authoring.definition import Sensitive
from journeyman.tools.authoring.resources import Resource

REQUIRED = inspect.Parameter.empty
_PLAIN = (str, int, float, bool, type(None), Any, dict, list)
_SECTION = re.compile(r"(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?|Attributes):\s*")
_ARGUMENT = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """An argument that the model gives."""

    name: str
    hint: Any
    default: Any = REQUIRED
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether the argument has no default."""
        return self.default is REQUIRED

    @property
    def sensitive(self) -> bool:
        """Whether the argument is annotated with `Sensitive`."""
        return any(mark is Sensitive or isinstance(mark, Sensitive) for mark in getattr(self.hint, "__metadata__", ()))


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """The signature of a tool's function: the model's arguments, and the parameters that are filled in for it."""

    summary: str  # of the docstring
    arguments: tuple[Argument, ...]
    context: str | None = None  # the parameter that gets the tool context
    resources: dict[str, Resource] = {}  # parameter -> the resource that it gets
    blocking: bool = False  # a plain def

    @property
    def plain(self) -> bool:
        """Whether checked JSON can be passed as it is, since no argument is converted to another Python type."""
        return all(_is_plain(argument.hint) for argument in self.arguments)


def read_signature(function: Callable[..., Any], tool: str) -> Signature:
    """Read the signature of a tool's function or bound method.

    Raises:
        ToolValidationError: an argument cannot be used; names it and the remedy.
    """
    summary, descriptions = parse_docstring(function.__doc__ or "")
    parameters = inspect.signature(function).parameters.values()
    hints, faults = _hints(function, tool)
    resources = _visible_resources(function)
    blocking = not inspect.iscoroutinefunction(function)
    context: str | None = None
    injected: dict[str, Resource] = {}
    arguments: list[Argument] = []
    for parameter in parameters:
        name, hint = parameter.name, hints.get(parameter.name, REQUIRED)
        if name in faults:
            continue
        if (context_class := _context_of(hint)) is not None:
            context = name
            if fault := _fault_of_context(tool, name, context_class, blocking):
                faults[name] = fault
        elif (found := _resource_for(hint, resources)) is not None:
            injected[name] = found
        elif fault := _fault_of_argument(tool, parameter, hint):
            faults[name] = fault
        else:
            text = descriptions.get(name) or next(_texts(hint), "")
            arguments.append(Argument(name=name, hint=_eager(hint), default=parameter.default, description=text))
    if faults:
        raise ToolValidationError("; ".join(faults.values()))
    return Signature(
        summary=summary, arguments=tuple(arguments), context=context, resources=injected, blocking=blocking
    )


def _fault_of_argument(tool: str, parameter: inspect.Parameter, hint: Any) -> str | None:
    """Return what is wrong with an argument; None if the model can give it."""
    where = f"tool {tool!r}: argument {parameter.name!r}"
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        return f"{where}: name each argument; *args, **kwargs and / have no JSON Schema"
    if hint is REQUIRED:
        return f"{where} has no type hint: write {parameter.name}: str, for instance"
    if type(parameter.default).__name__ == "FieldInfo":
        return f"{where}: write {parameter.name}: Annotated[…, Field(…)] = default, not Field(…) as the default"
    return None


def _texts(hint: Any) -> Iterator[str]:
    """Yield the texts that are annotated to a type, also within `Annotated[int, "text"] | None`."""
    yield from (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, str))
    if typing.get_origin(hint) in (Union, types.UnionType):
        for part in typing.get_args(hint):
            yield from _texts(part)


def _eager(hint: Any) -> Any:
    """Return the type with lists in place of iterables, whose items would be checked only while the tool reads them."""
    if hint in (Iterable, typing.Iterable):
        return list
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        inner = _eager(parts[0])
        return hint if inner is parts[0] else Annotated[(inner, *parts[1:])]
    if origin not in (Iterable, Union, types.UnionType, list, dict, tuple, set, Sequence):
        return hint
    changed = tuple(map(_eager, parts))
    if origin is Iterable:
        return list[changed]  # type: ignore[valid-type]
    if all(new is old for new, old in zip(changed, parts, strict=True)):
        return hint
    return Union[changed] if origin in (Union, types.UnionType) else origin[changed]  # noqa: UP007


def _context_of(hint: Any) -> Any:
    """Return the context class that a hint names, also within `ToolContext | None`; None if it names none."""
    hints = typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)
    return next((part for part in hints if part in (ToolContext, BlockingToolContext)), None)


def _fault_of_context(tool: str, name: str, hint: Any, blocking: bool) -> str | None:
    """Return a sentence unless an async tool takes ToolContext and a plain one BlockingToolContext."""
    wanted = BlockingToolContext if blocking else ToolContext
    kind = "a plain def" if blocking else "an async def"
    return None if hint is wanted else f"tool {tool!r}: argument {name!r}: {kind} takes {wanted.__name__}"


def _hints(function: Callable[..., Any], tool: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the type hints by parameter, and a sentence for each parameter whose hint cannot be resolved."""
    try:
        return typing.get_type_hints(function, include_extras=True), {}
    except Exception:  # noqa: BLE001 - a hint is the user's code
        return _resolvable_hints(function, tool)


def _resolvable_hints(function: Callable[..., Any], tool: str) -> tuple[dict[str, Any], dict[str, str]]:
    names = getattr(function, "__globals__", {})
    hints: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, hint in getattr(function, "__annotations__", {}).items():
        probe = types.SimpleNamespace(__annotations__={name: hint})
        try:
            hints |= typing.get_type_hints(probe, globalns=names, include_extras=True)
        except Exception as exc:  # noqa: BLE001 - as above
            faults[name] = (
                f"tool {tool!r}: the type hint of argument {name!r} cannot be resolved ({type(exc).__name__}: {exc}): "
                "import the type at the top of the module, not under TYPE_CHECKING and not inside a function"
            )
    return hints, faults


def _visible_resources(function: Callable[..., Any]) -> list[tuple[Any, Resource]]:
    """Return the resources of the function's module, each with the type that it provides."""
    names = getattr(inspect.unwrap(function), "__globals__", {})
    return [(value.provides(), value) for value in list(names.values()) if type(value) is Resource]


def _resource_for(hint: Any, resources: list[tuple[Any, Resource]]) -> Resource | None:
    return next((found for provided, found in resources if provided is hint), None)


def _is_plain(hint: Any) -> bool:
    """Check that values of this type are plain JSON."""
    if any(hint is known for known in _PLAIN):
        return True
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        marks = parts[1:]
        return _is_plain(parts[0]) and all(m is Sensitive or isinstance(m, Sensitive) for m in marks)
    if origin is Literal:
        return all(type(part) in (str, int, bool, type(None)) for part in parts)
    if origin is dict:
        return parts[0] is str and _is_plain(parts[1])
    return origin in (list, Union, types.UnionType) and all(_is_plain(part) for part in parts)


def parse_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a Google style docstring into the text before the first section and the descriptions of arguments."""
    lines = inspect.cleandoc(text).splitlines() if text else []
    summary: list[str] = []
    arguments: dict[str, str] = {}
    section, current = "", ""
    for line in lines:
        heading = _SECTION.fullmatch(line)
        if heading:
            section, current = heading[1], ""
        elif not section:
            summary.append(line)
        elif section in ("Args", "Arguments", "Parameters"):
            current = _read_argument_line(line, current, arguments)
    return "\n".join(summary).strip(), arguments


def _read_argument_line(line: str, current: str, arguments: dict[str, str]) -> str:
    """Read one line of an `Args:` section. Returns the argument whose description the next line may continue."""
    indent = len(line) - len(line.lstrip())
    found = _ARGUMENT.fullmatch(line.strip())
    if found and 0 < indent <= 4:
        arguments[found[1]] = found[2]
        return found[1]
    if current and line.strip():
        arguments[current] = f"{arguments[current]} {line.strip()}".strip()
    return current
