"""The limits of one run, checked against its state. The time limit is enforced by the runtime. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from journeyman.agents.decision import AskHuman, ReachLimit
from journeyman.agents.raised_limits import highest_value, raised_limits, reach_limit, strictest_reactions
from journeyman.agents.spec import Limits
from journeyman.events.events import Bounds
from journeyman.events.fold import AgentState


def exceeded(state: AgentState, limits: Limits) -> ReachLimit | AskHuman | None:
    """Return what the run does at the limit that forbids the next step, or None if none does.

    If several are reached, one that ends the run goes before one at which a human is asked.
    """
    effective = effective_limits(limits, state)
    tokens = _exceeded_tokens(state, effective)
    reached: list[tuple[str, float]] = []
    if state.tool_calls > effective.tool_calls:
        reached.append(("tool_calls", effective.tool_calls))
    if tokens is not None:
        reached.append(("tokens", tokens))
    if (state.usage.cost_usd or 0.0) >= effective.cost_usd:
        reached.append(("cost_usd", effective.cost_usd))
    if not state.calls and state.model_calls + state.child_steps >= effective.steps:
        reached.append(("steps", effective.steps))
    return _first_end(state, limits, reached) if reached else None


def _first_end(state: AgentState, limits: Limits, reached: Sequence[tuple[str, float]]) -> ReachLimit | AskHuman | None:
    actions = [reached_action(state, limits, name, value) for name, value in reached]
    return next((action for action in actions if isinstance(action, ReachLimit)), actions[0])


def reached_action(state: AgentState, limits: Limits, name: str, value: float) -> ReachLimit | AskHuman:
    """Return what the run does at this limit, with the value `value`. What its parent had left is never raised."""
    return reach_limit(limits, name, value, _highest(state, limits, name))


def _highest(state: AgentState, limits: Limits, name: str) -> float | None:
    """Return the value up to which the run may go, with the consent of a human. None: it may not."""
    own, bounds = highest_value(limits, name), state.bounds
    if own is None or bounds is None or name == "repeats":
        return own
    if name != "tokens":
        left: float = getattr(bounds, name)
        return min(own, left)
    if bounds.tokens is not None and _used_tokens(state, bounds) >= bounds.tokens:
        return None
    return own if bounds.count_uncached != limits.count_uncached else min(own, bounds.tokens or own)


def _exceeded_tokens(state: AgentState, limits: Limits) -> int | None:
    """Return the limit of tokens that is reached, that of the agent or that of the parent; None if neither is."""
    reached = _reached_tokens(state, limits)
    return reached if state.bounds is None else _lower_tokens(reached, _reached_tokens(state, state.bounds))


def _reached_tokens(state: AgentState, bound: Limits | Bounds) -> int | None:
    return bound.tokens if bound.tokens is not None and _used_tokens(state, bound) >= bound.tokens else None


def _used_tokens(state: AgentState, counting: Limits | Bounds) -> int:
    read = state.uncached_tokens if counting.count_uncached else state.usage.input_tokens
    return read + state.usage.output_tokens


def most_calls(state: AgentState, limits: Limits) -> int:
    """Return how many calls of the next reply can matter: those that the limit leaves, and one more, which reaches it.

    If a human may raise the limit, it counts as it is at most.
    """
    highest = _highest(state, limits, "tool_calls") or 0
    return max(0, max(effective_limits(limits, state).tool_calls, int(highest)) - state.tool_calls) + 1


def effective_limits(limits: Limits, state: AgentState) -> Limits:
    """Return the limits of a run: those of its agent, as humans have raised them, and for a child run not more than its
    parent had left.

    `tokens` is that of the agent, since both may count tokens in different ways.
    """
    own = raised_limits(limits, state) if state.raised else limits
    return own if state.bounds is None else _bounded(own, state.bounds)


def lower_limits(limits: Limits, others: Limits) -> Limits:
    """Return the lower one of each limit, counted as `limits` are. `repeats` 0 means no limit."""
    repeats = min(limits.repeats or others.repeats, others.repeats or limits.repeats)
    tokens = _lower_tokens(limits.tokens, others.tokens)
    on_reached = strictest_reactions(limits, others)
    return msgspec.structs.replace(_bounded(limits, others), repeats=repeats, tokens=tokens, on_reached=on_reached)


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
    own = effective_limits(limits, state)
    return Bounds(
        steps=max(0, own.steps - state.model_calls - state.child_steps),
        tool_calls=max(0, own.tool_calls - state.tool_calls),
        seconds=max(0.0, own.seconds - state.active_us / 1_000_000),
        tokens=_lower_tokens(_remaining_tokens(state, own), _remaining_tokens(state, state.bounds)),
        cost_usd=max(0.0, own.cost_usd - (state.usage.cost_usd or 0.0)),
        count_uncached=limits.count_uncached and (state.bounds is None or state.bounds.count_uncached),
    )


def _remaining_tokens(state: AgentState, bound: Limits | Bounds | None) -> int | None:
    if bound is None or bound.tokens is None:
        return None
    return max(0, bound.tokens - _used_tokens(state, bound))
