"""A run's state as the answer that its caller gets."""

from __future__ import annotations

from journeyman.events.state import AgentState
from journeyman.runtime.results import RunResult


def result_of(state: AgentState) -> RunResult:
    """What a caller is told of the run as it stands."""
    direct = state.direct_call
    return RunResult(
        run_id=state.run_id,
        thread_id=state.thread.rpartition("/")[2],
        agent=state.agent,
        version=state.version,
        status=state.status,
        response=state.output if state.status == "finished" else "",
        model=state.model,
        usage=state.usage,
        stopped_by=state.stopped_by,
        error=state.error,
        tool=state.direct.tool if state.direct else None,
        duration_ms=direct.duration_ms if direct else 0.0,
        cached=direct.cached if direct else False,
        last_seq=state.seq,
        forked_from=state.forked.parent if state.forked else None,
        forked_at=state.forked.at if state.forked else None,
    )
