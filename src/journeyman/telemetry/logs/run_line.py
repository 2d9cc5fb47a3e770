"""The log line of a run on a terminal: the agent, how the run ended, and what it took."""

from __future__ import annotations

from journeyman.events.amounts import cost_text, duration_text, short_id
from journeyman.events.fold import AgentState


class RunLine:
    """What a person wants to know of a run that has ended or paused. The text is made when a terminal shows it."""

    def __init__(self, state: AgentState) -> None:
        self._state = state

    def __str__(self) -> str:
        """Return the line, without its time and level."""
        state = self._state
        name = state.agent or (state.direct.tool if state.direct else "a run")
        took = f" ({', '.join(used)})" if (used := _used(state)) else ""
        return f"{name}: {_ending(state)}{took}  {short_id(state.run_id)}"


def _ending(state: AgentState) -> str:
    if state.status == "paused":
        return _waiting(state)
    if state.error is not None:
        return f"failed: {state.error.message} [{state.error.code}]"
    return f"{state.status} at its limit: {state.stopped_by}" if state.stopped_by else state.status


def _waiting(state: AgentState) -> str:
    if state.lacks is not None and not state.waiting_for:
        return f"waits for the {state.lacks.kind} {state.lacks.name}".rstrip()
    return "waits for a human, see `journeyman approvals`" if state.waiting_for else "waits for its child runs"


def _used(state: AgentState) -> list[str]:
    """Return duration, tokens and cost, as far as there are any."""
    tokens, cost = state.usage.input_tokens + state.usage.output_tokens, state.usage.cost_usd
    used = [duration_text((state.at - state.started_at) / 1_000_000)] if state.started_at else []
    used += [f"{tokens:,} tokens"] if tokens else []
    return used + ([cost_text(cost)] if cost else [])
