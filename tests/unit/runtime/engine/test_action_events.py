"""Actions and outcomes as events."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.decision import (
    AddMessage,
    AskHuman,
    CallModel,
    CallTool,
    EndBranch,
    EnterNode,
    LeaveNode,
    ReachLimit,
    Settle,
    Summarize,
)
from journeyman.events.events import (
    BranchEnded,
    Failure,
    ForkedCall,
    LimitReached,
    MessageAdded,
    NodeEntered,
    NodeLeft,
    RunForked,
    ToolCallFinished,
)
from journeyman.events.fold import AgentState
from journeyman.events.messages import Usage, assistant, user
from journeyman.ids import SequentialIds
from journeyman.llm.client import ModelReply, ModelRequest
from journeyman.runtime.engine.action_events import (
    history_summarized_event,
    idempotency_key,
    instant_event,
    model_called,
    tool_finished,
    tool_started,
)
from journeyman.tools.spec import ToolOutcome, ToolSpec

SPEC = ToolSpec(name="pay", description="Pay.", parameters={"type": "object"}, code_hash="v1", sensitive=("card",))
CALL = CallTool(call="m1.0", call_id="c1", spec=SPEC, arguments={"amount": 5})
STATE = AgentState(run_id="run_1", thread="ann/t", messages=(user("hi"),))
REQUEST = ModelRequest(model="m", messages=(user("hi"),))


@pytest.mark.parametrize(
    ("action", "event"),
    [
        (Settle(call="m1.0", call_id="c1", tool="pay", result="done"), ToolCallFinished),
        (AddMessage(message=user("again")), MessageAdded),
        (ReachLimit(limit="steps", value=3), LimitReached),
        (EnterNode(call="a#1"), NodeEntered),
        (LeaveNode(call="a#1", result="x"), NodeLeft),
        (EndBranch(to="end"), BranchEnded),
    ],
)
def test_an_action_that_is_done_when_it_is_recorded(action: Any, event: type[Any]) -> None:
    made = instant_event(action, SequentialIds(), lambda: 0)
    assert type(made) is event
    for name in ("call", "call_id", "result", "message", "limit", "value", "to"):
        if hasattr(action, name):
            assert getattr(made, name) == getattr(action, name)


def test_the_deadline_of_an_approval_counts_from_its_recording() -> None:
    asked = AskHuman(
        call="m1.0", kind="tool", tool="pay", arguments={}, message="May it?", args_hash="h", decisions=("approve",),
        deadline_seconds=1.5, default="deny",
    )  # fmt: skip
    made: Any = instant_event(asked, SequentialIds(), lambda: 1_000)
    assert (made.approval, made.deadline, made.default) == ("appr_1", 1_501_000, "deny")


def test_a_call_has_one_key_in_all_its_tries_and_in_forks() -> None:
    assert tool_started(CALL, STATE, 1).idempotency_key == tool_started(CALL, STATE, 2).idempotency_key == "run_1:m1.0"
    forked = RunForked(parent="run_0", at=3, calls=(ForkedCall("m1.0", "run_0:m1.0"),))
    fork = AgentState(run_id="run_2", forked=forked)
    assert (idempotency_key(fork, "m1.0"), idempotency_key(fork, "m2.0")) == ("run_0:m1.0", "run_2:m2.0")


def test_a_started_call_names_its_code_and_hidden_arguments() -> None:
    started = tool_started(CALL, STATE, 2)
    assert (started.attempt, started.code_hash, started.hidden) == (2, "v1", ("card",))


def test_a_call_that_failed_has_no_result() -> None:
    failure = Failure("tool_failed", "It failed.")
    assert tool_finished(CALL, ToolOutcome(result="x", failure=failure)).result is None
    finished = tool_finished(CALL, ToolOutcome(result="x", duration_ms=1.23456, cached=True))
    assert (finished.result, finished.duration_ms, finished.cached) == ("x", 1.235, True)


def test_a_model_call_is_recorded_by_a_hash_of_what_it_was_asked() -> None:
    def hashed(state: AgentState, first_no: int = 1) -> str:
        return model_called(CallModel(call="m1"), state, "m", REQUEST, first_no).request_hash

    other = AgentState(run_id="run_1", thread="ann/t", messages=(user("ho"),))
    assert hashed(STATE) == hashed(STATE)
    assert len({hashed(STATE), hashed(STATE, 2), hashed(other)}) == 3


@pytest.mark.parametrize(
    ("text", "code"), [("They met.", None), ("  ", "summary_unusable"), ("x" * 4000, "summary_unusable")]
)
def test_a_summary_is_used_if_there_is_room_for_it(text: str, code: str | None) -> None:
    action = Summarize(call="s1", first_no=1, last_no=4, most_tokens=100, request=REQUEST)
    reply = ModelReply(message=assistant(text), model="m", usage=Usage(9, 3))
    event = history_summarized_event(action, reply, 1.0)
    assert (event.error and event.error.code, event.text) == (code, "" if code else text)
    assert event.usage == Usage(9, 3)
