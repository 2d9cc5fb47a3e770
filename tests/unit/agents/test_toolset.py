from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.agents.toolset import Toolset, arguments_hash
from journeyman.events.messages import JSON
from journeyman.tools.spec import ToolSpec

values = st.dictionaries(st.text(max_size=3), st.none() | st.integers(0, 9) | st.text(max_size=3), max_size=4)


def spec(name: str = "pay", code_hash: str = "v1") -> ToolSpec:
    return ToolSpec(name=name, description=f"The {name}", parameters={"type": "object"}, code_hash=code_hash)


def test_its_tools_and_their_definitions() -> None:
    def check(name: str, arguments: Any) -> dict[str, JSON]:
        return {"checked": name}

    tools = Toolset([spec(), spec("look")], check)
    assert tools.get("look") == spec("look")
    assert tools.get("nope") is None
    assert [(one.name, one.description) for one in tools.definitions] == [("pay", "The pay"), ("look", "The look")]
    assert tools.check("pay", {}) == {"checked": "pay"}


@settings(max_examples=50, deadline=None, database=None)
@given(values, values)
def test_the_hash_is_of_code_and_arguments_in_any_order(one: dict[str, JSON], other: dict[str, JSON]) -> None:
    same = dict(reversed(one.items()))
    assert arguments_hash(spec(), one) == arguments_hash(spec(), same)
    assert (arguments_hash(spec(), one) == arguments_hash(spec(), other)) == (one == other)
    assert arguments_hash(spec(), one) != arguments_hash(spec(code_hash="v2"), one)
    assert arguments_hash(spec("look"), one) != arguments_hash(spec(), one)
    assert arguments_hash(spec(), one).startswith("v1.")
