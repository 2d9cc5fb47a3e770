"""The decisions of the ReAct agent, and of a single call without an agent."""

from __future__ import annotations

from typing import Any

from journeyman.agents.agent import OutputCheck
from journeyman.agents.decision import AddMessage, CallModel, CallTool, Finish, ReachLimit, Settle
from journeyman.agents.react import DirectAgent, ReactAgent
from journeyman.agents.spec import AgentSpec, Limits, ModelSettings, Output
from journeyman.agents.toolset import Toolset
from journeyman.events.events import Failure, LimitReached, MessageAdded
from journeyman.events.fold import AgentState, apply
from journeyman.events.messages import JSON, Message, ToolCall, assistant, system, user
from journeyman.events.open_calls import CallState, ModelCallState
from journeyman.tools.spec import ToolPolicy, ToolSpec

LOOK = ToolSpec(name="look", description="", parameters={"type": "object"}, policy=ToolPolicy(effects="none"))


def check(name: str, arguments: str | dict[str, JSON]) -> dict[str, JSON]:
    return arguments if isinstance(arguments, dict) else {}


def agent(output: Output | None = None, checked: OutputCheck | None = None, **limits: Any) -> ReactAgent:
    spec = AgentSpec(
        type="react_agent",
        name="a",
        model=ModelSettings(name="m", temperature=0.5, max_tokens=9),
        tools=(LOOK,),
        limits=Limits(**limits),
        output=output,
    )
    return ReactAgent(spec, Toolset(spec.tools, check), lambda state: "Be brief.", checked)


def call(status: str = "asked", name: str = "m1.0") -> CallState:
    return CallState(call=name, call_id="c", tool="look", arguments="{}", status=status)  # type: ignore[arg-type]


def state(*messages: Message, **facts: Any) -> AgentState:
    return AgentState(status="running", messages=(user("hi"), *messages), **facts)


def test_first_the_model_is_asked() -> None:
    assert agent().decide(state()) == (CallModel(call="m1"),)


def test_nothing_while_the_model_speaks_and_again_when_it_was_orphaned() -> None:
    speaking = ModelCallState(call="m1", attempt=1)
    assert agent().decide(state(model_call=speaking, model_calls=1)) == ()
    orphaned = ModelCallState(call="m1", attempt=1, orphaned=True)
    assert agent().decide(state(model_call=orphaned, model_calls=1)) == (CallModel(call="m1", attempt=2),)


def test_all_calls_of_a_reply_may_start() -> None:
    reply = assistant("", ToolCall("c", "look", "{}"), ToolCall("d", "look", "{}"))
    actions = agent().decide(state(reply, calls=(call(), call(name="m1.1"), call("started", "m1.2"))))
    assert [(type(action), action.key) for action in actions] == [(CallTool, "m1.0#1"), (CallTool, "m1.1#1")]


def test_the_answer_ends_the_run() -> None:
    assert agent().decide(state(assistant("yes"), model_calls=1)) == (Finish(output="yes"),)
    assert agent().decide(state(assistant(""), model_calls=1)) == (Finish(output=""),)


def test_after_an_empty_reply_the_model_is_asked_once_more() -> None:
    once = state(assistant(""), model_calls=1, empty_replies=1)
    assert agent().decide(once) == (CallModel(call="m2"),)
    twice = state(assistant(""), assistant(""), model_calls=2, empty_replies=2)
    assert agent().decide(twice) == (Finish(output=""),)
    assert agent(steps=1).decide(once) == (ReachLimit(limit="steps", value=1),)


def test_after_the_results_the_model_is_asked_again() -> None:
    results = (assistant("", ToolCall("c", "look", "{}")), Message(role="tool", tool_call_id="c"))
    assert agent().decide(state(*results, model_calls=1)) == (CallModel(call="m2"),)


def test_a_failed_model_call_fails_the_run() -> None:
    failure = Failure("gateway_error", "no")
    assert agent().decide(state(failure=failure)) == (Finish(failure=failure),)


def test_a_limit_is_recorded_and_then_ends_the_run_with_what_there_is() -> None:
    reply = assistant("so far", ToolCall("c", "look", "{}"))
    reached = agent(tool_calls=0).decide(state(reply, calls=(call(),), tool_calls=1))
    assert reached == (ReachLimit(limit="tool_calls", value=0),)
    limited = state(reply, limit=LimitReached(limit="tool_calls", value=0))
    assert agent().decide(limited) == (Finish(output="so far", stopped_by="tool_calls"),)
    assert agent().decide(state(limit=LimitReached(limit="steps", value=1))) == (Finish(stopped_by="steps"),)


def test_an_answer_at_the_limit_still_counts() -> None:
    assert agent(steps=1).decide(state(assistant("yes"), model_calls=1)) == (Finish(output="yes"),)
    assert agent(steps=0).decide(state()) == (ReachLimit(limit="steps", value=0),)


def test_a_typed_answer_is_asked_for_again_so_often_and_then_fails() -> None:
    typed = agent(Output(schema={"type": "integer"}, retries=2), lambda text: None if text == "42" else "no integer")
    now, corrections = state(assistant("forty-two"), model_calls=1), 0
    while isinstance(action := typed.decide(now)[0], AddMessage):
        corrections += 1
        assert "no integer" in action.message.text
        now = apply(now, 0, 0, MessageAdded(message=action.message))
        assert isinstance(typed.decide(now)[0], CallModel)
        now = state(*now.messages[1:], assistant("still"), corrections=now.corrections, model_calls=2)
    assert corrections == 2
    assert isinstance(action, Finish)
    assert action.failure is not None
    assert action.failure.code == "output_invalid"
    assert typed.decide(state(assistant("42"))) == (Finish(output="42"),)


def test_the_request_has_prompt_window_tools_and_settings() -> None:
    typed = agent(Output(schema={"type": "integer"}), lambda text: None)
    first_no, request = typed.request(state(), typed.prompt(state()))
    assert first_no == 1
    assert request.messages == (system("Be brief."), user("hi"))
    assert [tool.name for tool in request.tools] == ["look"]
    assert (request.model, request.temperature, request.max_tokens) == ("m", 0.5, 9)
    assert request.response_schema == {"type": "integer"}
    assert typed.request(state(), "")[1].messages == (user("hi"),)


def test_a_lone_call() -> None:
    direct = DirectAgent(agent().spec, Toolset((LOOK,), check), lambda state: "")
    assert isinstance(direct.decide(AgentState(calls=(call(name="d.0"),)))[0], CallTool)
    assert direct.decide(AgentState(calls=(call("started", "d.0"),))) == ()
    assert direct.decide(AgentState(output="seen")) == (Finish(output="seen"),)
    assert direct.decide(AgentState(limit=LimitReached(limit="seconds", value=1))) == (Finish(stopped_by="seconds"),)
    gone = DirectAgent(agent().spec, Toolset((), check), lambda state: "")
    assert isinstance(gone.decide(AgentState(calls=(call(name="d.0"),)))[0], Settle)
