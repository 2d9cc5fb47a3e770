"""Merges tool policies to the strictest: of all agents that list a tool, or of two versions of an agent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import msgspec

from journeyman.agents.conditions import compile_approval
from journeyman.agents.limits import lower_limits
from journeyman.agents.spec import AgentSpec
from journeyman.errors import ValidationError
from journeyman.events.messages import JSON
from journeyman.events.quota import Quota
from journeyman.resilience.rate_limit import parse_rate
from journeyman.tools.permissions import Permissions
from journeyman.tools.spec import ApprovalPolicy, CacheScope, Effects, Sandbox, ToolPolicy, ToolSpec

INFINITY = float("inf")
_EFFECTS: tuple[Effects, ...] = ("none", "idempotent", "once")  # the most restrictive last
_SANDBOXES: tuple[Sandbox, ...] = ("off", "best", "strict")  # the most restrictive last
_SCOPES: tuple[CacheScope, ...] = ("principal", "agent", "shared")  # the most restrictive first


def restricted_to(old: AgentSpec, current: AgentSpec) -> AgentSpec:
    """Return `old` restricted to what `current` allows.

    Only tools that are still listed stay, each with the stricter of both policies, and of limits and quotas the lower.
    Returns `old` itself if nothing has to change.
    """
    pairs = ((tool, now) for tool in old.tools if (now := current.tool(tool.name)) is not None)
    tools = tuple(tool if tool == now else _merged_tool(tool, now) for tool, now in pairs)
    limits, quota = lower_limits(old.limits, current.limits), _lower_quota(old.quota, current.quota)
    restricted = msgspec.structs.replace(old, tools=tools, limits=limits, quota=quota)
    return old if restricted == old else restricted


def _lower_quota(old: Quota, current: Quota) -> Quota:
    pairs = zip(msgspec.structs.astuple(old), msgspec.structs.astuple(current), strict=True)
    return Quota(*(min((each for each in pair if each is not None), default=None) for pair in pairs))


def _merged_tool(old: ToolSpec, current: ToolSpec) -> ToolSpec:
    """Return the tool as the model knows it from `old`, with the current code and the stricter of both policies."""
    policy = strictest_policy([old.policy, current.policy])
    return msgspec.structs.replace(
        old,
        description=old.description if old.code_hash == current.code_hash else current.description,
        parameters=_merged_parameters(old.parameters, current.parameters),
        sensitive=tuple(dict.fromkeys((*old.sensitive, *current.sensitive))),
        source=current.source,
        code_hash=current.code_hash,
        policy=msgspec.structs.replace(
            policy,
            output_cap=min(old.policy.output_cap, current.policy.output_cap),
            limits=current.policy.limits,
        ),
    )


def _merged_parameters(old: dict[str, JSON], current: dict[str, JSON]) -> dict[str, JSON]:
    """Return the current JSON Schema, each argument restricted to what both schemas allow."""
    earlier, required = old.get("properties", {}), current.get("required", [])
    nodes = current.get("properties", {}).items()
    properties = {name: _merged_argument(earlier.get(name, node), node) for name, node in nodes}
    more = [name for name in old.get("required", []) if name in properties and name not in required]
    merged = {**current, "properties": properties} if properties else current
    if more:
        merged = {**merged, "required": [*required, *more]}
    if "$defs" in old:
        merged = {**merged, "$defs": {**old["$defs"], **current.get("$defs", {})}}
    return old if merged == old else merged


def _merged_argument(old: JSON, current: JSON) -> JSON:
    if old == current or not isinstance(current, dict):
        return current
    if isinstance(old, dict) and {key: value for key, value in old.items() if key != "allOf"} == current:
        return old  # an earlier merge: it holds all of `current` already
    return {**current, "allOf": [*current.get("allOf", []), old]}


def strictest_spec(listed: Sequence[ToolSpec], code: ToolSpec | None = None) -> ToolSpec:
    """Return the tool with the strictest of all policies.

    `listed` are the specs of agents that list the tool; `code` is the spec before any agent file changed it. The rest
    of the result is that of `code`, or of the first listed spec.
    """
    policy = strictest_policy([spec.policy for spec in listed], code.policy if code else None)
    return msgspec.structs.replace(code or listed[0], policy=policy)


def strictest_policy(listed: Sequence[ToolPolicy], code: ToolPolicy | None = None) -> ToolPolicy:
    """Return a policy that allows only what all of these allow."""
    every = [code, *listed] if code is not None else list(listed)
    return msgspec.structs.replace(
        every[0],
        effects=max((policy.effects for policy in every), key=_EFFECTS.index),
        on_unknown="ask" if any(policy.on_unknown == "ask" for policy in every) else "tell",
        approval=_strictest_approval(
            [policy.approval for policy in every], [policy.approval for policy in listed or every]
        ),
        isolation="process" if any(policy.isolation == "process" for policy in every) else "inline",
        sandbox=max((policy.sandbox for policy in listed or every), key=_SANDBOXES.index),
        timeout_seconds=min(
            (policy.timeout_seconds for policy in every if policy.timeout_seconds is not None), default=None
        ),
        retries=min((policy.retries for policy in every if policy.retries is not None), default=None),
        rate_limit=min((policy.rate_limit for policy in every if policy.rate_limit), key=_per_second, default=None),
        permissions=_common_permissions(listed, code),
        cache_ttl=min((policy.cache_ttl for policy in every), key=lambda ttl: INFINITY if ttl == "default" else ttl),
        cache_scope=min((policy.cache_scope for policy in every), key=_SCOPES.index),
    )


def _per_second(rate: str) -> float:
    return parse_rate(rate).per_second


def _strictest_approval(every: Sequence[ApprovalPolicy], listed: Sequence[ApprovalPolicy]) -> ApprovalPolicy:
    """Return an approval that asks if any of `every` asks.

    Who answers, and until when, is decided by `listed`: the earliest deadline counts, and its default is `approve` only
    if all that ask have this default.
    """
    timed = [approval for approval in listed if approval.deadline_seconds is not None]
    defaults = {approval.default for approval in timed}
    defaults |= {"deny" for approval in listed if approval.when != "never" and approval.deadline_seconds is None}
    return ApprovalPolicy(
        when=_any_of([approval.when for approval in every]),
        by="other" if any(approval.by == "other" for approval in listed) else "anyone",
        deadline_seconds=min((approval.deadline_seconds or 0 for approval in timed), default=None),
        default="approve" if defaults == {"approve"} else "deny",
    )


def _any_of(approvals: Sequence[str]) -> str:
    """Return a condition that holds if any of these holds; `always` if the joined condition is too long."""
    texts = [text for text in dict.fromkeys(approvals) if text != "never"]
    if "always" in texts:
        return "always"
    conditions = [text for text in texts if not any(_includes(other, text) for other in texts)]
    if len(conditions) < 2:
        return conditions[0] if conditions else "never"
    joined = " || ".join(f"({text})" for text in conditions)
    try:
        compile_approval(joined)
    except ValidationError:
        return "always"
    return joined


def _includes(text: str, condition: str) -> bool:
    """Return whether `text` is the result of an earlier merge with `condition`."""
    return "?" not in text and "//" not in text and text.endswith(f" || ({condition})")


def _common_permissions(listed: Sequence[ToolPolicy], code: ToolPolicy | None) -> Permissions:
    """Return what all of these permit. A `code` that declares nothing does not count, if any agent lists the tool."""
    each = [policy.permissions for policy in listed]
    if code is not None and (code.permissions.declared or not each):
        each.append(code.permissions)
    return reduce(Permissions.within, each)
