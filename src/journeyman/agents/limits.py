"""The limits of one run. Time is the runtime's to watch; the rest is counted in the state."""

from __future__ import annotations

from journeyman.agents.decision import ReachLimit
from journeyman.agents.spec import Limits
from journeyman.events.state import AgentState


def exceeded(state: AgentState, limits: Limits) -> ReachLimit | None:
    """The limit that forbids the next step; None if it may be taken."""
    tokens = state.usage.input_tokens + state.usage.output_tokens
    if state.tool_calls > limits.tool_calls:
        return ReachLimit(limit="tool_calls", value=limits.tool_calls)
    if tokens >= limits.tokens:
        return ReachLimit(limit="tokens", value=limits.tokens)
    if (state.usage.cost_usd or 0.0) >= limits.cost_usd:
        return ReachLimit(limit="cost_usd", value=limits.cost_usd)
    if not state.calls and state.model_calls >= limits.steps:
        return ReachLimit(limit="steps", value=limits.steps)
    return None
