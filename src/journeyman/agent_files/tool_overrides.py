"""What an agent file may change about a tool: overrides narrow its schema and restrict its policy, never widen it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from journeyman.agent_files.file_model import ApprovalEntry, ToolEntry
from journeyman.agents.conditions import APPROVAL_NAMES, compile_condition
from journeyman.errors import Problem, ValidationError
from journeyman.events.messages import JSON
from journeyman.resilience.rate_limit import parse_rate
from journeyman.tools.permissions import Permissions
from journeyman.tools.spec import Effects, ToolSpec

_WHEN = ("approval", "when")
_STRICTNESS: tuple[Effects, ...] = ("none", "idempotent", "once")


class SchemaOverrideCheck(Protocol):
    """How the override of a tool's arguments (`arguments`, `required`) is checked and applied."""

    def mismatches(self, spec: ToolSpec, override: dict[str, JSON], /) -> Sequence[tuple[tuple[str, ...], Problem]]:
        """Every contradiction to the code, with its place in the override."""
        ...

    def overridden_schema(self, spec: ToolSpec, override: dict[str, JSON], /) -> ToolSpec:
        """`spec` with the override applied; called only if nothing mismatches."""
        ...


class OverrideProblem(NamedTuple):
    """Something wrong with an override; `path` is relative to the tool's entry."""

    path: tuple[str, ...]
    message: str
    remedy: str | None = None
    severity: Literal["error", "warning"] = "error"


def override_tool(
    spec: ToolSpec, entry: ToolEntry, schema_overrides: SchemaOverrideCheck
) -> tuple[ToolSpec, list[OverrideProblem]]:
    """The tool as this agent has it, and everything that stands against it."""
    findings: list[OverrideProblem] = []
    spec = _with_arguments(spec, entry, schema_overrides, findings)
    changes: dict[str, Any] = {}
    if entry.description is not None:
        changes["description"] = entry.description
    if entry.timeout_seconds is not None:
        changes["timeout_seconds"] = entry.timeout_seconds
    changes |= _effects(spec, entry, findings)
    changes |= _isolation(spec, entry, findings)
    effects = changes.get("effects", spec.effects)
    changes |= _outcome(entry, effects, findings)
    changes |= _approval(spec, entry, findings)
    changes |= _permissions(spec, entry, findings)
    changes |= _cache(spec, entry, effects, findings)
    changes |= _rate_limit(entry, findings)
    return msgspec.structs.replace(spec, **changes), findings


def _with_arguments(
    spec: ToolSpec, entry: ToolEntry, schema_overrides: SchemaOverrideCheck, findings: list[OverrideProblem]
) -> ToolSpec:
    override: dict[str, JSON] = entry.model_dump(include={"arguments", "required"}, exclude_none=True)
    if not override:
        return spec
    wrong = schema_overrides.mismatches(spec, override)
    findings += (OverrideProblem(path, problem.message, problem.remedy) for path, problem in wrong)
    return spec if wrong else schema_overrides.overridden_schema(spec, override)


def _effects(spec: ToolSpec, entry: ToolEntry, findings: list[OverrideProblem]) -> dict[str, Any]:
    if entry.effects is None:
        return {}
    if spec.declared and _STRICTNESS.index(entry.effects) < _STRICTNESS.index(spec.effects):
        message = f"the code of {spec.name} declares effects: {spec.effects}; {entry.effects} is less strict"
        findings.append(OverrideProblem(("effects",), message, "remove it, or change the code"))
        return {}
    changed = not spec.declared or entry.effects != spec.effects
    on_unknown = {"on_unknown": "ask" if entry.effects == "once" else "tell"} if changed else {}
    return {"effects": entry.effects, "declared": True, **on_unknown}


def _isolation(spec: ToolSpec, entry: ToolEntry, findings: list[OverrideProblem]) -> dict[str, Any]:
    if entry.isolation is None:
        return {}
    if entry.isolation == "inline" and spec.isolation == "process":
        message = f"{spec.name} runs in a process of its own and cannot be brought inline"
        findings.append(
            OverrideProblem(("isolation",), message, "remove it, or make the tool an async def without isolation")
        )
        return {}
    return {"isolation": entry.isolation}


def _outcome(entry: ToolEntry, effects: Effects, findings: list[OverrideProblem]) -> dict[str, Any]:
    """Retries mean something only for effects that may be repeated, `on_unknown` only for those that may not."""
    changes: dict[str, Any] = {}
    if entry.retries is not None and effects != "once":
        changes["retries"] = entry.retries
    elif entry.retries:
        message = f"`retries` has no meaning here: {entry.name} has effects: once and is never tried again"
        findings.append(OverrideProblem(("retries",), message, "remove it", "warning"))
    if entry.on_unknown is not None and effects == "once":
        changes["on_unknown"] = entry.on_unknown
    elif entry.on_unknown is not None:
        message = f"`on_unknown` has no meaning here: {entry.name} has effects: {effects} and simply runs again"
        findings.append(OverrideProblem(("on_unknown",), message, "remove it", "warning"))
    return changes


def _approval(spec: ToolSpec, entry: ToolEntry, findings: list[OverrideProblem]) -> dict[str, Any]:
    """An approval can be added: what the code asks for stays asked for."""
    given = entry.approval
    if given is None:
        return {}
    when = given.when or (spec.approval if spec.approval != "never" else "always")
    return {**_answering(given, findings), **_asking(spec, when, findings)}


def _answering(given: ApprovalEntry, findings: list[OverrideProblem]) -> dict[str, Any]:
    if given.default is not None and given.deadline_seconds is None:
        message = "`default` has no meaning here: without deadline_seconds an approval waits for a human"
        findings.append(OverrideProblem(("approval", "default"), message, "add deadline_seconds, or remove it"))
        return {}
    return {
        "approval_by": given.by,
        "approval_seconds": given.deadline_seconds,
        "approval_default": given.default or "deny",
    }


def _asking(spec: ToolSpec, wanted: str, findings: list[OverrideProblem]) -> dict[str, Any]:
    coded = spec.approval
    if wanted == coded:
        return {}
    if coded == "always" or (wanted == "never" and coded != "never"):
        message = f"the code of {spec.name} asks for approval: {coded}; {wanted} would ask less often"
        findings.append(OverrideProblem(_WHEN, message, "remove it, or change the code"))
        return {}
    if wanted == "always":
        return {"approval": wanted}
    either = wanted if coded == "never" else f"({coded}) || ({wanted})"
    return {"approval": either} if _compiles(wanted, findings) and _compiles(either, findings) else {}


def _permissions(spec: ToolSpec, entry: ToolEntry, findings: list[OverrideProblem]) -> dict[str, Any]:
    """Part of what the code declares; what it leaves open may be declared here."""
    if entry.permissions is None:
        return {}
    given = entry.permissions.model_dump(exclude_none=True)
    try:
        wanted = Permissions.read(given)
    except ValueError as exc:
        findings.append(OverrideProblem(("permissions",), str(exc), "correct it"))
        return {}
    beyond = wanted.beyond(spec.permissions)
    for kind, entries in beyond.items():
        message = f"the code of {spec.name} does not declare {kind}: {', '.join(entries)}"
        findings.append(OverrideProblem(("permissions", kind), message, "remove it, or declare it in the code"))
    return {} if beyond else {f"permissions_{kind}": getattr(wanted, kind) for kind in given}


def _cache(spec: ToolSpec, entry: ToolEntry, effects: Effects, findings: list[OverrideProblem]) -> dict[str, Any]:
    if effects != "none":
        if entry.cache_ttl:
            message = f"`cache_ttl` has no meaning here: {entry.name} has effects: {effects} and is never cached"
            findings.append(OverrideProblem(("cache_ttl",), message, "remove it", "warning"))
        return {"cache_ttl": 0.0} if spec.cache_ttl else {}
    return {} if entry.cache_ttl is None else {"cache_ttl": entry.cache_ttl}


def _rate_limit(entry: ToolEntry, findings: list[OverrideProblem]) -> dict[str, Any]:
    if entry.rate_limit is None:
        return {}
    try:
        parse_rate(entry.rate_limit)
    except ValueError as exc:
        findings.append(OverrideProblem(("rate_limit",), f"`rate_limit` cannot be used: {exc}", "write 10/second"))
        return {}
    return {"rate_limit": entry.rate_limit}


def is_condition(approval: str) -> bool:
    return approval not in ("always", "never")


def _compiles(text: str, findings: list[OverrideProblem]) -> bool:
    try:
        compile_condition(text, APPROVAL_NAMES)
    except ValidationError as exc:
        findings.append(OverrideProblem(_WHEN, exc.message, "write never, always or a CEL condition"))
        return False
    return True
