"""Definitions: their canonical form, their version, and what is no part of it."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.agents.spec import AgentSpec, GraphSpec, Limits, ModelSettings, NodeSpec
from journeyman.errors import ConfigurationError
from journeyman.tools.spec import ToolSpec

LOOK = ToolSpec(name="look", description="Look.", parameters={"type": "object"})
SPEC = AgentSpec(type="react_agent", name="support", model=ModelSettings(name="m"), tools=(LOOK,), prompt="Help.")


def test_what_is_encoded_is_decoded_as_it_was() -> None:
    assert AgentSpec.decode(SPEC.encode(), {}) == SPEC
    assert SPEC.encode() == AgentSpec.decode(SPEC.encode(), {}).encode()


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
