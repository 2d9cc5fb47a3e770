"""Stored definitions hold the names of environment variables in the place of their values."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.agents.env_references import redacted_text, resolved_references, with_references
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.errors import ConfigurationError
from journeyman.tools.spec import ToolPolicy, ToolSpec

KEY = "sk-planted-0123456789"
values = st.text("ab$\\{} N_", min_size=1, max_size=10)
texts = st.lists(st.text("ab$\\{}N ", max_size=6) | values, max_size=6).map("".join)


def agent(key: str = KEY) -> AgentSpec:
    return AgentSpec(
        type="react_agent",
        name="a",
        model=ModelSettings(name="m", extra={"user": key, "deep": [{"x": f"Bearer {key}"}]}),
        prompt=f"The key is {key}, and $5 and ${{THIS}} and $$ stay.",
        tools=(ToolSpec(name="t", description=f"by {key}", parameters={}, policy=ToolPolicy(effects="idempotent")),),
        variables={"KEY": key, "UNUSED": "another-value"},
    )


@settings(max_examples=300, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from(("A", "B_1", "C")), values), texts)
def test_what_is_stored_is_read_as_it_was(variables: dict[str, str], text: str) -> None:
    stored, used = with_references({"text": [text]}, variables)
    assert set(used) <= set(variables)
    assert resolved_references(stored, variables) == {"text": [text]}


def test_no_value_is_stored_and_the_definition_is_read_with_those_of_now() -> None:
    data = agent().encode()
    assert KEY.encode() not in data
    assert b"another-value" not in data
    used = msgspec.structs.replace(agent(), variables={"KEY": KEY})
    assert AgentSpec.decode(data, {"KEY": KEY}) == used
    again = AgentSpec.decode(data, {"KEY": "sk-rotated-9876543210", "OTHER": "x"})
    assert again.prompt == "The key is sk-rotated-9876543210, and $5 and ${THIS} and $$ stay."
    assert again.model.extra == {"user": "sk-rotated-9876543210", "deep": [{"x": "Bearer sk-rotated-9876543210"}]}
    assert again.variables == {"KEY": "sk-rotated-9876543210"}
    assert again.encode() == data


def test_a_changed_value_is_no_new_version() -> None:
    """A version says what the file says; so its hash tells nothing of a value either."""
    assert agent().version == agent("sk-rotated-9876543210").version
    assert agent().version != msgspec.structs.replace(agent(), description="new").version


def test_a_definition_that_refers_to_nothing_is_stored_as_it_always_was() -> None:
    plain = msgspec.structs.replace(agent("too short"[:7]), variables={})
    named = msgspec.structs.replace(plain, variables={"KEY": "a-value-that-stands-in-headers-only"})
    assert named.encode() == plain.encode()
    assert named.version == plain.version


def test_a_definition_of_an_earlier_release_holds_the_values_and_is_read_as_it_is() -> None:
    old = agent().without_variables().encode()
    assert KEY.encode() in old
    assert AgentSpec.decode(old, {}) == agent().without_variables()


def test_a_variable_that_is_gone_is_named() -> None:
    for environment in ({}, {"KEY": ""}):
        with pytest.raises(ConfigurationError, match="the environment variable KEY, which is not set"):
            AgentSpec.decode(agent().encode(), environment)


def test_people_see_the_name() -> None:
    spec = agent().shown()
    assert spec.prompt == "The key is ${KEY}, and $5 and ${THIS} and $$ stay."
    assert spec.tools[0].policy.effects == "idempotent"
    assert KEY.encode() not in msgspec.json.encode(spec)
    assert redacted_text("nothing", {}) == "nothing"


def test_a_closed_word_may_come_from_a_variable() -> None:
    spec = msgspec.structs.replace(agent(), variables={"EFFECTS": "idempotent"})
    data = spec.encode()
    assert b'"effects":"${EFFECTS}"' in data
    assert AgentSpec.decode(data, {"EFFECTS": "idempotent"}) == spec
    assert spec.shown().tools[0].policy.effects == "idempotent"
