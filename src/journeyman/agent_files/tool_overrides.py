"""Applies the `tools:` entries of an agent file. An entry narrows a tool's schema and restricts its policy, never more.

Problems are collected, and what is wrong is left out: so the rest of the file is checked too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from journeyman.agent_files.file_model import ApprovalEntry, ToolEntry
from journeyman.agents.conditions import client_contexts, compile_approval
from journeyman.errors import Problem, ValidationError
from journeyman.events.messages import JSON
from journeyman.resilience.rate_limit import parse_rate
from journeyman.tools.permissions import Permissions
from journeyman.tools.spec import ApprovalPolicy, Effects, ToolSpec

_STRICTNESS: tuple[Effects, ...] = ("none", "idempotent", "once")


class SchemaOverrideCheck(Protocol):
    """A check of the overrides of a tool's arguments: `arguments` and `required`."""

    def mismatches(self, spec: ToolSpec, override: dict[str, JSON], /) -> Sequence[tuple[tuple[str, ...], Problem]]:
        """Return every contradiction to the code, each with its path in the override."""
        ...

    def overridden_schema(self, spec: ToolSpec, override: dict[str, JSON], /) -> ToolSpec:
        """Return `spec` with the override applied. Called only if there are no mismatches."""
        ...


class OverrideProblem(NamedTuple):
    """A problem of an override; `path` is relative to the tool's entry."""

    path: tuple[str, ...]
    message: str
    remedy: str | None = None
    severity: Literal["error", "warning"] = "error"


def override_tool(
    spec: ToolSpec, entry: ToolEntry, schema_overrides: SchemaOverrideCheck
) -> tuple[ToolSpec, list[OverrideProblem]]:
    """Return the tool as this agent has it, and all problems of the entry."""
    problems: list[OverrideProblem] = []
    spec = _with_arguments(spec, entry, schema_overrides, problems)
    if entry.description is not None:
        spec = msgspec.structs.replace(spec, description=entry.description)
    changes: dict[str, Any] = {}
    if entry.timeout_seconds is not None:
        changes["timeout_seconds"] = entry.timeout_seconds
    changes |= _effects(spec, entry, problems)
    changes |= _isolation(spec, entry, problems)
    effects = changes.get("effects", spec.policy.effects)
    changes |= _outcome(entry, effects, problems)
    changes |= _approval(spec, entry, problems)
    changes |= _permissions(spec, entry, problems)
    changes |= _cache(spec, entry, effects, problems)
    changes |= _rate_limit(entry, problems)
    spec = spec.with_policy(**changes)
    _warn_of_clients(spec, problems)
    return spec, problems


def _warn_of_clients(spec: ToolSpec, problems: list[OverrideProblem]) -> None:
    """Warn of an approval that depends on a context which the caller may write."""
    if reads := client_contexts(spec.policy.approval.condition or ""):
        message = f"the approval of {spec.name} reads {' and '.join(reads)}, which clients may write"
        remedy = "read context.server, which only tools and nodes write"
        problems.append(OverrideProblem(("approval", "when"), message, remedy, "warning"))


def _with_arguments(
    spec: ToolSpec, entry: ToolEntry, schema_overrides: SchemaOverrideCheck, problems: list[OverrideProblem]
) -> ToolSpec:
    override: dict[str, JSON] = entry.model_dump(include={"arguments", "required"}, exclude_none=True)
    if not override:
        return spec
    mismatches = schema_overrides.mismatches(spec, override)
    problems += (OverrideProblem(path, problem.message, problem.remedy) for path, problem in mismatches)
    return spec if mismatches else schema_overrides.overridden_schema(spec, override)


def _effects(spec: ToolSpec, entry: ToolEntry, problems: list[OverrideProblem]) -> dict[str, Any]:
    coded = spec.policy
    if entry.effects is None:
        return {}
    if coded.declared and _STRICTNESS.index(entry.effects) < _STRICTNESS.index(coded.effects):
        message = f"the code of {spec.name} declares effects: {coded.effects}; {entry.effects} is less strict"
        problems.append(OverrideProblem(("effects",), message, "remove it, or change the code"))
        return {}
    changed = not coded.declared or entry.effects != coded.effects
    on_unknown = {"on_unknown": "ask" if entry.effects == "once" else "tell"} if changed else {}
    return {"effects": entry.effects, "declared": True, **on_unknown}


def _isolation(spec: ToolSpec, entry: ToolEntry, problems: list[OverrideProblem]) -> dict[str, Any]:
    if entry.isolation is None:
        return {}
    if entry.isolation == "inline" and spec.policy.isolation == "process":
        message = f"{spec.name} runs in its own process and cannot be made inline here"
        remedy = "remove it, or make the tool an async def without isolation"
        problems.append(OverrideProblem(("isolation",), message, remedy))
        return {}
    return {"isolation": entry.isolation}


def _outcome(entry: ToolEntry, effects: Effects, problems: list[OverrideProblem]) -> dict[str, Any]:
    """Return `retries` (for effects that may be repeated) and `on_unknown` (for those that may not)."""
    changes: dict[str, Any] = {}
    if entry.retries is not None and effects != "once":
        changes["retries"] = entry.retries
    elif entry.retries:
        message = f"`retries` has no meaning here: {entry.name} has effects: once and is never tried again"
        problems.append(OverrideProblem(("retries",), message, "remove it", "warning"))
    if entry.on_unknown is not None and effects == "once":
        changes["on_unknown"] = entry.on_unknown
    elif entry.on_unknown is not None:
        message = f"`on_unknown` has no meaning here: {entry.name} has effects: {effects} and simply runs again"
        problems.append(OverrideProblem(("on_unknown",), message, "remove it", "warning"))
    return changes


def _approval(spec: ToolSpec, entry: ToolEntry, problems: list[OverrideProblem]) -> dict[str, Any]:
    """Return the approval. The file may add cases in which a human is asked, but remove none that the code has."""
    given, coded = entry.approval, spec.policy.approval
    if given is None:
        return {}
    approval = _answering(given, coded, problems)
    wanted = given.when or ("always" if coded.when == "never" else coded.when)
    return {"approval": msgspec.structs.replace(approval, when=_when(spec, wanted, problems))}


def _answering(given: ApprovalEntry, coded: ApprovalPolicy, problems: list[OverrideProblem]) -> ApprovalPolicy:
    if given.default is not None and given.deadline_seconds is None:
        message = "`default` has no meaning here: without deadline_seconds an approval waits for a human"
        problems.append(OverrideProblem(("approval", "default"), message, "add deadline_seconds, or remove it"))
        return coded
    return ApprovalPolicy(coded.when, given.by, given.deadline_seconds, given.default or "deny")


def _when(spec: ToolSpec, wanted: str, problems: list[OverrideProblem]) -> str:
    coded = spec.policy.approval.when
    if wanted == coded:
        return coded
    if coded == "always" or (wanted == "never" and coded != "never"):
        message = f"the code of {spec.name} asks for approval: {coded}; {wanted} would ask less often"
        problems.append(OverrideProblem(("approval", "when"), message, "remove it, or change the code"))
        return coded
    if wanted == "always":
        return wanted
    either = wanted if coded == "never" else f"({coded}) || ({wanted})"
    return either if _compiles(wanted, problems) and _compiles(either, problems) else coded


def _compiles(condition: str, problems: list[OverrideProblem]) -> bool:
    try:
        compile_approval(condition)
    except ValidationError as exc:
        problems.append(OverrideProblem(("approval", "when"), exc.message, "write never, always or a CEL condition"))
        return False
    return True


def _permissions(spec: ToolSpec, entry: ToolEntry, problems: list[OverrideProblem]) -> dict[str, Any]:
    """Return the permissions: a part of those that the code declares, or any of a kind that it does not declare."""
    if entry.permissions is None:
        return {}
    given = entry.permissions.model_dump(exclude_none=True)
    try:
        wanted = Permissions.read(given)
    except ValueError as exc:
        problems.append(OverrideProblem(("permissions",), str(exc), "correct it"))
        return {}
    coded = spec.policy.permissions
    beyond = wanted.beyond(coded)
    for kind, entries in beyond.items():
        message = f"the code of {spec.name} does not declare {kind}: {', '.join(entries)}"
        problems.append(OverrideProblem(("permissions", kind), message, "remove it, or declare it in the code"))
    if beyond:
        return {}
    return {"permissions": msgspec.structs.replace(coded, **{kind: getattr(wanted, kind) for kind in given})}


def _cache(spec: ToolSpec, entry: ToolEntry, effects: Effects, problems: list[OverrideProblem]) -> dict[str, Any]:
    if effects != "none":
        if entry.cache_ttl:
            message = f"`cache_ttl` has no meaning here: {entry.name} has effects: {effects} and is never cached"
            problems.append(OverrideProblem(("cache_ttl",), message, "remove it", "warning"))
        return {"cache_ttl": 0.0} if spec.policy.cache_ttl else {}
    return {} if entry.cache_ttl is None else {"cache_ttl": entry.cache_ttl}


def _rate_limit(entry: ToolEntry, problems: list[OverrideProblem]) -> dict[str, Any]:
    if entry.rate_limit is None:
        return {}
    try:
        parse_rate(entry.rate_limit)
    except ValueError as exc:
        problems.append(OverrideProblem(("rate_limit",), f"`rate_limit` cannot be used: {exc}", "write 10/second"))
        return {}
    return {"rate_limit": entry.rate_limit}
