"""The stored form of a definition, read and written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.agents.spec import AgentSpec, EdgeSpec, GraphSpec, ModelSettings, NewerDefinitionError, NodeSpec
from journeyman.events.quota import Quota
from journeyman.tools.spec import ApprovalPolicy, ToolPolicy, ToolSpec

FLAT: dict[str, Any] = {
    "name": "pay",
    "description": "Pay",
    "parameters": {},
    "approval": "args.amount > 50",
    "approval_by": "other",
    "approval_seconds": 60,
    "approval_default": "approve",
}


def stored(**changes: Any) -> bytes:
    return msgspec.json.encode({"type": "react_agent", "name": "a", "model": {"name": "m"}, **changes})


def test_a_stored_condition_is_read_as_a_condition() -> None:
    (tool,) = AgentSpec.decode(stored(tools=[FLAT]), {}).tools
    assert tool.policy.approval == ApprovalPolicy("args.amount > 50", "other", 60.0, "approve")


def test_tools_are_written_flat() -> None:
    policy = ToolPolicy(approval=ApprovalPolicy("args.amount > 50", "other", 60.0, "approve"))
    spec = AgentSpec(
        type="react_agent",
        name="a",
        model=ModelSettings(name="m"),
        tools=(ToolSpec(name="pay", description="Pay", parameters={}, policy=policy),),
    )
    (written,) = msgspec.json.decode(spec.encode())["tools"]
    assert {key: written[key] for key in FLAT} == FLAT
    assert "policy" not in written
    assert AgentSpec.decode(spec.encode(), {}) == spec


def test_every_part_comes_back_as_it_was() -> None:
    graph = GraphSpec(
        start="a", nodes=(NodeSpec(name="a", type="tools"),), edges=(EdgeSpec(origins=("a",), targets=("end",)),)
    )
    spec = AgentSpec(
        type="custom_react_agent", name="a", model=ModelSettings(name="m", temperature=0.5), graph=graph, quota=Quota(5)
    )
    assert AgentSpec.decode(spec.encode(), {}) == spec
    assert AgentSpec.decode(spec.encode(), {}).encode() == spec.encode()


GRAPH: dict[str, Any] = {"start": "a", "nodes": [{"name": "a", "type": "tools"}]}


@pytest.mark.parametrize(
    "changes",
    [
        {"patience": 3},
        {"model": {"name": "m", "voice": "alto"}},
        {"limits": {"pages": 3}},
        {"quota": {"pages_per_day": 3}},
        {"history": {"shape": "round"}},
        {"output": {"schema": {}, "shape": "round"}},
        {"tools": [FLAT | {"shadow": True}]},
        {"tools": [FLAT | {"effects": "twice"}]},
        {"tools": [FLAT | {"limits": {"threads": 3}}]},
        {"graph": GRAPH | {"colour": "red"}},
        {"graph": GRAPH | {"nodes": [{"name": "a", "type": "tools", "colour": "red"}]}},
        {"graph": GRAPH | {"edges": [{"origins": ["a"], "targets": ["end"], "weight": 1}]}},
    ],
)
def test_what_this_release_does_not_know_is_of_a_later_one(changes: dict[str, Any]) -> None:
    with pytest.raises(NewerDefinitionError):
        AgentSpec.decode(stored(**changes), {})
