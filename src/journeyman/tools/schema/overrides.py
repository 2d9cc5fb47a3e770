"""Narrows the schema of a tool's arguments by an agent file's `arguments` and `required`. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from journeyman.errors import Problem, ValidationError
from journeyman.events.messages import JSON
from journeyman.tools.schema.foreign_schema import ForeignSchema
from journeyman.tools.spec import ToolSpec

_TYPES = ("string", "integer", "number", "boolean", "null", "array", "object")


class Mismatch(NamedTuple):
    """A problem and its path in the override, from which the caller finds file and line."""

    path: tuple[str, ...]
    problem: Problem


def overridden_schema(spec: ToolSpec, override: Mapping[str, JSON]) -> ToolSpec:
    """Return `spec` with its schema narrowed. The override must have no `mismatches`.

    `override` may hold `arguments` (name -> JSON Schema fragment) and `required`.
    """
    if not override.get("arguments") and "required" not in override:
        return spec
    return msgspec.structs.replace(spec, parameters=_narrowed_schema(spec.parameters, override))


def _narrowed_schema(parameters: dict[str, JSON], override: Mapping[str, JSON]) -> dict[str, JSON]:
    schema = copy.deepcopy(parameters)
    for name, fragment in (override.get("arguments") or {}).items():
        schema["properties"][name] = {**schema["properties"][name], **fragment}
    if override.get("required") is not None:
        schema["required"] = list(override["required"])
    return schema


def mismatches(spec: ToolSpec, override: Mapping[str, JSON]) -> list[Mismatch]:
    """Return every contradiction between the override and the tool's code, argument by argument."""
    found = [*_argument_mismatches(spec, override), *_required_mismatches(spec, override)]
    return found or _unusable_schema(spec, override)


def _argument_mismatches(spec: ToolSpec, override: Mapping[str, JSON]) -> list[Mismatch]:
    fragments = override.get("arguments") or {}
    if not isinstance(fragments, Mapping):
        return [_mismatch(spec, ("arguments",), "arguments is a mapping of argument names to JSON Schema")]
    found: list[Mismatch] = []
    for name, fragment in fragments.items():
        path = ("arguments", str(name))
        node = spec.parameters.get("properties", {}).get(name)
        if node is None:
            found.append(_mismatch(spec, path, f"has no argument {name!r}", _known(spec)))
        elif not isinstance(fragment, Mapping):
            found.append(_mismatch(spec, path, f"argument {name!r}: write a mapping such as {{type: string}}"))
        else:
            found += _fragment_mismatches(spec, path, name, fragment)
    return found


def _fragment_mismatches(
    spec: ToolSpec, path: tuple[str, ...], name: str, fragment: Mapping[str, JSON]
) -> list[Mismatch]:
    if "$ref" in fragment:
        return [_mismatch(spec, (*path, "$ref"), f"argument {name!r}: $ref is not allowed here", "write it out")]
    if "type" not in fragment:
        return []
    wanted = _listed(fragment["type"])
    unknown = [kind for kind in wanted if kind not in _TYPES]
    if unknown or not wanted:
        return [_mismatch(spec, (*path, "type"), f"argument {name!r}: no such type", f"one of {', '.join(_TYPES)}")]
    allowed = _types_of(spec.parameters["properties"][name], spec.parameters)
    wrong = [kind for kind in wanted if allowed and kind not in allowed]
    if not wrong:
        return []
    text = f"argument {name!r} is {' or '.join(sorted(allowed))} in the code, not {' or '.join(wrong)}"
    return [_mismatch(spec, (*path, "type"), text, "change the agent file or the function's type hint")]


def _types_of(node: JSON, root: dict[str, JSON]) -> set[str]:
    """Return the JSON types that a schema node allows; an empty set if it allows any."""
    if not isinstance(node, dict):
        return set()
    if "$ref" in node:
        return _types_of(root.get("$defs", {}).get(node["$ref"].rpartition("/")[2]), root)
    for key in ("anyOf", "oneOf"):
        if key in node:
            parts = [_types_of(part, root) for part in node[key]]
            return set().union(*parts) if all(parts) else set()
    found = set(_listed(node.get("type", [])))
    return found | {"integer"} if "number" in found else found


def _listed(value: JSON) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _required_mismatches(spec: ToolSpec, override: Mapping[str, JSON]) -> list[Mismatch]:
    required = override.get("required")
    if required is None:
        return []
    if not isinstance(required, list):
        return [_mismatch(spec, ("required",), "required is a list of argument names")]
    properties = spec.parameters.get("properties", {})
    found = [
        _mismatch(spec, ("required",), f"requires {name!r}, which is no argument", _known(spec))
        for name in required
        if name not in properties
    ]
    found += [
        _mismatch(spec, ("required",), f"argument {name!r} is required by the code", f"add {name} to required")
        for name in spec.parameters.get("required", [])
        if name not in required
    ]
    return found


def _unusable_schema(spec: ToolSpec, override: Mapping[str, JSON]) -> list[Mismatch]:
    """Return the fragments that are not valid JSON Schema, or too costly to check."""
    if not override.get("arguments"):
        return []
    found = []
    for name, fragment in override["arguments"].items():
        try:
            ForeignSchema(dict(fragment)).refuse_if_costly()
        except ValidationError as exc:
            found.append(_mismatch(spec, ("arguments", name), f"argument {name!r}: {exc.message}"))
    return found


def _known(spec: ToolSpec) -> str:
    """Return a remedy that lists the tool's arguments."""
    names = ", ".join(spec.parameters.get("properties", {}))
    return f"it has {names}" if names else "it takes no arguments"


def _mismatch(spec: ToolSpec, path: tuple[str, ...], text: str, remedy: str | None = None) -> Mismatch:
    return Mismatch(path, Problem(f"tool {spec.name!r}: {text}", remedy=remedy))
