"""The stored form of a definition, read and written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.agents.spec import AgentSpec, EdgeSpec, GraphSpec, Limits, ModelSettings, NewerDefinitionError, NodeSpec
from journeyman.errors import ConfigurationError
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


LOOK = ToolSpec(name="look", description="Look.", parameters={"type": "object"})


SPEC = AgentSpec(type="react_agent", name="support", model=ModelSettings(name="m"), tools=(LOOK,), prompt="Help.")


def test_what_is_encoded_is_decoded_as_it_was() -> None:
    assert AgentSpec.decode(SPEC.encode(), {}) == SPEC
    assert SPEC.encode() == AgentSpec.decode(SPEC.encode(), {}).encode()


def test_the_api_of_a_model_is_stored_only_if_it_is_chosen() -> None:
    assert b'"api"' not in SPEC.encode()
    chosen = msgspec.structs.replace(SPEC, model=ModelSettings(name="m", api="responses"))
    assert AgentSpec.decode(chosen.encode(), {}) == chosen


def test_the_version_follows_what_a_run_depends_on() -> None:
    assert len(SPEC.version) == 16
    assert msgspec.structs.replace(SPEC).version == SPEC.version
    for change in ({"prompt": "Help!"}, {"limits": Limits(steps=3)}, {"tools": ()}):
        assert msgspec.structs.replace(SPEC, **change).version != SPEC.version


def test_a_variables_value_is_stored_by_its_name_and_read_as_it_is_now() -> None:
    secret = msgspec.structs.replace(SPEC, prompt="Key: 0123456789", variables={"KEY": "0123456789"})
    stored = secret.encode()
    assert b"0123456789" not in stored
    assert AgentSpec.decode(stored, {"KEY": "abcdefghij"}).prompt == "Key: abcdefghij"
    assert secret.shown().prompt == "Key: ${KEY}"
    with pytest.raises(ConfigurationError, match="KEY"):
        AgentSpec.decode(stored, {})


def test_tools_and_nodes_are_found_by_name() -> None:
    graph = GraphSpec(start="plan", nodes=(NodeSpec(name="plan", type="llm"),))
    assert (SPEC.tool("look"), SPEC.tool("nope")) == (LOOK, None)
    assert (graph.node("plan"), graph.node("nope")) == (graph.nodes[0], None)
