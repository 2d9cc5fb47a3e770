"""A recording: what a run did and what it began with."""

from __future__ import annotations

import msgspec

from journeyman.agent_tests.recording import Recording
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.events.codec import Codec
from journeyman.events.events import (
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    ModelReplied,
    RunAccepted,
    RunForked,
    RunStarted,
)
from journeyman.events.messages import assistant, user

ACCEPTED = RunAccepted(thread="local/t", principal="local", input=user("the key is sk-0123456789"))
CALLED = ModelCalled(call="m1", model="gpt")
RECORDING = Recording(events=(ACCEPTED, RunStarted(epoch=1), CALLED), started_at=0)


def test_the_model_is_the_definitions_or_the_one_that_was_called() -> None:
    spec = AgentSpec(type="react_agent", name="a", model=ModelSettings(name="offline"), variables={"KEY": "v"})
    assert RECORDING.model == "gpt"
    known = msgspec.structs.replace(RECORDING, definition=spec)
    assert (known.model, known.secrets, RECORDING.secrets) == ("offline", ("v",), ())


def test_known_secrets_are_replaced_everywhere() -> None:
    codec = Codec(["sk-0123456789"])
    given = msgspec.structs.replace(RECORDING, summary="sk-0123456789", prompts={"m1": "sk-0123456789"})
    assert b"sk-0123456789" not in msgspec.json.encode(given.masked(codec))


def test_what_is_given_to_a_fork_are_the_copies_and_its_edits() -> None:
    copied = msgspec.structs.replace(ACCEPTED, copied=2)
    edits = (MessageAdded(message=user("more"), correction=False), MessageReplaced(seq=2, message=user("else")))
    work = (CALLED, ModelReplied(call="m1", model="gpt", message=assistant("x")))
    fork = Recording(events=(copied, RunStarted(epoch=1), RunForked(parent="run_0", at=2), *edits, *work), started_at=0)
    assert (RECORDING.prefix_length, fork.prefix_length) == (0, 5)
