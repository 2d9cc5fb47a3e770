"""Reads a tool as its author wrote it: its spec, its signature and its compiled arguments."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from importlib.abc import ResourceLoader
from pathlib import Path
from typing import Any

import msgspec

from journeyman.errors import ToolValidationError
from journeyman.events.messages import JSON
from journeyman.tools.authoring.definition import Declared, ToolDeclaration, declaration_of
from journeyman.tools.schema.compiled import Arguments
from journeyman.tools.schema.signature import Signature, read_signature
from journeyman.tools.spec import ToolSpec


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that was read. `arguments` is None if the tool has its own JSON Schema."""

    spec: ToolSpec
    function: Callable[..., Any]
    signature: Signature
    arguments: Arguments | None
    says_isolation: bool = False  # whether the code declares it, by `isolation` or by being a plain def


def describe(thing: object) -> Described:
    """Read a `@tool` function or a `BaseTool` instance.

    Raises:
        ToolValidationError: it is neither, or its signature has no JSON Schema; names the argument and the remedy.
    """
    if isinstance(thing, Declared):
        return _describe_instance(thing)
    definition = declaration_of(thing)
    if definition is None:
        raise ToolValidationError(
            f"{thing!r:.100} is no tool: register a function with @tool on it, or an instance of BaseTool"
        )
    function: Callable[..., Any] = thing  # type: ignore[assignment]
    signature = read_signature(function, definition.name)
    arguments = Arguments.of(definition.name, signature)
    return _described(definition, function, signature, arguments, arguments.schema)


def _describe_instance(thing: Declared) -> Described:
    definition = thing.definition()
    definition.refuse_nonsense()
    function = getattr(thing, "run", None)
    if not inspect.iscoroutinefunction(function):
        raise ToolValidationError(f"tool {definition.name!r}: write `async def run(self, …)`")
    if thing.brings_schema:
        signature = Signature(summary="", arguments=())
        return _described(definition, function, signature, None, _own_schema(thing))
    signature = read_signature(function, definition.name)
    arguments = Arguments.of(definition.name, signature)
    return _described(definition, function, signature, arguments, arguments.schema)


def _own_schema(thing: Declared) -> dict[str, JSON]:
    """Return the JSON Schema that a class gives by `get_spec`. Raises ToolValidationError."""
    given = thing.get_spec()
    schema = given.get("parameters") if isinstance(given, dict) else None
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ToolValidationError(
            f"tool {thing.name!r}: get_spec() gives {{name, description, parameters}}, parameters of type object"
        )
    return schema


def _described(
    definition: ToolDeclaration,
    function: Callable[..., Any],
    signature: Signature,
    arguments: Arguments | None,
    parameters: dict[str, JSON],
) -> Described:
    source, code_hash = _origin(function)
    spec = ToolSpec(
        name=definition.name,
        description=definition.description or signature.summary,
        parameters=parameters,
        sensitive=tuple(argument.name for argument in signature.arguments if argument.sensitive),
        source=source,
        code_hash=code_hash,
        policy=definition.policy(blocking=signature.blocking),
    )
    says = signature.blocking or definition.isolation is not None
    return Described(spec=spec, function=function, signature=signature, arguments=arguments, says_isolation=says)


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    """Return `file:line` of a function, and the hash of its file."""
    unwrapped = inspect.unwrap(function)
    code, loader = unwrapped.__code__, unwrapped.__globals__.get("__loader__")
    file = Path(code.co_filename)
    try:
        known = isinstance(loader, ResourceLoader) and loader.get_data(str(file))  # the source that was imported
        digest = hashlib.sha256(known or file.read_bytes()).hexdigest()[:16]
    except OSError:  # there is no file, as in an interactive interpreter
        digest = hashlib.sha256(code.co_code).hexdigest()[:16]
    return f"{file.name}:{code.co_firstlineno}", digest
