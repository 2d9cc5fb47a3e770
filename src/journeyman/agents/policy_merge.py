"""The strictest of several policies: of all agents that list a tool, and of an agent as it was and as it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import msgspec

from journeyman.agents.conditions import APPROVAL_NAMES, compile_condition
from journeyman.agents.limits import smaller
from journeyman.agents.spec import AgentSpec
from journeyman.errors import ValidationError
from journeyman.events.messages import JSON
from journeyman.events.quota import Quota
from journeyman.resilience.rate_limit import parse_rate
from journeyman.tools.permissions import Permissions
from journeyman.tools.spec import CacheScope, Effects, Sandbox, ToolSpec

INFINITY = float("inf")
_STRICTNESS: tuple[Effects, ...] = ("none", "idempotent", "once")
_SANDBOXES: tuple[Sandbox, ...] = ("off", "best", "strict")
_SCOPES: tuple[CacheScope, ...] = ("principal", "agent", "shared")


def restricted_to(then: AgentSpec, today: AgentSpec) -> AgentSpec:
    """`then` within what `today` allows: its tools that are still listed, each under the stricter of both policies, and
    the smaller limits and quotas. The same object if today asks for no more."""
    both = ((tool, now) for tool in then.tools if (now := today.tool(tool.name)) is not None)
    tools = tuple(tool if tool == now else _of_both(tool, now) for tool, now in both)
    limits, quota = smaller(then.limits, today.limits), _quota_of_both(then.quota, today.quota)
    bound = msgspec.structs.replace(then, tools=tools, limits=limits, quota=quota)
    return then if bound == then else bound


def _quota_of_both(then: Quota, now: Quota) -> Quota:
    pairs = zip(msgspec.structs.astuple(then), msgspec.structs.astuple(now), strict=True)
    return Quota(*(min((each for each in pair if each is not None), default=None) for pair in pairs))


def _of_both(then: ToolSpec, now: ToolSpec) -> ToolSpec:
    """What the model is told stays, as far as the code does; what belongs to the code is today's."""
    return msgspec.structs.replace(
        strictest_spec([then, now]),
        description=then.description if then.code_hash == now.code_hash else now.description,
        parameters=_arguments_of_both(then.parameters, now.parameters),
        sensitive=tuple(dict.fromkeys((*then.sensitive, *now.sensitive))),
        output_cap=min(then.output_cap, now.output_cap),
        limits=now.limits,
        source=now.source,
        code_hash=now.code_hash,
    )


def _arguments_of_both(then: dict[str, JSON], now: dict[str, JSON]) -> dict[str, JSON]:
    """Today's arguments, each within what both say of it."""
    earlier, required = then.get("properties", {}), now.get("required", [])
    nodes = now.get("properties", {}).items()
    properties = {name: _node_of_both(earlier.get(name, node), node) for name, node in nodes}
    more = [name for name in then.get("required", []) if name in properties and name not in required]
    merged = {**now, "properties": properties} if properties else now
    if more:
        merged = {**merged, "required": [*required, *more]}
    if "$defs" in then:
        merged = {**merged, "$defs": {**then["$defs"], **now.get("$defs", {})}}
    return then if merged == then else merged


def _node_of_both(then: JSON, now: JSON) -> JSON:
    if then == now or not isinstance(now, dict):
        return now
    if isinstance(then, dict) and {key: value for key, value in then.items() if key != "allOf"} == now:
        return then  # says all that `now` does: it came of both before
    return {**now, "allOf": [*now.get("allOf", []), then]}


def strictest_spec(listed: Sequence[ToolSpec], code: ToolSpec | None = None) -> ToolSpec:
    """The first spec under the strictest policy of all. `code`: what stands in the code, before any file says more."""
    specs = [code, *listed] if code is not None else list(listed)
    allowed = _allowed(listed, code)
    return msgspec.structs.replace(
        specs[0],
        effects=max((spec.effects for spec in specs), key=_STRICTNESS.index),
        on_unknown="ask" if any(spec.on_unknown == "ask" for spec in specs) else "tell",
        approval=_asking([spec.approval for spec in specs]),
        **_answering(listed or specs),
        isolation="process" if any(spec.isolation == "process" for spec in specs) else "inline",
        sandbox=max((spec.sandbox for spec in listed or specs), key=_SANDBOXES.index),
        timeout_seconds=min((spec.timeout_seconds for spec in specs if spec.timeout_seconds is not None), default=None),
        retries=min((spec.retries for spec in specs if spec.retries is not None), default=None),
        rate_limit=min((spec.rate_limit for spec in specs if spec.rate_limit), key=_per_second, default=None),
        permissions_network=allowed.network,
        permissions_files=allowed.files,
        permissions_env=allowed.env,
        cache_ttl=min((spec.cache_ttl for spec in specs), key=lambda ttl: INFINITY if ttl == "default" else ttl),
        cache_scope=min((spec.cache_scope for spec in specs), key=_SCOPES.index),
    )


def _per_second(rate: str) -> float:
    return parse_rate(rate).per_second


def _asking(approvals: Sequence[str]) -> str:
    """Asks where any of them does. What cannot be joined to one condition (it grew too long) always asks."""
    texts = [text for text in dict.fromkeys(approvals) if text != "never"]
    if "always" in texts:
        return "always"
    conditions = [text for text in texts if not any(_says(other, text) for other in texts)]
    if len(conditions) < 2:
        return conditions[0] if conditions else "never"
    joined = " || ".join(f"({text})" for text in conditions)
    try:
        compile_condition(joined, APPROVAL_NAMES)
    except ValidationError:
        return "always"
    return joined


def _says(text: str, condition: str) -> bool:
    """Whether `text` was joined with the condition before."""
    return "?" not in text and "//" not in text and text.endswith(f" || ({condition})")


def _answering(specs: Sequence[ToolSpec]) -> dict[str, Any]:
    """Somebody else must answer if any says so; the soonest deadline, and its default only if all who ask agree."""
    timed = [spec for spec in specs if spec.approval_seconds is not None]
    given = {spec.approval_default for spec in timed}
    given |= {"deny" for spec in specs if spec.approval != "never" and spec.approval_seconds is None}
    return {
        "approval_by": "other" if any(spec.approval_by == "other" for spec in specs) else "anyone",
        "approval_seconds": min((spec.approval_seconds or 0 for spec in timed), default=None),
        "approval_default": "approve" if given == {"approve"} else "deny",
    }


def _allowed(listed: Sequence[ToolSpec], code: ToolSpec | None) -> Permissions:
    """What all allow. Where the code says nothing, what the agents say counts alone."""
    each = [spec.permissions for spec in listed]
    if code is not None and (code.permissions.declared or not each):
        each.append(code.permissions)
    return reduce(Permissions.within, each)
