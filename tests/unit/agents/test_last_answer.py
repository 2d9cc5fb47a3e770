"""What a run does and says when it has reached a limit."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.decision import CallModel, Finish, Settle
from journeyman.agents.last_answer import ANSWER_SECONDS, has_open_work, last_actions, text_at_limit
from journeyman.events.events import Failure, LimitReached, ModelFailed, ModelReplied, NodeEntered, Path
from journeyman.events.fold import ANSWER_CALL, AgentState, apply, replace
from journeyman.events.messages import Message, TextPart, ToolCall, assistant, user
from journeyman.events.open_calls import CallState, ModelCallState

REACHED = LimitReached(limit="steps", value=2.0, then="answer")
CALL = CallState(call="m2.0", call_id="c", tool="look", arguments="{}")


def at_limit(event: LimitReached = REACHED, **facts: Any) -> AgentState:
    return apply(AgentState(status="running", messages=(user("hi"),), **facts), 5, 0, event)


def test_the_model_is_asked_once_more() -> None:
    assert last_actions(at_limit()) == (CallModel(call=ANSWER_CALL),)
    asking = replace(at_limit(), model_call=ModelCallState(call=ANSWER_CALL, attempt=1))
    assert last_actions(asking) == ()
    orphaned = replace(at_limit(), model_call=ModelCallState(call=ANSWER_CALL, attempt=1, orphaned=True))
    assert last_actions(orphaned) == (CallModel(call=ANSWER_CALL, attempt=2),)
    timed = at_limit(LimitReached(limit="seconds", value=2.0, then="answer"))
    assert last_actions(timed) == (CallModel(call=ANSWER_CALL, timeout_seconds=ANSWER_SECONDS),)


@pytest.mark.parametrize(
    "facts", [{"calls": (CALL,)}, {"model_call": ModelCallState(call="m3", attempt=1)}], ids=["a tool call", "a reply"]
)
def test_open_work_comes_first(facts: dict[str, Any]) -> None:
    assert has_open_work(at_limit(**facts))
    assert last_actions(at_limit(**facts)) == ()
    assert not has_open_work(at_limit(LimitReached(limit="steps", value=2.0), **facts))  # it stops


def test_an_open_node_is_open_work() -> None:
    state = apply(AgentState(status="running"), 4, 0, NodeEntered(call="n#1", path=Path(node="n")))
    assert has_open_work(apply(state, 5, 0, REACHED))


def test_the_last_reply_ends_the_run_and_its_calls_are_refused() -> None:
    said = ModelReplied(call=ANSWER_CALL, model="m", message=assistant("So far.", ToolCall("c", "look", "{}")))
    state = apply(at_limit(), 6, 0, said)
    (refused,) = last_actions(state)
    assert isinstance(refused, Settle)
    assert (refused.call, refused.failure and refused.failure.code) == ("answer.0", "limit_reached")
    assert last_actions(replace(state, calls=())) == (Finish(output="So far.", stopped_by="steps"),)


def test_a_last_call_that_fails_ends_the_run_as_finished() -> None:
    state = apply(at_limit(), 6, 0, ModelFailed(call=ANSWER_CALL, error=Failure("gateway_error", "No.")))
    assert last_actions(state) == (Finish(stopped_by="steps"),)


def test_another_limit_stops_a_run_that_answers_and_the_same_one_does_not() -> None:
    again = apply(at_limit(), 6, 0, REACHED)
    other = apply(at_limit(), 6, 0, LimitReached(limit="seconds", value=1.0, then="answer"))
    assert (again.answering, other.answering, other.limit) == ("due", "done", REACHED)
    assert last_actions(other) == (Finish(stopped_by="steps"),)


def test_a_reply_that_the_limit_cut_short_is_the_answer() -> None:
    partial = Message(role="assistant", content=(TextPart("Half of"),), partial=True)
    state = replace(at_limit(), messages=(user("hi"), partial))
    assert last_actions(state) == (Finish(output="Half of", stopped_by="steps"),)


def test_there_is_always_a_text() -> None:
    assert text_at_limit(AgentState(messages=(assistant("One."), assistant(""))), "steps") == "One."
    assert "`tokens`" in text_at_limit(AgentState(), "tokens")
