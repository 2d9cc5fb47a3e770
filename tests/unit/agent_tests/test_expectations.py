from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent_tests.expectations import failed_expectations, missing_tools
from journeyman.agent_tests.file import ExpectEntry
from journeyman.events.events import (
    Event,
    Failure,
    ModelReplied,
    ToolCallFinished,
)
from journeyman.events.fold import fold
from journeyman.events.messages import ToolCall, assistant
from tests.harness.recorded_run import EVENTS
from tests.unit.agent_tests.test_parsing import failures


@pytest.mark.parametrize(
    ("holds", "fails"),
    [
        ({"status": "finished"}, {"status": "failed"}),
        ({"text": "Paid: nothing.\nSorry."}, {"text": "Paid"}),
        ({"text": {"contains": ["Paid", "Sorry"]}}, {"text": {"contains": ["Paid", "x"]}}),
        ({"text": {"excludes": "x"}}, {"text": {"excludes": "Sorry"}}),
        ({"text": {"regex": "^Paid.*\n"}}, {"text": {"regex": "^paid"}}),
        ({"calls": ["pay"]}, {"calls": []}),
        ({"calls": [{"tool": "pay", "arguments": {"n": 1}}]}, {"calls": [{"tool": "pay", "arguments": {"n": 2}}]}),
        ({"calls": [{"tool": "pay", "error": "tool_failed"}]}, {"calls": [{"tool": "pay", "error": "tool_timeout"}]}),
        ({"calls": [], "order": "contains"}, {"calls": ["pay", "pay"], "order": "contains"}),
        ({"calls": ["pay"], "order": "any"}, {"calls": ["look"], "order": "any"}),
        ({"limits": {"steps": 1, "tool_calls": 1, "tokens": 7, "cost_usd": 0}}, {"limits": {"tokens": 6}}),
        ({}, {"stopped_by": "steps"}),
        ({}, {"error": "gateway_error"}),
    ],
)
def test_an_expectation_holds_or_says_what_it_found(holds: dict[str, Any], fails: dict[str, Any]) -> None:
    assert failures(**holds) == []
    assert failures(**fails) != []


calls = st.lists(st.sampled_from("abc"), max_size=5)


def run_of(names: list[str]) -> tuple[Event, ...]:
    asked = (ToolCall(str(place), name, "{}") for place, name in enumerate(names))
    return (*EVENTS[:2], ModelReplied(call="m1", model="m", message=assistant("", *asked)))


@given(calls, calls)
def test_the_orders_of_calls(wanted: list[str], made: list[str]) -> None:
    events = run_of(made)
    state = fold("r", ((seq, 0, event) for seq, event in enumerate(events, 1)))

    def hold(order: str) -> bool:
        return not list(
            failed_expectations(ExpectEntry.model_validate({"calls": wanted, "order": order}), state, events)
        )

    rest = iter(made)
    assert hold("exact") == (wanted == made)
    assert hold("any") == (sorted(wanted) == sorted(made))
    assert hold("contains") == all(name in rest for name in wanted)


def test_a_call_of_a_tool_that_is_not_there_is_named() -> None:
    failure = Failure("tool_not_found", "There is no tool 'a'. Tools: b.")
    events = (*run_of(["a"]), ToolCallFinished(call="m1.0", call_id="0", tool="a", error=failure))

    def expected(calls: list[Any] | None) -> ExpectEntry:
        return ExpectEntry.model_validate({"calls": calls})

    said = "calls: a({}) was not run: There is no tool 'a'. Tools: b. [tool_not_found]"
    for expect in (None, expected(None), expected(["a"])):
        assert [difference.what for difference in missing_tools(expect, events)] == [said]
    assert list(missing_tools(expected([{"tool": "a", "error": "tool_not_found"}]), events)) == []
    state = fold("r", ((seq, 0, event) for seq, event in enumerate(events, 1)))
    [found] = failed_expectations(expected([{"tool": "a", "result": "x"}]), state, events)
    assert "error: There is no tool 'a'. Tools: b. [tool_not_found]" in found.lines
