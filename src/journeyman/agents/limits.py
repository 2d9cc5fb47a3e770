"""The limits of one run, checked against its state. The time limit is enforced by the runtime. Pure."""

from __future__ import annotations

import msgspec

from journeyman.agents.decision import ReachLimit
from journeyman.agents.spec import Limits, OnReached
from journeyman.events.events import Bounds
from journeyman.events.fold import AgentState


def exceeded(state: AgentState, limits: Limits) -> ReachLimit | None:
    """Return the limit that forbids the next step, or None."""
    tokens = _exceeded_tokens(state, limits)
    limits = effective_limits(limits, state.bounds)
    if state.tool_calls > limits.tool_calls:
        return reach_limit(limits, "tool_calls", limits.tool_calls)
    if tokens is not None:
        return reach_limit(limits, "tokens", tokens)
    if (state.usage.cost_usd or 0.0) >= limits.cost_usd:
        return reach_limit(limits, "cost_usd", limits.cost_usd)
    if not state.calls and state.model_calls + state.child_steps >= limits.steps:
        return reach_limit(limits, "steps", limits.steps)
    return None


def reach_limit(limits: Limits, name: str, value: float) -> ReachLimit:
    """Return the limit of this name as reached, with what the agent's file says that happens then."""
    return ReachLimit(limit=name, value=value, then=getattr(limits.on_reached, name) if limits.on_reached else "stop")


def _exceeded_tokens(state: AgentState, limits: Limits) -> int | None:
    """Return the limit of tokens that is reached, that of the agent or that of the parent; None if neither is."""
    reached = _reached_tokens(state, limits)
    return reached if state.bounds is None else _lower_tokens(reached, _reached_tokens(state, state.bounds))


def _reached_tokens(state: AgentState, bound: Limits | Bounds) -> int | None:
    return bound.tokens if bound.tokens is not None and _used_tokens(state, bound) >= bound.tokens else None


def _used_tokens(state: AgentState, counting: Limits | Bounds) -> int:
    read = state.uncached_tokens if counting.count_uncached else state.usage.input_tokens
    return read + state.usage.output_tokens


def effective_limits(limits: Limits, bounds: Bounds | None) -> Limits:
    """Return the limits of a run: those of its agent, and for a child run not more than its parent had left.

    `tokens` is that of the agent, since both may count tokens in different ways.
    """
    return limits if bounds is None else _bounded(limits, bounds)


def lower_limits(limits: Limits, others: Limits) -> Limits:
    """Return the lower one of each limit, counted as `limits` are. `repeats` 0 means no limit."""
    repeats = min(limits.repeats or others.repeats, others.repeats or limits.repeats)
    tokens = _lower_tokens(limits.tokens, others.tokens)
    on_reached = _strictest_reactions(limits.on_reached, others.on_reached)
    return msgspec.structs.replace(_bounded(limits, others), repeats=repeats, tokens=tokens, on_reached=on_reached)


def _strictest_reactions(reactions: OnReached | None, others: OnReached | None) -> OnReached | None:
    """Return `reactions` with `stop` where others say so; None stays None, since it also tells how tokens count."""
    if reactions is None or others is None:
        return reactions
    stops = [name for name in OnReached.__struct_fields__ if getattr(others, name) == "stop"]
    return msgspec.structs.replace(reactions, **dict.fromkeys(stops, "stop"))


def _bounded(limits: Limits, others: Limits | Bounds) -> Limits:
    return msgspec.structs.replace(
        limits,
        steps=min(limits.steps, others.steps),
        tool_calls=min(limits.tool_calls, others.tool_calls),
        seconds=min(limits.seconds, others.seconds),
        cost_usd=min(limits.cost_usd, others.cost_usd),
    )


def _lower_tokens(*tokens: int | None) -> int | None:
    return min((each for each in tokens if each is not None), default=None)


def remaining_limits(state: AgentState, limits: Limits) -> Bounds:
    """Return what a run has left of its limits, which a child run that starts now may use."""
    own = effective_limits(limits, state.bounds)
    return Bounds(
        steps=max(0, own.steps - state.model_calls - state.child_steps),
        tool_calls=max(0, own.tool_calls - state.tool_calls),
        seconds=max(0.0, own.seconds - state.active_us / 1_000_000),
        tokens=_lower_tokens(_remaining_tokens(state, limits), _remaining_tokens(state, state.bounds)),
        cost_usd=max(0.0, own.cost_usd - (state.usage.cost_usd or 0.0)),
        count_uncached=limits.count_uncached and (state.bounds is None or state.bounds.count_uncached),
    )


def _remaining_tokens(state: AgentState, bound: Limits | Bounds | None) -> int | None:
    if bound is None or bound.tokens is None:
        return None
    return max(0, bound.tokens - _used_tokens(state, bound))
