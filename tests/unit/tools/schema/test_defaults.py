"""Defaults are filled in before a call is checked, compared with a condition, shown and run."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from journeyman.agent_files.assembly import assemble
from journeyman.agents.decision import AskHuman, CallTool
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.agents.tool_calls import next_action
from journeyman.agents.toolset import arguments_hash
from journeyman.cli.client.inline_tool import InlineToolHost
from journeyman.errors import ToolValidationError
from journeyman.events.codec import Codec
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.events.open_calls import CallState
from journeyman.tools.registry import RegisteredTool, ToolRegistry
from journeyman.tools.schema.arguments import SchemaCheck
from journeyman.tools.schema.defaults import MOST_FILLED, with_all_defaults
from journeyman.tools.spec import ApprovalPolicy, CallRequest, ToolSpec
from journeyman.tools.tool import tool

ATTACK = "has(args.amount) && args.amount > 50"


class Order(BaseModel):
    item: str = "book"
    amount: float = 100.0
    note: str | None = None


@tool(effects="once", approval=ATTACK)
async def refund(order: str = "1", amount: float = 100.0, note: str | None = None) -> str:
    """Give money back."""
    return f"{amount}"


@tool(effects="once", approval="has(args.order.amount) && args.order.amount > 50")
async def refund_order(order: Order) -> str:
    """Give the money of an order back."""
    return f"{order.amount} {sorted(order.model_fields_set)}"


@tool(effects="none")
async def since(
    day: datetime.date = datetime.date(2020, 1, 2),
    most: float = float("inf"),
    least: Annotated[int, Field(ge=0)] = -1,  # says that there is none
) -> str:
    """Look at all since a day."""
    return f"{day} {most} {least}"


async def agent_with(function: Any) -> ReactAgent:
    registered = await ToolRegistry().register_tool(function)
    return assembled(registered, registered.spec)


def assembled(registered: RegisteredTool, spec: ToolSpec) -> ReactAgent:
    definition = AgentSpec(type="react_agent", name="a", model=ModelSettings(name="m"), tools=(spec,))
    agent = assemble(definition, ReactAgent, {spec.name: registered})
    assert isinstance(agent, ReactAgent)
    return agent


def asked(tool: str, arguments: str | dict[str, JSON]) -> CallState:
    return CallState(call="m1.0", call_id="c", tool=tool, arguments=arguments, status="asked")


async def test_a_default_does_not_pass_a_condition() -> None:
    agent = await agent_with(refund)
    action = next_action(asked("refund", "{}"), AgentState(), agent.tools)
    assert isinstance(action, AskHuman)
    assert action.arguments == {"order": "1", "amount": 100.0}
    spec = agent.tools.get("refund")
    assert spec is not None
    assert action.args_hash == arguments_hash(spec, action.arguments)
    small = next_action(asked("refund", '{"amount": 5}'), AgentState(), agent.tools)
    assert isinstance(small, CallTool)
    assert small.arguments == {"order": "1", "amount": 5.0}


async def test_a_default_within_an_argument_does_not_pass_a_condition() -> None:
    agent = await agent_with(refund_order)
    action = next_action(asked("refund_order", {"order": {}}), AgentState(), agent.tools)
    assert isinstance(action, AskHuman)
    assert action.arguments == {"order": {"item": "book", "amount": 100.0}}
    assert agent.tools.check("refund_order", {"order": {}}) == {"order": {}}  # what the model set stays known


@pytest.mark.parametrize(
    ("condition", "given", "asks"),
    [
        ("!has(args.amount)", {}, True),  # asks as it did before defaults were filled in
        ("!has(args.amount)", {"amount": 1}, False),
        ("args.amount > 50", {}, True),
        ("args.amount < 50", {}, False),
        ("has(args.note)", {}, False),
    ],
)
async def test_a_condition_may_ask_for_what_is_left_out(condition: str, given: dict[str, JSON], asks: bool) -> None:
    registered = await ToolRegistry().register_tool(refund)
    spec = registered.spec
    spec = spec.with_policy(effects="once", approval=ApprovalPolicy(when=condition))
    agent = assembled(registered, spec)
    action = next_action(asked("refund", given), AgentState(), agent.tools)
    assert isinstance(action, AskHuman) is asks


async def test_a_narrower_schema_is_checked_with_the_defaults() -> None:
    registered = await ToolRegistry().register_tool(refund)
    properties = registered.spec.parameters["properties"]

    def narrowed(**fragment: JSON) -> RegisteredTool:
        schema = {
            **registered.spec.parameters,
            "properties": {**properties, "amount": {**properties["amount"], **fragment}},
        }
        return registered.narrowed(ToolSpec(name="refund", description="", parameters=schema))

    with pytest.raises(ToolValidationError, match="amount"):
        narrowed(maximum=50).check_arguments({})
    assert narrowed(default=20).check_arguments({}) == {"order": "1", "amount": 20}


async def test_the_code_gets_its_own_default() -> None:
    registered = await ToolRegistry().register_tool(since)
    arguments = registered.check_arguments({})
    assert arguments == {"day": "2020-01-02", "least": -1}
    assert registered.check_arguments({"most": 3}) == {"day": "2020-01-02", "most": 3, "least": -1}
    request = CallRequest(
        spec=registered.spec,
        arguments=arguments,
        call="m1.0",
        run_id="r",
        thread_id="t",
        principal="p",
        idempotency_key="k",
    )
    assert registered.invoker is not None
    assert await registered.invoker.invoke(request, InlineToolHost(Codec())) == "2020-01-02 inf -1"


@pytest.mark.parametrize(
    ("schema", "given", "checked"),
    [
        ({"a": {"type": "string", "default": 5}}, {}, {}),  # does not fit its own argument
        ({"a": {"type": "integer", "default": None}}, {}, {}),
        ({"a": {"type": "integer", "default": 5}}, {"a": 6}, {"a": 6}),
        ({"a": {"type": "string", "pattern": "^x", "default": "y"}, "b": {"default": [1]}}, {}, {"b": [1]}),
        ({"a": True, "b": {"type": "array", "items": {"type": "integer"}, "default": [1, "x"]}}, {}, {}),
    ],
)
def test_defaults_of_a_foreign_schema(schema: dict[str, JSON], given: JSON, checked: JSON) -> None:
    whole = {"type": "object", "properties": schema}
    spec = ToolSpec(name="x", description="", parameters=whole)
    assert RegisteredTool(spec=spec, check=SchemaCheck(whole)).check_arguments(given) == checked


def test_defaults_that_do_not_fit_together_are_left_out() -> None:
    members = {"a": {"default": 1}, "b": {"default": 2}}
    schema = {"type": "object", "properties": members, "maxProperties": 1}
    check = RegisteredTool(spec=ToolSpec(name="x", description="", parameters=schema), check=SchemaCheck(schema))
    assert check.check_arguments({"b": 3}) == {"b": 3}
    with pytest.raises(ToolValidationError):
        check.check_arguments({"b": 3, "c": 4})


def test_what_is_within_is_filled_through_references_and_alternatives() -> None:
    schema: dict[str, Any] = {
        "properties": {
            "one": {"anyOf": [{"$ref": "#/$defs/T"}, {"type": "null"}]},
            "many": {"type": "array", "items": {"allOf": [{"$ref": "#/$defs/T"}]}},
            "circle": {"$ref": "#/$defs/A"},
        },
        "$defs": {
            "T": {"type": "object", "properties": {"n": {"default": 7}, "again": {"$ref": "#/$defs/T"}}},
            "A": {"$ref": "#/$defs/B"},
            "B": {"$ref": "#/$defs/A"},
        },
    }
    given = {"one": {"again": {}}, "many": [{}, {"n": 1}], "circle": {"x": 1}}
    assert with_all_defaults(given, schema) == {
        "one": {"again": {"n": 7}, "n": 7},
        "many": [{"n": 7}, {"n": 1}],
        "circle": {"x": 1},
    }
    assert with_all_defaults({"one": None}, schema) == {"one": None}


def test_defaults_are_bounded() -> None:
    item = {"properties": {f"p{n}": {"default": "x"} for n in range(100)}}
    schema = {"properties": {"many": {"items": item}}}
    with pytest.raises(ToolValidationError, match="defaults"):
        with_all_defaults({"many": [{}] * (MOST_FILLED // 100 + 1)}, schema)


leaves = st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=2)
nodes = st.recursive(
    st.builds(lambda value: {"default": value}, leaves),
    lambda inner: st.builds(lambda members: {"properties": members}, st.dictionaries(st.sampled_from("abc"), inner)),
    max_leaves=6,
)
given_values = st.recursive(
    leaves, lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=6
).filter(lambda value: isinstance(value, dict))


@settings(max_examples=100, deadline=None, database=None)
@given(given_values, st.dictionaries(st.sampled_from("abc"), nodes))
def test_filling_keeps_what_was_given_and_is_done_once(values: dict[str, JSON], members: dict[str, JSON]) -> None:
    schema = {"properties": members}
    filled = with_all_defaults(values, schema)
    assert with_all_defaults(filled, schema) == filled
    assert values.keys() <= filled.keys()
    assert all(filled[name] == value for name, value in values.items() if not isinstance(value, dict))
