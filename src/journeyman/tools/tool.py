"""How a tool is written: a function with `@tool`, or a class derived from `BaseTool`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from journeyman.errors import ToolError, ToolValidationError
from journeyman.events.messages import JSON
from journeyman.tools.authoring.context import BlockingToolContext, ToolContext
from journeyman.tools.authoring.definition import MARK, Allowed, Declared, Sensitive, ToolDeclaration, collects
from journeyman.tools.authoring.resources import Resource, resource
from journeyman.tools.spec import OUTPUT_CAP, CacheScope, CacheTtl, Effects, Isolation, OnUnknown

__all__ = [
    "BaseTool",
    "BlockingToolContext",
    "Resource",
    "Sensitive",
    "ToolContext",
    "ToolDeclaration",
    "ToolRetry",
    "resource",
    "tool",
]

F = TypeVar("F", bound=Callable[..., Any])


class ToolRetry(ToolError):
    """Raised by a tool to be called again after `after` seconds. Only tools with effects `none` or `idempotent` are."""

    default_code = "tool_failed"

    def __init__(self, message: str = "the tool asked to be tried again", *, after: float | None = None) -> None:
        super().__init__(message, retry_after=after)


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    effects: Effects | None = None,
    on_unknown: OnUnknown | None = None,
    approval: str = "never",
    timeout_seconds: float | None = None,
    retries: int | None = None,
    isolation: Isolation | None = None,
    output_cap: int = OUTPUT_CAP,
    permissions: Allowed | None = None,
    cache_ttl: CacheTtl = 0,
    cache_scope: CacheScope = "principal",
    limits: Mapping[str, int] | None = None,
) -> Callable[[F], F]: ...


def tool(function: Any = None, /, *, name: str | None = None, **policy: Any) -> Any:
    """Make a function a tool. The function itself is not changed.

    An `async def` runs on the event loop by default, a plain `def` always in a worker process. The argument schema is
    made from the type hints and the docstring's `Args:`. Without `effects`, a call counts as `once`.

    Raises:
        ToolValidationError: a policy is invalid, a plain `def` asks for `inline`, or it is not a function.
    """

    def mark(target: F) -> F:
        try:
            setattr(target, MARK, _declaration(target, name, policy))
        except ToolValidationError as exc:
            if not collects(exc, target):
                raise
        return target

    return mark if function is None else mark(function)


def _declaration(target: Any, name: str | None, policy: dict[str, Any]) -> ToolDeclaration:
    """Return what `@tool` declares of a function. Raises ToolValidationError."""
    if not inspect.isfunction(target):
        raise ToolValidationError(f"@tool goes on a function, not on {type(target).__name__}: derive BaseTool")
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        raise ToolValidationError(f"tool {target.__name__!r}: return the result; a generator has none")
    named = target.__name__ if name is None else name
    if unknown := [key for key in policy if key not in ToolDeclaration.__struct_fields__]:
        raise ToolValidationError(f"tool {named!r}: {'; '.join(map(_unknown, unknown))}")
    definition = ToolDeclaration(name=named, **policy)
    definition.refuse_nonsense()
    if definition.isolation == "inline" and not inspect.iscoroutinefunction(target):
        raise ToolValidationError(
            f"tool {definition.name!r}: a plain def runs in a process; make it async def to run inline"
        )
    return definition


def _unknown(key: str) -> str:
    known = ToolDeclaration.__struct_fields__
    close = difflib.get_close_matches(key, known, n=1)
    return f"@tool has no {key!r}: " + (f"did you mean {close[0]}?" if close else f"use {', '.join(known)}")


class BaseTool(Declared):
    """The base of tools written as classes: attributes `name`, `description` and policy, and `async def run(self, …)`.

    The argument schema is made from the type hints of `run`. A class that overrides `get_spec()` returns its own JSON
    Schema, and its `run` gets the arguments unconverted.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.brings_schema = cls.get_spec is not BaseTool.get_spec

    def get_spec(self) -> dict[str, JSON]:
        """Return `{name, description, parameters: JSON Schema}`.

        Raises:
            ToolValidationError: the signature of `run` has no JSON Schema.
        """
        # Importing pydantic takes 0.1 s, which worker processes save: they load this module, too.
        from journeyman.tools.schema.describe import describe  # noqa: PLC0415

        spec = describe(self).spec
        return {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
