"""The limits of one run, checked against its state. The time limit is enforced by the runtime. Pure."""

from __future__ import annotations

import msgspec

from journeyman.agents.decision import ReachLimit
from journeyman.agents.spec import Limits
from journeyman.events.events import Bounds
from journeyman.events.fold import AgentState


def exceeded(state: AgentState, limits: Limits) -> ReachLimit | None:
    """Return the limit that forbids the next step, or None."""
    limits = effective_limits(limits, state.bounds)
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


def effective_limits(limits: Limits, bounds: Bounds | None) -> Limits:
    """Return the limits of a run: those of its agent, and for a child run not more than its parent had left."""
    return limits if bounds is None else _bounded(limits, bounds)


def lower_limits(limits: Limits, others: Limits) -> Limits:
    """Return the lower one of each limit. `repeats` 0 means no limit."""
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


def remaining_limits(state: AgentState, limits: Limits) -> Bounds:
    """Return what a run has left of its limits, which a child run that starts now may use."""
    own = effective_limits(limits, state.bounds)
    return Bounds(
        steps=max(0, own.steps - state.model_calls - state.child_steps),
        tool_calls=max(0, own.tool_calls - state.tool_calls),
        seconds=max(0.0, own.seconds - state.active_us / 1_000_000),
        tokens=max(0, own.tokens - state.usage.input_tokens - state.usage.output_tokens),
        cost_usd=max(0.0, own.cost_usd - (state.usage.cost_usd or 0.0)),
    )
