"""Test files: all problems are reported at once, and a recording is read back as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman.agent_tests.expectations import failed_expectations
from journeyman.agent_tests.file import ExpectEntry
from journeyman.agent_tests.normalize import normalized_events
from journeyman.agent_tests.parsing import AgentTest, parse_test
from journeyman.agent_tests.writing import file_text
from journeyman.errors import ConfigurationError
from journeyman.events.fold import fold
from tests.harness.recorded_run import EVENTS, RECORDING

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


def test_every_problem_has_its_location_and_a_remedy() -> None:
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
        ("[]", "a test file must be a mapping"),
        ("input: Hi\nexpect: {text: a}", "the test has neither `model` nor `recorded`"),
        ("model: []\nexpect: {text: a}", "`input` is missing"),
        ("input: Hi\nmodel: []", "the test expects nothing, so it cannot fail"),
        ("input: Hi\nmodel: [{text: 1}]\nexpect: {text: a}", "2:9: Expected `str`, got `int`"),
        ('input: Hi\nmodel: []\nexpect: {text: {regex: "("}}', "`regex` is not a regular expression"),
        ("input: Hi\ninput: Ho", "given twice"),
        (
            "recorded: {journeyman: x, started_at: soon, events: [{a: {}}, {b: {}, c: {}}]}",
            "`started_at` is not a time",
        ),
        ("recorded: {journeyman: x, started_at: soon, events: [{a: {}}, {b: {}, c: {}}]}", "'a' is no type of event"),
        (
            "recorded: {journeyman: x, started_at: soon, events: [{a: {}}, {b: {}, c: {}}]}",
            "an event must be a mapping of its type to its data",
        ),
    ],
)
def test_an_invalid_test_is_refused(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


def test_a_recording_is_read_back_without_the_fields_that_differ_from_run_to_run() -> None:
    text = file_text(RECORDING, agent="../agent.yaml", description="says: no")
    assert not [word for word in ("appr_77", "err_1", "me/t", "4.5", "request_id") if word in text]
    test = parse(text)
    assert (test.entry.agent, test.agent_path) == ("../agent.yaml", Path("../agent.yaml"))
    again = test.recording
    assert again is not None
    assert (again.started_at, again.history) == (RECORDING.started_at, RECORDING.history)
    assert normalized_events(again.events) == normalized_events(EVENTS)
    assert (again.started.first_no, again.started.last_no) == (1, 2)


def failures(**expect: Any) -> list[str]:
    state = fold("r", ((seq, 0, event) for seq, event in enumerate(EVENTS, 1)))
    return [difference.what for difference in failed_expectations(ExpectEntry.model_validate(expect), state, EVENTS)]
