"""The limits of one run. Time is the runtime's to watch; the rest is counted in the state."""

from __future__ import annotations

import msgspec

from journeyman.agents.decision import ReachLimit
from journeyman.agents.spec import Limits
from journeyman.events.events import Bounds
from journeyman.events.fold import AgentState


def exceeded(state: AgentState, limits: Limits) -> ReachLimit | None:
    """The limit that forbids the next step; None if it may be taken."""
    limits = is_within_limits(limits, state.bounds)
    tokens = state.usage.input_tokens + state.usage.output_tokens
    if state.tool_calls > limits.tool_calls:
        return ReachLimit(limit="tool_calls", value=limits.tool_calls)
    if tokens >= limits.tokens:
        return ReachLimit(limit="tokens", value=limits.tokens)
    if (state.usage.cost_usd or 0.0) >= limits.cost_usd:
        return ReachLimit(limit="cost_usd", value=limits.cost_usd)
    if not state.calls and state.model_calls + state.child_steps >= limits.steps:
        return ReachLimit(limit="steps", value=limits.steps)
    return None


def is_within_limits(limits: Limits, bounds: Bounds | None) -> Limits:
    """The limits that hold for a run: its agent's, and of a child what its parent had left."""
    return limits if bounds is None else _bounded(limits, bounds)


def smaller(limits: Limits, others: Limits) -> Limits:
    """Of each limit the smaller one."""
    repeats = min(limits.repeats or others.repeats, others.repeats or limits.repeats)
    return msgspec.structs.replace(_bounded(limits, others), repeats=repeats)


def _bounded(limits: Limits, others: Limits | Bounds) -> Limits:
    return msgspec.structs.replace(
        limits,
        steps=min(limits.steps, others.steps),
        tool_calls=min(limits.tool_calls, others.tool_calls),
        seconds=min(limits.seconds, others.seconds),
        tokens=min(limits.tokens, others.tokens),
        cost_usd=min(limits.cost_usd, others.cost_usd),
    )


def remaining_model_calls(state: AgentState, limits: Limits) -> Bounds:
    """What a run has left of its limits: what a child that it starts now may use."""
    own = is_within_limits(limits, state.bounds)
    return Bounds(
        steps=max(0, own.steps - state.model_calls - state.child_steps),
        tool_calls=max(0, own.tool_calls - state.tool_calls),
        seconds=max(0.0, own.seconds - state.active_us / 1_000_000),
        tokens=max(0, own.tokens - state.usage.input_tokens - state.usage.output_tokens),
        cost_usd=max(0.0, own.cost_usd - (state.usage.cost_usd or 0.0)),
    )
