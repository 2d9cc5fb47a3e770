"""An old version of an agent restricted to the current one: the strictest of both, and not more."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agents.policy_merge import restricted_to, strictest_spec
from journeyman.agents.spec import AgentSpec, Limits, ModelSettings
from journeyman.events.messages import JSON
from journeyman.events.quota import Quota
from journeyman.tools.spec import StoredTool, ToolSpec

ANY: dict[str, JSON] = {"type": "object", "properties": {"amount": {"type": "integer"}}, "required": []}


def tool(name: str = "pay", **changes: Any) -> ToolSpec:
    return StoredTool(**{"name": name, "description": "", "parameters": ANY, "code_hash": "c"} | changes).spec()


def agent(*tools: ToolSpec, **changes: Any) -> AgentSpec:
    return AgentSpec(**{"type": "react_agent", "name": "a", "model": ModelSettings(name="m"), "tools": tools} | changes)


def bound(then: ToolSpec, today: ToolSpec) -> ToolSpec:
    (both,) = restricted_to(agent(then), agent(today)).tools
    return both


def test_nothing_changes_where_today_asks_for_no_more() -> None:
    then = agent(tool(approval="always"), tool("look"), limits=Limits(steps=3))
    assert restricted_to(then, then) is then
    assert restricted_to(then, agent(tool(), tool("look"), tool("more"), prompt="Other.")) is then


def test_tools_that_today_does_not_list_are_gone_and_new_ones_are_not_there() -> None:
    assert [one.name for one in restricted_to(agent(tool(), tool("look")), agent(tool("look"), tool("new"))).tools] == [
        "look"
    ]


def test_of_each_limit_the_smaller() -> None:
    both = restricted_to(agent(limits=Limits(steps=3, tokens=9000)), agent(limits=Limits(steps=30, tokens=500)))
    assert both.limits == Limits(steps=3, tokens=500)


def test_of_each_quota_the_smaller() -> None:
    both = restricted_to(agent(quota=Quota(1000, None, 9)), agent(quota=Quota(500, 2.0)))
    assert both.quota == Quota(500, 2.0, 9)


@pytest.mark.parametrize(
    ("then", "today", "both"),
    [
        ({}, {"approval": "always"}, {"approval": "always"}),
        ({"approval": "args.amount > 5"}, {"approval": "never"}, {"approval": "args.amount > 5"}),
        ({"approval": "args.amount > 5"}, {"approval": "true"}, {"approval": "(args.amount > 5) || (true)"}),
        ({}, {"approval_by": "other"}, {"approval_by": "other"}),
        ({"effects": "none"}, {"effects": "idempotent"}, {"effects": "idempotent"}),
        ({"timeout_seconds": 9.0}, {"timeout_seconds": 2.0}, {"timeout_seconds": 2.0}),
        ({"rate_limit": "100/minute"}, {"rate_limit": "1/second"}, {"rate_limit": "1/second"}),
        ({}, {"permissions_network": ("a.example",)}, {"permissions_network": ("a.example",)}),
        ({"permissions_network": ("*",)}, {"permissions_network": ()}, {"permissions_network": ()}),
        ({"permissions_env": ("A", "B")}, {"permissions_env": ("B", "C")}, {"permissions_env": ("B",)}),
        ({"sandbox": "off"}, {"sandbox": "strict"}, {"sandbox": "strict"}),
        ({"sandbox": "strict"}, {"sandbox": "off"}, {"sandbox": "strict"}),
        ({"cache_ttl": 60.0, "cache_scope": "shared"}, {"cache_ttl": 5.0}, {"cache_ttl": 5.0}),
        ({"description": "then"}, {"description": "now"}, {"description": "then"}),
        ({"code_hash": "b", "description": "then"}, {"description": "now"}, {"code_hash": "c", "description": "now"}),
    ],
)  # fmt: skip
def test_the_stricter_of_both(then: dict[str, Any], today: dict[str, Any], both: dict[str, Any]) -> None:
    found = StoredTool.of(bound(tool(**then), tool(**today)))
    assert {key: getattr(found, key) for key in both} == both


@pytest.mark.parametrize(
    ("asked", "seconds", "default"),
    [
        ([("always", 60.0, "approve"), ("always", 30.0, "approve")], 30.0, "approve"),
        ([("always", 60.0, "approve"), ("always", None, "deny")], 60.0, "deny"),
        ([("never", None, "deny"), ("always", 60.0, "approve")], 60.0, "approve"),
        ([("always", 60.0, "approve"), ("always", 60.0, "deny")], 60.0, "deny"),
    ],
)
def test_the_default_at_a_deadline_is_approve_only_if_all_agree(asked: Any, seconds: float, default: str) -> None:
    found = strictest_spec([tool(approval=when, approval_seconds=at, approval_default=to) for when, at, to in asked])
    assert (found.policy.approval.deadline_seconds, found.policy.approval.default) == (seconds, default)


def test_what_was_joined_before_does_not_grow() -> None:
    then, today = tool(approval="args.amount > 5", parameters=narrowed(50)), tool(
        approval="args.amount > 3", parameters=narrowed(9)
    )  # fmt: skip
    once = bound(then, today)
    assert bound(once, today) == once
    assert bound(once, tool(approval="never")).policy.approval == once.policy.approval


def test_conditions_that_grew_too_long_always_ask() -> None:
    long = " || ".join(["args.amount > 1"] * 50)
    assert bound(tool(approval=long), tool(approval=f"!({long})")).policy.approval.when == "always"


def narrowed(most: int, **more: JSON) -> dict[str, JSON]:
    return {"type": "object", "properties": {"amount": {"type": "integer", "maximum": most}}, **more}


def test_arguments_fit_both() -> None:
    then = narrowed(50, required=["amount"])
    now = {
        "type": "object",
        "properties": {"amount": {"type": "integer", "minimum": 3}, "note": {"$ref": "#/$defs/Note"}},
        "$defs": {"Note": {"type": "string"}},
    }
    both = jsonschema_rs.validator_for(bound(tool(parameters=then), tool(parameters=now)).parameters)
    assert both.is_valid({"amount": 5, "note": "x"})
    for wrong in ({}, {"amount": 51}, {"amount": 2}, {"amount": 5, "note": 1}):
        assert not both.is_valid(wrong)


AMOUNTS = st.integers(-3, 12)
BOUNDS = st.fixed_dictionaries({}, optional={"minimum": AMOUNTS, "maximum": AMOUNTS, "enum": st.lists(AMOUNTS)})
SCHEMAS = st.builds(
    lambda node, required: {"type": "object", "properties": {"amount": node}, "required": required},
    BOUNDS,
    st.sampled_from([[], ["amount"]]),
)


@given(SCHEMAS, SCHEMAS, SCHEMAS, AMOUNTS | st.none())
def test_arguments_fit_all_that_were_ever_asked_for(
    first: dict[str, JSON], second: dict[str, JSON], third: dict[str, JSON], amount: int | None
) -> None:
    arguments = {} if amount is None else {"amount": amount}
    once = bound(tool(parameters=first), tool(parameters=second))
    twice = bound(once, tool(parameters=third))
    wanted = all(jsonschema_rs.is_valid(schema, arguments) for schema in (first, second, third))
    assert jsonschema_rs.is_valid(twice.parameters, arguments) == wanted
