"""The end of a run: every open step is closed first."""

from __future__ import annotations

from journeyman.events.child_runs import ChildState
from journeyman.events.events import ModelFailed, ModelReplied, NodeLeft, Path, RunCancelled, ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.events.graph_position import GraphPosition, NodeState
from journeyman.events.open_calls import CallState, CallStatus, ModelCallState
from journeyman.runtime.engine.end_events import close_call, close_model, closing_events

END = RunCancelled(by="ann")


def call(name: str, status: CallStatus, **changes: object) -> CallState:
    return CallState(call=name, call_id="c", tool="pay", arguments={}, status=status, **changes)  # type: ignore[arg-type]


def test_all_that_is_open_is_closed_before_the_end() -> None:
    state = AgentState(
        model_call=ModelCallState(call="m2", attempt=1),
        calls=(call("m1.0", "started"), call("m1.1", "finished")),
        children=(ChildState(call="c1", agent="helper", run_id="run_2"),),
        walk=GraphPosition(node=NodeState(path=Path("", "a"), call="a#1")),
    )
    events = closing_events(state, lambda call: "", (), END)
    assert [type(event) for event in events] == [ModelFailed, ToolCallFinished, NodeLeft, NodeLeft, RunCancelled]
    assert [event.call for event in events[:-1]] == ["m2", "m1.0", "c1", "a#1"]  # type: ignore[union-attr]


def test_a_node_is_left_by_its_childs_end_alone() -> None:
    node = NodeState(path=Path("", "a"), call="a#1", child="run_2")
    child = ChildState(call="a#1", agent="helper", run_id="run_2")
    events = closing_events(AgentState(children=(child,), walk=GraphPosition(node=node)), lambda call: "", (), END)
    assert [type(event) for event in events] == [NodeLeft, RunCancelled]


def test_what_a_model_said_so_far_is_kept() -> None:
    open_call = ModelCallState(call="m1", attempt=2)
    kept, failed = close_model(open_call, "half a"), close_model(open_call, "")
    assert isinstance(kept, ModelReplied)
    assert (kept.message.text, kept.message.partial, kept.finish_reason) == ("half a", True, "cancelled")
    assert isinstance(failed, ModelFailed)
    assert (failed.attempt, failed.error.code) == (2, "cancelled")


def test_the_outcome_is_unknown_where_code_ran_or_may_have_run() -> None:
    def code(call_: CallState, *executing: str) -> str:
        error = close_call(call_, executing).error
        assert error is not None
        return error.code

    assert code(call("m1.0", "asked")) == code(call("m1.0", "waiting", kind="tool")) == "cancelled"
    assert code(call("m1.0", "started"), "m1.0") == "outcome_unknown"
    assert code(call("m1.0", "orphaned")) == "outcome_unknown"
    assert code(call("m1.0", "waiting", kind="unknown_outcome")) == "outcome_unknown"
