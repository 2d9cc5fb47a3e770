"""What differs between a recording and today, and how it is shown."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.agent_tests.comparison import MAX_DIFFERENCES, Comparison, Difference, compare
from journeyman.agent_tests.recording import Recording
from journeyman.agents.spec import AgentSpec, Limits, ModelSettings
from journeyman.events.events import ModelCalled, ModelReplied, RunAccepted, RunFinished, RunStarted, ToolCallStarted
from journeyman.events.messages import assistant, user

SPEC = AgentSpec(type="react_agent", name="a", model=ModelSettings(name="m"), prompt="Help.")
EVENTS = (
    RunAccepted(thread="local/t", principal="local", input=user("hi")),
    RunStarted(epoch=1),
    ModelCalled(call="m1", model="m"),
    ModelReplied(call="m1", model="m", message=assistant("hello")),
    RunFinished(output="hello"),
)
OLD = Recording(events=EVENTS, started_at=0, definition=SPEC, prompts={"m1": "Help."})


def new(**changes: object) -> Recording:
    return msgspec.structs.replace(OLD, **changes)


def test_the_same_run_has_no_differences() -> None:
    assert compare(OLD, new(started_at=5)) == Comparison()
    assert compare(OLD, OLD).equal


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (new(prompts={"m1": "Help!"}), "the system prompt of m1 differs:\n  - Help.\n  + Help!"),
        (new(events=EVENTS[:4]), "event 5 does not happen any more: run_finished"),
        (
            new(events=(*EVENTS[:4], RunFinished(output="bye"))),
            'event 5, run_finished, differs:\n  output: "hello" -> "bye"',
        ),
        (
            new(definition=msgspec.structs.replace(SPEC, model=ModelSettings(name="m2"))),
            'the definition has changed: model.name: "m" -> "m2"',
        ),
    ],
)
def test_a_difference_is_told_with_its_place(changed: Recording, told: str) -> None:
    comparison = compare(OLD, changed)
    assert not comparison.equal
    assert told in comparison.text()


def test_a_change_that_no_model_sees_is_a_note() -> None:
    comparison = compare(OLD, new(definition=msgspec.structs.replace(SPEC, limits=Limits(steps=3))))
    assert comparison.equal
    assert "limits: " in comparison.notes[0].text()


def test_of_many_differences_the_rest_are_counted() -> None:
    comparison = Comparison(differences=tuple(Difference(str(n)) for n in range(MAX_DIFFERENCES + 3)))
    assert comparison.text().splitlines()[-1] == "… and 3 more"


def test_an_argument_that_was_left_out_is_its_default() -> None:
    def called(**arguments: object) -> Recording:
        started = ToolCallStarted(
            call="m1.0", call_id="c", tool="pay", arguments=arguments, attempt=1, idempotency_key="k", code_hash="h"
        )
        return new(events=(*EVENTS[:4], started))

    schemas = {"pay": {"type": "object", "properties": {"amount": {"type": "number", "default": 100.0}}}}
    assert compare(called(), called(amount=100.0), schemas).equal
    assert compare(called(amount=100.0), called(), schemas).equal
    assert not compare(called(), called(amount=99.0), schemas).equal
    assert not compare(called(), called(amount=100.0)).equal
