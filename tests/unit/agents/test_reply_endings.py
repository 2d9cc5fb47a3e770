"""What a reply that did not end well allows."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.decision import CallTool, Settle
from journeyman.agents.reply_endings import has_no_parameters
from journeyman.agents.tool_calls import next_action
from journeyman.agents.toolset import Toolset
from journeyman.errors import ToolError
from journeyman.events.events import ModelReplied, ToolCallFinished, ToolCallStarted
from journeyman.events.fold import AgentState, fold, replace
from journeyman.events.messages import ToolCall, assistant
from journeyman.events.open_calls import CallState
from journeyman.tools.spec import ToolSpec

NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
SOME: dict[str, Any] = {"type": "object", "properties": {"folder": {"type": "string", "default": "everything"}}}


def check(name: str, arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, str) and arguments not in ("{}", '{"folder": "a"}'):
        raise ToolError("not an object", code="invalid_arguments")
    return {} if arguments in ("{}", {}) else {"folder": "a"}


def action_for(reason: str, arguments: str, schema: dict[str, Any] = SOME, **state: Any) -> Any:
    tools = Toolset([ToolSpec(name="purge", description="", parameters=schema)], check)
    call = CallState(call="m1.0", call_id="c", tool="purge", arguments=arguments, finish_reason=reason)
    return next_action(call, AgentState(calls=(call, *state.get("others", ()))), tools)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
@pytest.mark.parametrize("schema", [SOME, NOTHING])
def test_no_call_of_a_cut_or_filtered_reply_runs(reason: str, schema: dict[str, Any]) -> None:
    action = action_for(reason, '{"folder": "a"}', schema)
    assert isinstance(action, Settle)
    assert action.failure is not None
    assert action.failure.code == "reply_cut"
    assert "Ask again, shorter" in action.failure.message


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "unknown", "other"])
def test_a_complete_call_runs_after_any_other_end(reason: str) -> None:
    assert isinstance(action_for(reason, '{"folder": "a"}'), CallTool)


@pytest.mark.parametrize("arguments", ["", "null", '{"fol', "[]"])
def test_after_an_unknown_end_arguments_have_to_be_complete(arguments: str) -> None:
    action = action_for("unknown", arguments)
    assert isinstance(action, Settle)
    assert action.failure is not None
    assert action.failure.code == "reply_cut"
    assert isinstance(action_for("unknown", arguments, NOTHING), CallTool)


@pytest.mark.parametrize(
    ("schema", "nothing"),
    [
        ({"type": "object"}, True),
        ({"type": "object", "properties": {}, "required": []}, True),
        (NOTHING, True),
        (SOME, False),
        ({"type": "object", "additionalProperties": True}, False),
        ({"type": "object", "additionalProperties": {"type": "string"}}, False),
        ({"$ref": "#/$defs/A"}, False),
        ({"anyOf": [{"required": ["a"]}]}, False),
    ],
)
def test_tools_without_parameters(schema: dict[str, Any], nothing: bool) -> None:
    assert has_no_parameters(schema) is nothing


def test_a_reply_of_an_older_release_of_which_a_call_has_started_keeps_its_meaning() -> None:
    message = assistant("", ToolCall("a", "purge", "{}"), ToolCall("b", "purge", "{}"))
    replied = ModelReplied(call="m1", model="m", message=message, finish_reason="length")
    tools = Toolset([ToolSpec(name="purge", description="", parameters=SOME)], check)
    before = fold("run_1", [(1, 1, replied)])
    assert [type(next_action(call, before, tools)) for call in before.calls] == [Settle, Settle]
    started = ToolCallStarted(call="m1.0", call_id="a", tool="purge", arguments={}, idempotency_key="k")
    finished = ToolCallFinished(call="m1.0", call_id="a", tool="purge", result="gone", attempts=1)
    for events in ([started], [started, finished]):
        state = fold("run_1", [(n, n, event) for n, event in enumerate([replied, *events], 1)])
        assert isinstance(next_action(state.calls[1], state, tools), CallTool)


def test_the_state_knows_the_finish_reason_of_the_last_reply() -> None:
    assert fold("run_1", []).finish_reason == ""
    replied = ModelReplied(call="m1", model="m", message=assistant("a"), finish_reason="length")
    state = fold("run_1", [(1, 1, replied)])
    assert state.finish_reason == "length"
    assert replace(state).calls == ()
