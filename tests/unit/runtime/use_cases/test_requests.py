"""What callers are told of a run."""

from __future__ import annotations

from journeyman.events.events import DirectCall, Failure, RunForked, ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.events.messages import Usage
from journeyman.runtime.use_cases.requests import result_of

STATE = AgentState(run_id="run_1", thread="key:shop/ann/t", agent="support", version="v", seq=7, output="half")


def test_a_run_has_an_answer_once_it_is_finished() -> None:
    running = result_of(STATE)
    assert (running.run_id, running.thread_id, running.last_seq, running.response) == ("run_1", "t", 7, "")
    finished = AgentState(run_id="run_1", status="finished", output="Done.", usage=Usage(3, 4), stopped_by="steps")
    assert (result_of(finished).response, result_of(finished).usage, result_of(finished).stopped_by) == (
        "Done.",
        Usage(3, 4),
        "steps",
    )


def test_a_failure_and_the_parent_of_a_fork_are_named() -> None:
    error = Failure("gateway_error", "It failed.")
    result = result_of(AgentState(status="failed", error=error, forked=RunForked(parent="run_0", at=3)))
    assert (result.error, result.forked_from, result.forked_at) == (error, "run_0", 3)


def test_a_lone_call_names_its_tool_and_how_long_it_took() -> None:
    ended = ToolCallFinished(call="m0.0", call_id="c", tool="add", result="3", duration_ms=1.5, cached=True)
    result = result_of(AgentState(direct=DirectCall("add", {}), direct_call=ended))
    assert (result.tool, result.duration_ms, result.cached) == ("add", 1.5, True)
