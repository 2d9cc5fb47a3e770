from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.conditions import ConditionError
from journeyman.agents.graph.edge_conditions import ConditionView, compile_edge, condition_view, edge_conditions
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec
from journeyman.errors import ValidationError
from journeyman.events.fold import AgentState
from journeyman.events.messages import ToolCall, assistant, tool_result, user

NODES = ("plan", "work", "act")
CALLING = assistant("a word", ToolCall("1", "refund", '{"amount": 60}'), ToolCall("2", "broken", '"no object"'))


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("state.tool_calls.size() == 2", True),
        ("state.tool_calls[0].name == 'refund' && state.tool_calls[0].arguments.amount > 50.5", True),
        ("state.tool_calls.exists(call, call.name == 'other')", False),
        ("state.tool_calls[1].arguments.size() == 0", True),
        ("state.last_message.role == 'assistant' && state.last_message.text.contains('word')", True),
        ("state.result.decision == 'approve'", True),
        ("state.steps == 3", True),
        ("state.visits.work == 2 && state.visits['plan'] == 0", True),
        ("context.thread.score > 0.5 && context.global.tier == 'gold'", True),
        ("'score' in context.thread && context.thread.size() == 2", True),
        ("has(context.thread.missing)", False),
        ("context.thread.name.startsWith('state.foo')", False),
    ],
)
def test_what_a_condition_sees(text: str, held: bool) -> None:
    seen = ConditionView(
        last=CALLING,
        result={"decision": "approve"},
        steps=3,
        visits={"work": 2},
        thread={"score": 0.7, "name": "Ann"},
        global_={"tier": "gold"},
    )
    assert compile_edge(text, NODES).holds(seen) is held


@pytest.mark.parametrize("last", [None, user("hi"), tool_result("1", "refund", "done")])
def test_calls_that_were_run_are_no_calls(last: Any) -> None:
    assert compile_edge("state.tool_calls.size() == 0", NODES).holds(ConditionView(last=last))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("state.tool_call.size() > 0", "unknown field of state 'tool_call'; did you mean 'tool_calls'?"),
        ("state.messages.size() > 0", "unknown field of state 'messages'; did you mean 'last_message'?"),
        ("state == 1", "uses `state` as a whole"),
        ("context.user == 1", "uses `context` as a whole"),
        ("state.visits.wrok > 1", "unknown node 'wrok'; did you mean 'work'?"),
        ("state.visits['nowhere'] > 1", "unknown node 'nowhere'; known: act, plan, work"),
        ("args.amount > 1", "unknown name 'args'; known: context, state"),
        ("state.steps.total() > 1", "unknown function 'total'"),
        ("state.steps >", "not valid CEL"),
    ],
)
def test_what_is_refused_when_it_is_compiled(text: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        compile_edge(text, NODES)
    assert message in caught.value.message
    assert caught.value.code == "invalid_condition"


def test_only_what_is_read_is_put_together() -> None:
    seen = ConditionView(steps=3, thread={"score": 1, "essay": "long" * 1000})
    edge = compile_edge("context.thread.score > 0 && state.steps < 9", NODES)
    assert edge.reads == ("state.steps", "context.thread.score")
    assert edge.values(seen) == {"state": {"steps": 3}, "context": {"thread": {"score": 1}, "global": {}}}


def test_a_whole_context_beats_its_single_keys() -> None:
    edge = compile_edge("'a' in context.thread && context.thread.b == 1", NODES)
    assert edge.reads == ("context.thread",)
    assert edge.holds(ConditionView(thread={"a": 0, "b": 1}))


def test_a_key_that_is_not_there_gives_no_answer() -> None:
    with pytest.raises(ConditionError):
        compile_edge("context.thread.score > 0", NODES).holds(ConditionView())


def test_the_view_is_taken_from_the_state() -> None:
    state = AgentState(model_calls=2, thread_context={"a": 1}, global_context={"b": 2})
    seen = condition_view(state, user("hi"), {"score": 1}, {"plan": 1})
    assert seen == ConditionView(
        last=user("hi"), result={"score": 1}, steps=2, visits={"plan": 1}, thread={"a": 1}, global_={"b": 2}
    )


def test_the_conditions_of_a_graph_stand_in_the_order_of_its_edges() -> None:
    graph = GraphSpec(
        start="a",
        nodes=(NodeSpec(name="a", type="llm"),),
        edges=(
            EdgeSpec(origins=("a",), targets=("a",), when="state.visits.a < 3"),
            EdgeSpec(origins=("a",), targets=("end",)),
        ),
    )
    first, second = edge_conditions(graph)
    assert first is not None
    assert first.text == "state.visits.a < 3"
    assert second is None
