"""Validates an agent file against its model, and turns each error into a Problem with location and remedy."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

from journeyman.agent_files.document import Document, YamlPath
from journeyman.agent_files.file_model import (
    LIST_TAG,
    MAPPING_TAG,
    AgentFile,
    ApprovalEntry,
    AuthEntry,
    BasicEntry,
    BreakerEntry,
    EdgeEntry,
    FallbackEntry,
    FileEntry,
    GatewayEntry,
    GraphEntry,
    HistoryEntry,
    LimitAskEntry,
    LimitsEntry,
    McpServerEntry,
    ModelEntry,
    NodeEntry,
    OnReachedEntry,
    OpenApiEntry,
    OutputEntry,
    PermissionsEntry,
    QuotaEntry,
    ServiceEntry,
    TimeoutEntry,
    ToolEntry,
)
from journeyman.agent_files.scalars import resolve_plain
from journeyman.agent_files.variables import Expansion
from journeyman.errors import Problem
from journeyman.events.messages import JSON

MAX_PROBLEMS = 100

_ENTRIES: dict[tuple[str, ...], type[FileEntry]] = {
    (): AgentFile,
    ("model",): ModelEntry,
    ("model", "fallbacks", "*"): FallbackEntry,
    ("tools", "*"): ToolEntry,
    ("tools", "*", "permissions"): PermissionsEntry,
    ("tools", "*", "approval"): ApprovalEntry,
    ("mcp_servers", "*"): McpServerEntry,
    ("limits",): LimitsEntry,
    ("limits", "on_reached"): OnReachedEntry,
    **{("limits", "on_reached", name): LimitAskEntry for name in OnReachedEntry.model_fields},
    ("quota",): QuotaEntry,
    ("history",): HistoryEntry,
    ("output",): OutputEntry,
    ("openapi", "*"): OpenApiEntry,
    ("openapi", "*", "auth"): AuthEntry,
    ("openapi", "*", "auth", "basic"): BasicEntry,
    ("openapi", "*", "auth", "*"): AuthEntry,
    ("openapi", "*", "auth", "*", "basic"): BasicEntry,
    ("graph",): GraphEntry,
    ("graph", "nodes", "*"): NodeEntry,
    ("graph", "nodes", "*", "model"): ModelEntry,
    ("graph", "nodes", "*", "model", "fallbacks", "*"): FallbackEntry,
    ("graph", "edges", "*"): EdgeEntry,
    ("gateways", "*"): GatewayEntry,
    ("services", "*"): ServiceEntry,
    ("services", "*", "timeout"): TimeoutEntry,
    ("services", "*", "breaker"): BreakerEntry,
}
_NAMED: tuple[YamlPath, ...] = (("mcp_servers",), ("openapi",), ("gateways",), ("services",), ("graph", "nodes"))
"""Mappings whose keys are names that the user chooses."""

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_CONVERTIBLE = ("int_type", "float_type", "bool_type")


def validate_agent_file(expansion: Expansion) -> tuple[AgentFile | None, list[Problem]]:
    """Return the model of the file, and all problems.

    If there are problems, the model holds the file without the wrong parts, so that later checks find more problems.
    These parts become `unusable` in the expansion's document. None: nothing can be read.
    """
    document = expansion.document
    if not isinstance(document.data, dict):
        return None, [document.problem((), "an agent file is a mapping", "begin with `type: react_agent`")]
    agent_file, errors = _validated(document.data)
    if errors and _convert_references(document.data, errors, expansion):
        agent_file, errors = _validated(document.data)
    problems = [
        _problem(document, error, tuple(error["loc"]))
        for error in errors[:MAX_PROBLEMS]
        if not document.is_unusable(error["loc"])
    ]
    if errors:
        paths = [tuple(error["loc"]) for error in errors]
        agent_file, _ = _validated(_without(document.data, paths))
        expansion.document = replace(document, unusable=document.unusable | set(paths))
    return agent_file, problems


def _validated(data: JSON) -> tuple[AgentFile | None, list[ErrorDetails]]:
    try:
        return AgentFile.model_validate(data), []
    except pydantic.ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False, include_context=True)
        for error in errors:
            error["loc"] = tuple(part for part in error["loc"] if part not in (LIST_TAG, MAPPING_TAG))
        return None, errors


def _without(data: JSON, paths: list[YamlPath]) -> JSON:
    """Return a copy without the keys at or around `paths`.

    Required parts are replaced by dummies, so that the paths of other parts stay the same.
    """
    data = copy.deepcopy(data)
    for path in paths:
        match path:
            case ["type", *_]:
                data["type"] = "unknown"
            case ["tools", int(index)] | ["tools", int(index), "name", *_]:
                data["tools"][index] = {"name": "unknown"}
            case ["tools", int(index), key, *_] if isinstance(data["tools"][index], dict):
                data["tools"][index].pop(key, None)
            case ["mcp_servers", name, *_] if isinstance(data.get("mcp_servers"), dict):
                data["mcp_servers"].pop(name, None)
            case ["model", "name", *_] | ["output", "schema", *_]:
                data.pop(path[0], None)
            case ["openapi", name, *_] if isinstance(data.get("openapi"), dict):
                data["openapi"].pop(name, None)
            case ["model" | "limits" | "quota" | "history" | "output" as part, key, *_] if isinstance(
                data.get(part), dict
            ):
                data[part].pop(key, None)
            case ["services" | "gateways" as part, name, *_] if isinstance(data.get(part), dict):
                data[part].pop(name, None)
            case ["graph", *inner]:
                _without_part(data, inner)
            case [key, *_]:
                data.pop(key, None)
    return data


def _without_part(data: JSON, path: Sequence[str | int]) -> None:
    """Remove a wrong part from the graph. Nodes and edges become dummies, so that other paths stay the same."""
    graph = data.get("graph")
    match path:
        case ["nodes", name, key, *_] if key not in ("type", "[key]") and isinstance(_at(graph, ["nodes", name]), dict):
            graph["nodes"][name].pop(key, None)
        case ["nodes", name, *_] if isinstance(_at(graph, ["nodes"]), dict):
            graph["nodes"][name] = {"type": "unknown"}
        case ["edges", int(index), *_] if isinstance(_at(graph, ["edges"]), list):
            graph["edges"][index] = {"from": "unknown", "to": "unknown"}
        case _:
            data.pop("graph", None)


def _convert_references(data: JSON, errors: list[ErrorDetails], expansion: Expansion) -> bool:
    """Convert texts with references to numbers or booleans where these are required. Returns whether any changed.

    Quotes do not matter, since within { } and [ ] a reference must be quoted.
    """
    changed = False
    for error in errors:
        path = tuple(error["loc"])
        if error["type"] in _CONVERTIBLE and path in expansion.written:
            container = data
            for part in path[:-1]:
                container = container[part]
            try:
                value = resolve_plain(container[path[-1]])
            except ValueError:
                continue
            changed = changed or not isinstance(value, str)
            container[path[-1]] = value
    return changed


def _problem(document: Document, error: ErrorDetails, path: YamlPath) -> Problem:
    name = _name(path)
    context: Mapping[str, Any] = error.get("ctx", {})
    kind = error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(document, path)
    if kind == "missing":
        return document.problem(path[:-1], f"`{name}` is missing", f"add `{path[-1]}: …`")
    if kind in _KINDS:
        return _wrong_kind(document, path, _KINDS[kind])
    if kind == "literal_error":
        expected = context["expected"].replace(" or ", ", ").replace("True", "true")
        return document.problem(path, f"`{name}` cannot be this", f"use {expected}")
    if kind == "string_pattern_mismatch":
        return document.problem(path, f"`{name}` has characters that are not allowed", "use a-z, 0-9, _ and -")
    return document.problem(path, f"`{name}` cannot be used: {_lower(error['msg'])}", "see the reference of agent.yaml")


def _wrong_kind(document: Document, path: YamlPath, kind: str) -> Problem:
    value = _at(document.data, path)
    pattern = _pattern(path)
    if pattern == ("tools", "*", "approval"):
        kind = "never, always, a condition, or a mapping with `when`"
    if _ENTRIES.get(pattern) in (ModelEntry, FallbackEntry, ToolEntry):
        kind = "a name or a mapping with `name`"
    remedy = f"write {kind}"
    if kind == "text":
        remedy = "put it in quotes" if isinstance(value, (int, float)) else remedy
    elif kind == "true or false" and isinstance(value, str):
        remedy = "write true or false, without quotes"
    elif kind == "a list" and value is None:
        remedy = "write [] for none, or remove the key"
    return document.problem(path, f"`{_name(path)}` must be {kind}, not {_kind_of(value)}", remedy)


def _unknown_key(document: Document, path: YamlPath) -> Problem:
    entry = _ENTRIES.get(_pattern(path[:-1]))
    known = [field.alias or name for name, field in entry.model_fields.items()] if entry else []
    close = difflib.get_close_matches(str(path[-1])[:60], known, n=1)
    remedy = f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(known)}"
    return document.problem(path, f"the key `{_name(path)}` is unknown", remedy, key=True)


def _pattern(path: YamlPath) -> tuple[str, ...]:
    """Return the path with `*` for indexes and for names that the user chooses."""
    return tuple("*" if isinstance(part, int) or path[:index] in _NAMED else part for index, part in enumerate(path))


def _name(path: YamlPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in path).lstrip(".")


def _at(value: JSON, path: Sequence[str | int]) -> JSON:
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return None
    return value


def _kind_of(value: JSON) -> str:
    if value is None:
        return "nothing"
    kinds = {bool: "true or false", str: "text", int: "a whole number", float: "a number", list: "a list"}
    return kinds.get(type(value), "a mapping")


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def without_secrets(problem: Problem, secrets: Collection[str]) -> Problem:
    """Return the problem with `***` for each value from the environment."""

    def masked(text: str) -> str:
        for secret in secrets:
            if len(secret) >= 4:
                text = text.replace(secret, "***")
        return text

    return replace(problem, message=masked(problem.message), remedy=problem.remedy and masked(problem.remedy))
