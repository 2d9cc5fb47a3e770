"""Test files: read with all their problems at once, updated in place, their expectations checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent_tests.comparison import Comparison, Difference
from journeyman.agent_tests.expectations import failed_expectations
from journeyman.agent_tests.file import ExpectEntry
from journeyman.agent_tests.junit import junit_xml
from journeyman.agent_tests.normalize import normalized_events
from journeyman.agent_tests.parsing import AgentTest, parse_test
from journeyman.agent_tests.recording import Recording
from journeyman.agent_tests.run_test import AgentTestResult, update
from journeyman.agent_tests.writing import file_text, updated_text
from journeyman.errors import ConfigurationError, StateError
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    Event,
    Failure,
    ModelCalled,
    ModelReplied,
    RunAccepted,
    RunFinished,
    RunPaused,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import fold
from journeyman.events.messages import ToolCall, Usage, assistant, user

FILE = Path("x.agent-test.yaml")
SCRIPTED = """\
input: Hi
model: [{text: Hello}]
expect: {text: Hello}
"""


def parse(text: str) -> AgentTest:
    return parse_test(text.encode(), FILE)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        parse(text)
    return [str(problem) for problem in refused.value.problems]


def test_every_problem_has_its_place_and_a_remedy() -> None:
    text = """\
inptu: Hi
model:
  - {text: Hello, error: unheard}
thread: {messages: [{role: tool, content: x}]}
answers: [{decision: maybe}]
expect:
  text: {is: x}
  calls: [{tool: a, argument: {}}]
  limits: {steps: many}
"""
    found = problems(text)
    places = [problem.split(": ")[0].removeprefix(f"{FILE}:") for problem in found]
    assert places == ["1:1", "3:5", "4:28", "5:22", "7:10", "8:21", "9:19"]
    assert "did you mean `input`?" in found[0]
    assert "error 'unheard' is none of" in found[1]
    assert "did you mean `arguments`?" in found[5]
    assert "must be a whole number" in found[6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a test file is a mapping"),
        ("input: Hi\nexpect: {text: a}", "neither `model` nor `recorded`"),
        ("model: []\nexpect: {text: a}", "`input` is missing"),
        ("input: Hi\nmodel: []", "the test cannot fail"),
        ("input: Hi\nmodel: [{text: 1}]\nexpect: {text: a}", "2:9: Expected `str`, got `int`"),
        ('input: Hi\nmodel: []\nexpect: {text: {regex: "("}}', "no regular expression"),
        ("input: Hi\ninput: Ho", "given twice"),
        ("recorded: {journeyman: x, started_at: soon, events: [{a: {}}, {b: {}, c: {}}]}", "is no time"),
        ("recorded: {journeyman: x, started_at: soon, events: [{a: {}}, {b: {}, c: {}}]}", "'a' is no type of event"),
        ("recorded: {journeyman: x, started_at: soon, events: [{a: {}}, {b: {}, c: {}}]}", "an event is one key"),
    ],
)
def test_what_cannot_be_a_test_is_refused(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


# --- recordings in files

EVENTS: tuple[Event, ...] = (
    RunAccepted(thread="me/t", principal="me", agent="a", input=user("Hi"), request_id="r"),
    RunStarted(epoch=3, first_no=4, last_no=5, thread_context={"name": "Ann"}),
    ModelCalled(call="m1", model="m", first_no=4, messages=3, request_hash="h"),
    ModelReplied(call="m1", model="m", message=assistant("", ToolCall("c", "pay", '{"n": 1}')), usage=Usage(5, 2)),
    ApprovalRequested(approval="appr_77", kind="tool", call="m1.0", tool="pay", arguments={"n": 1}, args_hash="x.y"),
    RunPaused(waiting_for=("appr_77",)),
    ApprovalGiven(approval="appr_77", decision="approve", by="me"),
    ToolCallStarted(call="m1.0", call_id="c", tool="pay", arguments={"n": 1}, idempotency_key="k", code_hash="z"),
    ToolCallFinished(
        call="m1.0", call_id="c", tool="pay", error=Failure("tool_failed", "no", "err_1"), duration_ms=4.5
    ),
    RunFinished(output="Paid: nothing.\nSorry."),
)
RECORDING = Recording(events=EVENTS, started_at=1_764_000_000_123_456, history=(user("a"), assistant("b")))


def test_a_recording_is_read_as_it_was_written_without_what_differs_from_run_to_run() -> None:
    text = file_text(RECORDING, agent="../agent.yaml", description="says: no")
    assert not [word for word in ("appr_77", "err_1", "me/t", "4.5", "request_id") if word in text]
    test = parse(text)
    assert (test.entry.agent, test.agent_path) == ("../agent.yaml", Path("../agent.yaml"))
    again = test.recording
    assert again is not None
    assert (again.started_at, again.history) == (RECORDING.started_at, RECORDING.history)
    assert normalized_events(again.events) == normalized_events(EVENTS)
    assert (again.started.first_no, again.started.last_no) == (1, 2)


def test_an_update_leaves_everything_around_the_recording_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.agent-test.yaml"
    text = file_text(RECORDING, agent=None, description="d")
    path.write_text(f"# mine\n{text}\n# mine too\nexpect:\n  status: finished  # always\n")
    test = parse_test(path.read_bytes(), path)
    today = Recording(events=(*EVENTS[:-1], RunFinished(output="Other.")), started_at=RECORDING.started_at)
    verdict = AgentTestResult(path=path, name="d", comparison=Comparison(differences=(Difference("x"),)), today=today)
    updated = update(verdict, test)
    assert (updated.passed, updated.updated) == (True, True)
    written = path.read_text()
    assert written.startswith("# mine\n# A run as a test")
    assert written.endswith("expect:\n  status: finished  # always\n")
    assert "output: Other." in written
    assert "Sorry." not in written
    assert updated_text(written, parse_test(path.read_bytes(), path).document, today) == written


def test_a_run_that_lacks_replies_is_not_updated(tmp_path: Path) -> None:
    path = tmp_path / "x.agent-test.yaml"
    path.write_text(file_text(RECORDING, agent=None, description="d"))
    before = path.read_text()
    failed = Comparison(differences=(Difference("m3 has no reply"),))
    verdict = update(AgentTestResult(path=path, name="d", comparison=failed), parse_test(path.read_bytes(), path))
    assert isinstance(verdict.problem, StateError)
    assert "run it anew" in verdict.text()
    assert path.read_text() == before


# --- expectations


def failures(**expect: Any) -> list[str]:
    state = fold("r", ((seq, 0, event) for seq, event in enumerate(EVENTS, 1)))
    return [difference.what for difference in failed_expectations(ExpectEntry.model_validate(expect), state, EVENTS)]


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


# --- JUnit


def test_verdicts_as_junit_xml() -> None:
    bad = Comparison(differences=(Difference("it \x1b differs", ("a & b",)),))
    xml = junit_xml(
        [
            AgentTestResult(path=FILE, name="good", seconds=0.25),
            AgentTestResult(path=FILE, name="bad", comparison=bad),
            AgentTestResult(path=FILE, name="ugly", problem=ConfigurationError("no")),
        ]
    )
    suite = ElementTree.fromstring(xml)[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1",
    }  # fmt: skip
    assert [case.get("name") for case in suite] == ["good", "bad", "ugly"]
    assert suite[1][0].text == "it \N{REPLACEMENT CHARACTER} differs\n  a & b"
    assert suite[2][0].tag == "error"
